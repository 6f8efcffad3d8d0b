"""Containers of videos, and the colours of what they hold."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from fractions import Fraction

from stream.ffmpeg.encoding.codecs import Encoding
from stream.ffmpeg.process import executable, listing
from stream.frame import Colour, OutputInfo
from stream.yuv420 import LUMA_WEIGHTS

# ffmpeg's `scale` filter's name of a matrix where it is not that of the tag.
_SCALE_NAMES = {"bt470bg": "bt470", "bt2020nc": "bt2020", "unknown": "smpte170m"}


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """A container.

    Attributes:
        muxer: ffmpeg's name.
        codec: by which pictures are coded unless told otherwise, a key of `CODECS`.
        muxer_options: further arguments.
        recording_options: instead of them, so that all can be read that was written at any time.
        alpha_codec: likewise where there is transparency, "" where it can hold none.
    """

    muxer: str
    codec: str
    muxer_options: tuple[str, ...]
    recording_options: tuple[str, ...]
    alpha_codec: str = ""


# The index before the frames: a browser can play a file that is still on its way.
_FAST_START = ("-movflags", "+faststart")
# Pieces with an index each, of which the end makes one index. They begin at keyframes: with others
# ffmpeg's index at the end says of B-frames that the last frame lies behind the end.
_PIECES = ("-flush_packets", "1")
_CLUSTERS = ("-cluster_time_limit", "500", "-flush_packets", "1")
# `delay_moov` lets what comes first keep its time, and not be 0.
_FRAGMENTED = "+frag_keyframe+delay_moov"
_HYBRID = f"{_FRAGMENTED}+hybrid_fragmented"
_KEYFRAME_S = 1  # between the keyframes of a recording

#: Of frames whose source says none.
DEFAULT_FPS = Fraction(25)

FORMATS = {
    ".mp4": VideoFormat("mp4", "h264", _FAST_START, _PIECES),
    ".m4v": VideoFormat("mp4", "h264", _FAST_START, _PIECES),
    ".mov": VideoFormat("mov", "h264", _FAST_START, _PIECES, "prores"),
    ".mkv": VideoFormat("matroska", "h264", (), _CLUSTERS),
    ".webm": VideoFormat("webm", "vp9", (), _CLUSTERS, "vp9"),
}
#: Endings that can hold transparency.
ALPHA_ENDINGS = tuple(ending for ending, kind in FORMATS.items() if kind.alpha_codec)


def encoder_options(
    encoding: Encoding,
    ending: str,
    info: OutputInfo,
    pixels: str,
    preset: str,
    crf: int | None,
    *,
    recording: bool = False,
) -> list[str]:
    """Return ffmpeg's arguments that convert and encode the picture.

    Args:
        encoding: of the picture.
        ending: a key of `FORMATS`.
        info: of the outputs.
        pixels: of the frames ffmpeg is given: "rgb24", "rgba" or "yuv420p".
        preset: see `Encoding.arguments`.
        crf: likewise.
        recording: likewise.
    """
    filters = []
    if pixels != encoding.pixels:
        if pixels in ("rgb24", "rgba"):
            filters.append(_conversion(coded_colour(info.stream.colour)))
        filters.append(f"format={encoding.pixels}")
    tags = _tags(info)
    width = info.stream.width
    options = encoding.arguments(
        ending, tags, preset, crf, width=width, filters=filters, recording=recording
    )
    return [*options, *keyframes(info, _KEYFRAME_S)] if recording else options


def keyframes(info: OutputInfo, seconds: int) -> list[str]:
    """Return ffmpeg's arguments for a keyframe every so many seconds.

    Args:
        info: of the outputs.
        seconds: between two of them; not every encoder heeds it where frames come irregularly.
    """
    fps = info.stream.fps or DEFAULT_FPS
    every = ["-g", str(max(1, round(fps * seconds)))]
    return [*every, "-force_key_frames", f"expr:gte(t,n_forced*{seconds})"]


def recording_options(ending: str) -> list[str]:
    """Return the muxer's arguments for a recording: what is written can be read, come what may.

    An ffmpeg before 7.1 leaves an MP4 in pieces, which not every player can move around in.

    Args:
        ending: a key of `FORMATS`.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    options = list(FORMATS[ending].recording_options)
    if FORMATS[ending].muxer in ("mp4", "mov"):
        options += ["-movflags", _HYBRID if _knows_hybrid(executable()) else _FRAGMENTED]
    return options


@functools.cache
def _knows_hybrid(ffmpeg: str) -> bool:
    return "hybrid_fragmented" in listing("-h", "muxer=mp4")


def coded_colour(colour: Colour) -> Colour:
    """Return what a source's colours are coded as.

    As they were, or BT.709 where the source has no YUV, or one that cannot be written. The matrix
    is one of `LUMA_WEIGHTS`.
    """
    if colour.matrix in LUMA_WEIGHTS:
        return colour
    return Colour(colour.primaries or "bt709", colour.transfer or "bt709", "bt709")


def _tags(info: OutputInfo) -> Colour:
    """Return what the frames are tagged as: what the source was.

    An untagged video is read as BT.601. Everybody takes a small untagged picture for BT.601, so
    that is what the output is tagged; of a large one some players think BT.709, so the output
    stays untagged: every player then shows it as it shows the source.
    """
    colour = coded_colour(info.stream.colour)
    is_large = info.stream.width >= 1280 or info.stream.height > 576
    is_taken = colour.matrix == "unknown" and not is_large
    return replace(colour, matrix="smpte170m") if is_taken else colour


def _conversion(colour: Colour) -> str:
    """Return the filter from RGB to YUV. Both round; `scale` darkens chroma of full range."""
    matrix = colour.matrix or "bt709"
    if colour.full_range:
        name = "smpte170m" if matrix == "unknown" else matrix
        return f"format=gbrp|gbrap,zscale=matrix={name}:range=full"
    flags = "bicubic+accurate_rnd+full_chroma_inp"
    name = _SCALE_NAMES.get(matrix, matrix)
    return f"scale=flags={flags}:out_color_matrix={name}:out_range=tv"
