"""What is given to `run.py SOURCE -o SINK ...`, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from stream.commands.parts import model_options
from stream.commands.parts.camera_options import add_camera_options
from stream.commands.parts.command_line import (
    COMMANDS,
    CommandError,
    Parser,
    add_debug_option,
    json_file,
    say,
)
from stream.commands.parts.control_options import add_control_options
from stream.version import VERSION

if TYPE_CHECKING:
    from stream.live.palette import Palette
    from stream.tracking import Keyframes

#: Constant rate factor of the encoder unless told otherwise.
CRF = 20
#: Minutes of a film: shorter parts are hardly more than what is looked at around each.
SHORTEST_PART = 0.01
#: Groups of options in the help.
IN_AND_OUT, EFFECT, FILES = "source and outputs", "effect", "how files are written"
FROM_FRAME_TO_FRAME = "from frame to frame"

EFFECTS = """\
--effect: blur[=0.1..1], grey, replace=PHOTO|VIDEO|#RRGGBB, mask (pure black and white), cutout
(transparent: .png, folder/, .mov, .webm, .gif, .webp, .apng), overlay, none. A photo or video
fills the frame; after its name, replace=beach.jpg,contain shows all of it, and left, right, top,
bottom say what stays of it, or where it goes: beach.jpg,cover,top.
"""

SOURCES = f"""\
SOURCE: a camera by number (left out: 0), camera:PART-OF-ITS-NAME or its path (/dev/video2,
/dev/v4l/by-id/...; run.py cameras lists them), a video, a photo, a folder/ or 'glob' of photos, a
network address (http, rtsp, udp, ...), a file in an object store (s3://, gs://, az://), screen: or
screen:WxH+X+Y, or demo: (a portrait in motion, no camera needed).

-o SINK, repeatable: window: (the default), a video by its ending (.mp4 .mkv .mov .webm ...), a
short clip (.gif .webp .apng), a photo (.png .jpg), a folder/ (one PNG a frame), .json or .jsonl
(COCO results: boxes, scores, RLE), instances:FOLDER/ (one black and white PNG an object),
labels:FOLDER/ (label maps), crops:FOLDER/ (one cut-out an object), dataset:FOLDER/ (COCO, to train
on), labelme:FOLDER/ (to correct by hand), virtualcam:[DEVICE][,1280x720@30], null:,
rtmp://HOST/APP/KEY, srt://HOST:PORT, udp://HOST:PORT, hls:FOLDER/ (a playlist for a web server).
Files as well to an object store.

{EFFECTS}
examples:
  run.py                                   webcam, background blurred, in a window
  run.py talk.mp4 -o out.mp4               a file, sound kept
  run.py talk.mp4 -o out.mkv --codec av1   smaller, slower; --encoder auto: by hardware
  run.py wave.mp4 -o wave.gif --effect cutout
  run.py photo.jpg -o mask.png --effect mask
  run.py 0 -o virtualcam: --effect replace=beach.jpg
  run.py camera:c920 --camera-size 1920x1080 --camera-fps 30
  run.py --effect replace=a.jpg --background b.mp4 --background '#2a6f97'    (key b)
  run.py -o virtualcam: --frame --light --front logo.png,top,right           (keys t l p)
  run.py 0 -o virtualcam: --control        buttons and sliders on a page, also for programs
  run.py talk.mp4 --realtime               a file that behaves like a camera
  run.py screen:1280x720+0+0 -o out.mp4    a part of the screen
  run.py 0 -o talk.mp4 --sound mic         and what is said; mic:yeti, mic,delay=40
  run.py 0 -o srt://192.0.2.7:9000 -o hls:web/
  run.py frames/ --fps 25 -o out.mp4       photos that are the frames of a video
  run.py photo.jpg -o instances:masks/ --keep dog --model mask-rcnn
  run.py in.mp4 -o out.mp4 -o found.jsonl --keep person,dog
  run.py in.mp4 -o out.mp4 --model mask-rcnn --keyframe 5
  run.py in.mp4 --model mask-rcnn-person --keep '#3'    one person (key o shows ids)
"""


def cast_parser() -> Parser:
    """Return the parser; its help names sources, sinks, effects and keys."""
    parser = Parser(
        description="Blurs, greys or replaces the background of a webcam, a video or a photo.",
        epilog=SOURCES + _keys() + f"\nother commands: {', '.join(COMMANDS)} (each with --help)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_source_and_outputs(parser)
    add_casting_options(parser)
    _add_staging_options(parser)
    add_camera_options(parser, _rate)
    add_control_options(parser)
    add_split_option(parser)
    _add_program_options(parser)
    return parser


def _add_source_and_outputs(parser: Parser) -> None:
    """Add what is read, where it is written, and what is heard."""
    add = partial(parser.add_argument, group=IN_AND_OUT)
    parser.add_argument(
        "source",
        nargs="?",
        default="0",
        metavar="SOURCE",
        input_after="",
        help="what to read (see below)",
    )
    add("-o", "--output", action="append", metavar="SINK", help="where to write; repeatable")
    add(
        "-y",
        "--overwrite",
        action="store_true",
        is_kept=False,  # what may be lost is asked of every run
        help="replace outputs that exist",
    )
    add("--fps", type=_rate, metavar="RATE", help="photos are a video at this rate: 25, 30000/1001")
    add("--realtime", action="store_true", help="a file is paced and drops frames like a camera")
    add(
        "--sound",
        type=_sound,
        metavar="mic[:NAME][,delay=MS]",
        help="a microphone, by part of its name, in videos and streams of a camera or the screen; "
        "delay puts its sound later; default: no sound",
    )


def _add_staging_options(parser: Parser) -> None:
    """Add further backgrounds, and what else is done with the picture."""
    add = partial(parser.add_argument, group=EFFECT)
    add(
        "--background",
        action="append",
        default=[],
        metavar="PHOTO|VIDEO|#RRGGBB",
        input_after="",
        help="another one for replace, which the key b changes to; repeatable",
    )
    add(
        "--frame",
        action="store_true",
        help="show the part of the picture around heads and shoulders, and follow them",
    )
    add("--light", action="store_true", help="lift the people where they are in the dark")
    add(
        "--light-wrap",
        action="store_true",
        help="light of the background falls on the people's edges",
    )
    add(
        "--front",
        metavar="PICTURE",
        input_after="",
        help="a logo or lower third, with alpha, over everything; logo.png,top,right says where",
    )


def _add_program_options(parser: Parser) -> None:
    """Add what is of the program, not of pictures."""
    add = parser.add_argument
    add("--profile", metavar="NAME", is_kept=False, help="options that were saved, or a file.toml")
    add("--save-profile", metavar="NAME", is_kept=False, help="save the options of this run")
    add(
        "--stats",
        type=json_file,
        metavar="FILE.json",
        is_rare=True,
        help="write counts, times and memory to it",
    )
    add_debug_option(parser)
    version = f"maskcast {VERSION}"
    add("--version", action="version", version=version, is_kept=False, help="show it and end")


def add_split_option(parser: Parser) -> None:
    """Add how films are cut into parts."""
    parser.add_argument(
        "--split",
        group=FILES,
        is_rare=True,
        metavar="MINUTES|auto",
        type=_split,
        help="films are done in parts of so long, by several workers, and joined again; auto: "
        "where there are more workers than files",
    )


_KEYFRAME = (
    "the network sees every Nth frame, or those that need it (auto), one in N on average; rvm-*, "
    "which remember what they saw, then give masks without hair"
)


def add_casting_options(parser: Parser) -> None:
    """Add how every source is cast: effect, network, and how files are written."""
    add = partial(parser.add_argument, group=EFFECT)
    add(
        "--effect",
        default="blur",
        metavar="NAME[=VALUE]",
        input_after="replace=",
        help="see below; default: blur",
    )
    add("--invert", action="store_true", help="apply the effect to the people instead")
    model_options.add_model_options(parser)
    add = partial(parser.add_argument, group=FROM_FRAME_TO_FRAME)
    add("--keyframe", metavar="N|auto[:N]", help=_KEYFRAME)
    add(
        "--reuse",
        default="auto",
        choices=("auto", "hold", "flow"),
        is_rare=True,
        help="in between, masks stay where they are (hold) or move with the picture (flow)",
    )
    _add_file_options(parser)


def _add_file_options(parser: Parser) -> None:
    """Add how files are written."""
    add = partial(parser.add_argument, group=FILES)
    add(
        "--codec",
        metavar="h264|hevc|av1|vp9|prores",
        type=_codec,
        help="of video files; default: h264, vp9 in .webm; prores in a transparent .mov",
    )
    add(
        "--encoder",
        metavar="software|auto|nvenc|qsv|vaapi|amf|videotoolbox",
        type=_encoder,
        default="software",
        help="of videos and streams: software (the default, the same everywhere), the first "
        "hardware that works (auto), or this hardware and no other",
    )
    add(
        "--quality",
        metavar="PRESET[:CRF]",
        type=_quality,
        default=(None, CRF),
        help="in x264's terms, which other encoders translate; default: medium:20 for files, "
        "veryfast:20 when live",
    )
    add(
        "--polygons",
        action="store_true",
        is_rare=True,
        help="outlines instead of RLE in .json and .jsonl",
    )
    add(
        "--keep-location",
        action="store_true",
        is_rare=True,
        help="outputs say where their source was taken",
    )


def keyframes_of(options: argparse.Namespace) -> Keyframes:
    """Return which frames the network sees.

    Raises:
        CommandError: what is said of them makes no sense.
    """
    from stream.tracking import Keyframes

    try:
        return Keyframes.parse(options.keyframe, options.reuse)
    except ValueError as error:
        raise CommandError(f"--keyframe: {error}") from error


def palette_of(
    effect: str, backgrounds: Sequence[str], stack: ExitStack, front: str | None = None
) -> Palette:
    """Return the effects that are asked for, which `stack` closes.

    Raises:
        CommandError: there is no such effect, or place for a picture.
        StreamError: a background, or the picture in front, cannot be read.
    """
    from effects.placing import parse_placing, split_placing
    from stream.live.palette import Palette

    try:
        parse_placing(split_placing(front or "")[1])
    except ValueError as error:
        raise CommandError(f"--front {front}: {error}") from error
    try:
        return Palette(effect, backgrounds, stack, say, front)
    except ValueError as error:
        raise CommandError(f"--effect {error}") from error


def _keys() -> str:
    from stream.live.keys import key_lines

    lines = "".join(f"  {line}\n" for line in key_lines())
    return (
        f"\nkeys in the window (nothing written there goes into other outputs):\n{lines}"
        "5, cutout, works only when begun with --effect cutout.\n"
    )


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f"a rate such as 25 or 30000/1001, got {text!r}")
    return rate


def _split(text: str) -> float:
    """Return the seconds of a part, 0 for "auto"."""
    if text == "auto":
        return 0.0
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not SHORTEST_PART <= minutes < 1e6:
        told = f"a number of minutes such as 10, at least {SHORTEST_PART}, or auto"
        raise argparse.ArgumentTypeError(f"{told}; got {text!r}")
    return minutes * 60


def _sound(text: str) -> str:
    from stream.microphone.option import parse_sound

    try:
        parse_sound(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _codec(text: str) -> str:
    from stream.ffmpeg.encoding.encoders import VIDEO_CODECS

    return _one_of(text, VIDEO_CODECS)


def _encoder(text: str) -> str:
    from stream.ffmpeg.encoding.encoders import ENCODERS

    return _one_of(text, ENCODERS)


def _one_of(text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise argparse.ArgumentTypeError(f"one of {' '.join(known)}; got {text!r}")
    return text


def _quality(text: str) -> tuple[str | None, int]:
    from stream.ffmpeg.encoding.encoders import MAX_CRF, X264_PRESETS

    preset, _, crf = text.partition(":")
    if preset not in X264_PRESETS or (crf and not (crf.isdecimal() and int(crf) <= MAX_CRF)):
        raise argparse.ArgumentTypeError(
            f"one of {' '.join(X264_PRESETS)}, and :0 to :51 if wanted; got {text!r}"
        )
    return preset, int(crf) if crf else CRF
