"""The command line of maskcast.

python run.py                            webcam -> window, background blurred
python run.py talk.mp4 -o out.mp4        file -> file, sound kept
python run.py demo: -o demo.mp4          neither camera nor file needed
python run.py models                     the networks, and which weights are on disk
python run.py train portrait --data DIR  train the bundled network anew
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING

# Before numpy comes: its products here are small, and threads that wait for them keep spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from stream.commands import CommandError, Parser, json_file, model_options, say
from stream.commands.error_line import one_line

if TYPE_CHECKING:
    from segmentation.segmenter import Segmenter
    from stream.foreground import Keep
    from stream.frame import Event, OutputInfo, Sink, Source
    from stream.loop import Run
    from stream.palette import Palette
    from stream.pipeline import Pipeline, Tracker
    from stream.sinks import SinkOptions
    from stream.stats import Stats
    from stream.tracking import Keyframes

VERSION = "0.1.0"

COMMANDS = ("doctor", "evaluate", "models", "serve", "train")  # each a file in stream/commands/

SOURCES = """\
SOURCE: a camera's number or camera:N (left out: 0), a video, a photo, a folder/ or 'glob' of
photos, a network address (http, rtsp, udp, ...), screen: or screen:WxH+X+Y, or
demo: (a portrait in motion, no camera needed).

-o SINK, repeatable: window: (the default), a video by its ending (.mp4 .mkv .mov .webm ...), a
photo (.png .jpg), a folder/ (one PNG a frame), instances:FOLDER/ (one black and white PNG an
object), .json or .jsonl (COCO results: boxes, scores, RLE), virtualcam:[DEVICE], null:,
rtmp://HOST/APP/KEY, srt://HOST:PORT, udp://HOST:PORT, hls:FOLDER/ (a playlist for a web server).

--effect: blur[=0.1..1], grey, replace=PHOTO|VIDEO|#RRGGBB, mask (pure black and white), cutout
(transparent: .png, folder/, .mov, .webm), overlay, none.

examples:
  run.py                                   webcam, background blurred, in a window
  run.py talk.mp4 -o out.mp4               a file, sound kept
  run.py photo.jpg -o mask.png --effect mask
  run.py 0 -o virtualcam: --effect replace=beach.jpg
  run.py --effect replace=a.jpg --background b.mp4 --background '#2a6f97'    (key b)
  run.py talk.mp4 --realtime               a file that behaves like a camera
  run.py screen:1280x720+0+0 -o out.mp4    a part of the screen
  run.py 0 -o srt://192.0.2.7:9000 -o hls:web/
  run.py frames/ --fps 25 -o out.mp4       photos that are the frames of a video
  run.py photo.jpg -o instances:masks/ --keep dog --model mask-rcnn
  run.py in.mp4 -o out.mp4 -o found.jsonl --keep person,dog
  run.py in.mp4 -o out.mp4 --model mask-rcnn --keyframe 5
  run.py in.mp4 --model mask-rcnn-person --keep '#3'    one person (key o shows ids)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 1 (could not), 2 (wrong command) or 130."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # cameras are opened with a format that some drivers refuse; OpenCV need not tell
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    debug = "--debug" in arguments
    try:
        is_command = bool(arguments) and arguments[0] in COMMANDS
        if is_command:
            return run_command(arguments)
        _check_first_word(arguments)
        return cast(arguments)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if debug:
            raise
        say(f"error: {one_line(error)}")
        return 2 if isinstance(error, CommandError) else 1


def _check_first_word(arguments: Sequence[str]) -> None:
    """Raise `CommandError` where it is a command misspelt, which would be taken for a file."""
    word = arguments[0] if arguments else ""
    is_name = re.fullmatch(r"[A-Za-z_-]+", word) is not None and not word.startswith("-")
    close = difflib.get_close_matches(word.lower(), COMMANDS, 1) if is_name else []
    if close and not os.path.exists(word):
        raise CommandError(f"{word}: no such file; did you mean the command {close[0]}?")


def run_command(arguments: Sequence[str]) -> int:
    """Run one of `COMMANDS`, whose results go to standard output."""
    command = importlib.import_module(f"stream.commands.{arguments[0]}")
    try:
        code = int(command.run(arguments[1:]))
        print(end="", flush=True)
    except BrokenPipeError:  # whoever read the results has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


# === Casting: a source through an effect into sinks ===


def cast(arguments: Sequence[str]) -> int:
    """Run `SOURCE -o SINK ...`."""
    options = _parser().parse_args(arguments)
    keyframes, wanted = _keyframes(options), model_options.wanted_objects(options)
    _check_outputs(options)
    from stream import loop
    from stream.interruption import Interruption
    from stream.progress import progress

    stop = threading.Event()
    with ExitStack() as stack:
        interruption = stack.enter_context(Interruption(stop))
        run, react = _open(options, keyframes, wanted, stop, stack)
        interruption.is_heeded = True
        stack.callback(interruption.leave)  # the first thing done when the outputs are left
        with progress(run.source.info, next(iter(run.sinks)), run.stats) as on_progress:
            whole = loop.play(run, on_event=react, on_progress=on_progress)
    _tell(run.stats, options)
    if interruption.came and not whole:
        return 130
    return 1 if run.source.num_left_out else 0


def _open(
    options: argparse.Namespace,
    keyframes: Keyframes,
    wanted: dict[str, int | None] | None,
    stop: threading.Event,
    stack: ExitStack,
) -> tuple[Run, Callable[[Event], None]]:
    """Return the run that the options describe, and what reacts to a person at its window.

    What is wrong with the command is told before a device is opened, and outputs begin last.
    """
    from stream.live import open_live_control
    from stream.loop import Run
    from stream.sources import open_source
    from stream.stats import Stats

    stats = Stats()
    palette = _palette(options, stack)
    model_options.prepare_segmenter(options, stack)  # while ffmpeg starts
    source = stack.enter_context(
        open_source(options.source, on_message=say, fps=options.fps, realtime=options.realtime)
    )
    sink_options = _sink_options(source, palette, options)
    segmenter = _segmenter(options)
    keep = _keep(wanted, segmenter)
    stats.unseen = frozenset() if keep is None else keep.ids
    tracker = _tracker(source, segmenter, keyframes, stack)
    if keep is not None and keep.ids and not tracker.gives_ids:
        raise CommandError(
            f"--keep {options.keep}: ids are given to objects of a video, with "
            "--model mask-rcnn-person or another network that tells them apart"
        )
    pipeline = _pipeline(source, tracker, segmenter, palette, keep, options, stats)
    info = _output_info(source, segmenter, palette)
    run = Run(source, pipeline, _sinks(info, sink_options, options, stack), stats, stop)
    react = open_live_control(
        run, palette, segmenter, info=info, options=sink_options, keep=keep, stack=stack
    )
    return run, react


def _tell(stats: Stats, options: argparse.Namespace) -> None:
    from stream.photos import save

    if stats.unseen:
        say(f"--keep: never seen: {', '.join(f'#{number}' for number in sorted(stats.unseen))}")
    if options.stats is not None:
        save((json.dumps(stats.as_dict(), indent=2) + "\n").encode(), options.stats)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        description="Blurs, greys or replaces the background of a webcam, a video or a photo.",
        epilog=SOURCES + _keys() + f"\nother commands: {', '.join(COMMANDS)} (each with --help)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", nargs="?", default="0", metavar="SOURCE", help="what to read (see below)")
    add("-o", "--output", action="append", metavar="SINK", help="where to write; repeatable")
    add("-y", "--overwrite", action="store_true", help="replace outputs that exist")
    add("--effect", default="blur", metavar="NAME[=VALUE]", help="see below; default: blur")
    add(
        "--background",
        action="append",
        default=[],
        metavar="PHOTO|VIDEO|#RRGGBB",
        help="another one for replace, which the key b changes to; repeatable",
    )
    add("--invert", action="store_true", help="apply the effect to the people instead")
    model_options.add_model_options(parser)
    add(
        "--keyframe",
        metavar="N|auto[:N]",
        help="the network sees every Nth frame, or those that need it (auto), one in N on average",
    )
    add(
        "--reuse",
        default="auto",
        choices=("auto", "hold", "flow"),
        help="in between, masks stay where they are (hold) or move with the picture (flow)",
    )
    _add_file_options(parser)
    add("--debug", action="store_true", help="show where an error comes from")
    add("--version", action="version", version=f"maskcast {VERSION}")
    return parser


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add how inputs are read and outputs written."""
    add = parser.add_argument
    add("--polygons", action="store_true", help="outlines instead of RLE in .json and .jsonl")
    add("--fps", type=_rate, metavar="RATE", help="photos are a video at this rate: 25, 30000/1001")
    add("--realtime", action="store_true", help="a file is paced and drops frames like a camera")
    add(
        "--quality",
        metavar="PRESET[:CRF]",
        type=_quality,
        default=(None, None),
        help="of the x264 encoder; default: medium:20 for files, veryfast:20 when live",
    )
    add("--stats", type=json_file, metavar="FILE.json", help="write counts, times and memory to it")


def _keys() -> str:
    from stream.keys import key_lines

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


def _quality(text: str) -> tuple[str | None, int | None]:
    presets = "ultrafast superfast veryfast faster fast medium slow slower veryslow".split()
    preset, _, crf = text.partition(":")
    if preset not in presets or (crf and not (crf.isdigit() and int(crf) <= 51)):
        raise argparse.ArgumentTypeError(
            f"one of {' '.join(presets)}, and :0 to :51 if wanted; got {text!r}"
        )
    return preset, int(crf) if crf else None


def _palette(options: argparse.Namespace, stack: ExitStack) -> Palette:
    from stream.palette import Palette

    try:
        return Palette(options.effect, options.background, stack)
    except ValueError as error:
        raise CommandError(f"--effect {error}") from error


def _segmenter(options: argparse.Namespace) -> Segmenter:
    outputs = options.output or []
    wants_files = any(
        output.startswith("instances:") or output.lower().endswith((".json", ".jsonl"))
        for output in outputs
    )
    return model_options.load_segmenter(options, asks_for_instances=wants_files)


def _keep(wanted: dict[str, int | None] | None, segmenter: Segmenter) -> Keep | None:
    from segmentation.segmenter import check_classes
    from stream.foreground import Keep, is_object

    if wanted is None:
        return None
    check_classes([name for name in wanted if not is_object(name)], segmenter.classes)
    return Keep.of(wanted, segmenter.classes)


def _tracker(
    source: Source, segmenter: Segmenter, keyframes: Keyframes, stack: ExitStack
) -> Tracker:
    import numpy as np

    from segmentation.picture import RgbPicture
    from stream.pipeline import shrunk
    from stream.tracking import open_tracker

    told: list[str] = []

    def on_failure(error: Exception) -> None:
        if not told:
            told.append(one_line(error))
            say(f"warning: the network failed, the whole picture is covered: {told[0]}")

    tracker = open_tracker(segmenter, source.info, keyframes, on_failure, stack)
    # networks are compiled at their first images, which a camera would not wait for
    first = RgbPicture(np.zeros((source.info.height, source.info.width, 3), np.uint8))
    segmenter.segment(np.stack([shrunk(first, segmenter.max_input)] * tracker.max_images))
    return tracker


def _pipeline(
    source: Source,
    tracker: Tracker,
    segmenter: Segmenter,
    palette: Palette,
    keep: Keep | None,
    options: argparse.Namespace,
    stats: Stats,
) -> Pipeline:
    from segmentation.refine import Refiner
    from stream.pipeline import Pipeline

    return Pipeline(
        tracker,
        Refiner(blend=source.info.fps is not None),
        palette.effect,
        max_input=segmenter.max_input,
        choose=keep,
        invert=options.invert,
        stats=stats,
    )


def _keyframes(options: argparse.Namespace) -> Keyframes:
    from stream.tracking import Keyframes

    try:
        return Keyframes.parse(options.keyframe, options.reuse)
    except ValueError as error:
        raise CommandError(f"--keyframe: {error}") from error


def _check_outputs(options: argparse.Namespace) -> None:
    places = set() if options.stats is None else {os.path.realpath(options.stats)}
    for address in options.output or ():
        if os.path.realpath(address) in places:
            raise CommandError(f"-o {address}: named twice")
        places.add(os.path.realpath(address))


def _output_info(source: Source, segmenter: Segmenter, palette: Palette) -> OutputInfo:
    from segmentation.coco import categories
    from stream.frame import OutputInfo

    return OutputInfo(
        source.info, has_alpha=palette.has_alpha, categories=categories(segmenter.classes)
    )


def _sink_options(source: Source, palette: Palette, options: argparse.Namespace) -> SinkOptions:
    from stream.photos import check_free
    from stream.sinks import SinkOptions
    from stream.sources import local_files

    preset, crf = options.quality
    sink_options = SinkOptions(
        overwrite=options.overwrite,
        input_paths=[*local_files(options.source), *palette.paths],
        preset=preset or ("veryfast" if source.info.live else "medium"),
        crf=20 if crf is None else crf,
        polygons=options.polygons,
        on_message=say,
    )
    if options.stats is not None:
        check_free(options.stats, overwrite=True, input_paths=sink_options.input_paths)
    return sink_options


def _sinks(
    info: OutputInfo, sink_options: SinkOptions, options: argparse.Namespace, stack: ExitStack
) -> dict[str, Sink]:
    from stream.sinks import open_sink

    sinks: dict[str, Sink] = {}
    for address in options.output or ["window:"]:
        sinks[address] = stack.enter_context(open_sink(address, info, sink_options))
    return sinks


if __name__ == "__main__":
    sys.exit(main())
