"""Kinds of video files: which encoder, pixels and colours each holds."""

from __future__ import annotations

import functools
from dataclasses import dataclass

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
        muxer_options: further arguments.
        recording_options: instead of them, so that all can be read that was written at any time.
    """

    muxer: str
    muxer_options: tuple[str, ...]
    recording_options: tuple[str, ...]


# The index before the frames: a browser can play a file that is still on its way.
_FAST_START = ("-movflags", "+faststart")
# Pieces of half a second with an index each, of which the end makes one index. They begin at any
# frame: a keyframe each second would make a webcam's recording a fifth to two fifths larger.
_PIECES = ("-frag_duration", "500000", "-flush_packets", "1")
_CLUSTERS = ("-cluster_time_limit", "500", "-flush_packets", "1")
# `delay_moov` lets what comes first keep its time, and not be 0.
_HYBRID, _FRAGMENTED = "+hybrid_fragmented+delay_moov", "+frag_keyframe+delay_moov"
# A longer lookahead holds more back.
_LOOKAHEAD = 10  # frames

FORMATS = {
    ".mp4": VideoFormat("mp4", _FAST_START, _PIECES),
    ".m4v": VideoFormat("mp4", _FAST_START, _PIECES),
    ".mov": VideoFormat("mov", _FAST_START, _PIECES),
    ".mkv": VideoFormat("matroska", (), _CLUSTERS),
    ".webm": VideoFormat("webm", (), _CLUSTERS),
}
#: Endings that can hold transparency.
ALPHA_ENDINGS = (".mov", ".webm")


def coded_pixels(ending: str, info: OutputInfo) -> str:
    """Return ffmpeg's name of the pixels that are encoded.

    H.264 with 4:2:0 chroma plays everywhere but has even sizes only; a picture with an odd side
    keeps its size, and is coded with 4:4:4 chroma. Transparency is VP9 in .webm and ProRes 4444
    in .mov.

    Args:
        ending: a key of `FORMATS`.
        info: of the outputs.
    """
    if info.has_alpha:
        return "yuva420p" if ending == ".webm" else "yuva444p10le"
    is_odd = info.stream.width % 2 or info.stream.height % 2
    return "yuv444p" if is_odd and ending != ".webm" else "yuv420p"


def encoder_options(ending: str, info: OutputInfo, pixels: str, preset: str, crf: int) -> list[str]:
    """Return ffmpeg's arguments that convert and encode the picture.

    Args:
        ending: a key of `FORMATS`.
        info: of the outputs.
        pixels: of the frames ffmpeg is given: "rgb24", "rgba", or what `coded_pixels` says.
        preset: of x264.
        crf: constant rate factor in x264's scale of 0 to 51; ProRes has none.
    """
    if ending == ".webm":
        codec = ["-c:v", "libvpx-vp9", "-b:v", "0", "-crf", str(round(crf * 63 / 51))]
        codec += ["-deadline", "good", "-cpu-used", "4", "-row-mt", "1"]
        # Its alternate reference frames cannot carry alpha.
        codec += ["-auto-alt-ref", "0"] if info.has_alpha else []
    elif info.has_alpha:
        codec = ["-c:v", "prores_ks", "-profile:v", "4444", "-alpha_bits", "16"]
    else:
        codec = ["-c:v", "libx264", "-preset", preset, "-crf", str(crf)]
    filters = [_tags(info)]
    coded = coded_pixels(ending, info)
    if pixels != coded:
        filters = [_conversion(coded_colour(info.stream.colour)), f"format={coded}", *filters]
    # several threads of the conversion mix up the rows of alpha
    threads = ["-filter_threads", "1"] if info.has_alpha else []
    return [*threads, "-vf", ",".join(filters), *codec]


def recording_options(ending: str, info: OutputInfo) -> list[str]:
    """Return ffmpeg's arguments for a recording, after those of the encoder.

    Little is held back, and what is written can be read, whatever happens to ffmpeg. An ffmpeg
    before 7.1 leaves an MP4 in pieces, which not every player can move around in.

    Args:
        ending: a key of `FORMATS`.
        info: of the outputs.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    options = list(FORMATS[ending].recording_options)
    if ending == ".webm":
        options += ["-lag-in-frames", str(_LOOKAHEAD)]
    elif not info.has_alpha:
        options += ["-rc-lookahead", str(_LOOKAHEAD)]
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


def _tags(info: OutputInfo) -> str:
    """Tag the frames as the source was.

    An untagged video is read as BT.601. Everybody takes a small untagged picture for BT.601, so
    that is what the output is tagged; of a large one some players think BT.709, so the output
    stays untagged: every player then shows it as it shows the source.
    """
    colour = coded_colour(info.stream.colour)
    is_large = info.stream.width >= 1280 or info.stream.height > 576
    tag = "smpte170m" if colour.matrix == "unknown" and not is_large else colour.matrix
    colour_range = "pc" if colour.full_range else "tv"
    return (
        f"setparams=colorspace={tag}:range={colour_range}"
        f":color_primaries={colour.primaries or 'unknown'}"
        f":color_trc={colour.transfer or 'unknown'}"
    )


def _conversion(colour: Colour) -> str:
    """Return the filter from RGB to YUV. Both round; `scale` darkens chroma of full range."""
    matrix = colour.matrix or "bt709"
    if colour.full_range:
        name = "smpte170m" if matrix == "unknown" else matrix
        return f"format=gbrp|gbrap,zscale=matrix={name}:range=full"
    flags = "bicubic+accurate_rnd+full_chroma_inp"
    name = _SCALE_NAMES.get(matrix, matrix)
    return f"scale=flags={flags}:out_color_matrix={name}:out_range=tv"
