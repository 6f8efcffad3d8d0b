"""As what the pixels of a video are decoded, and how their colours are coded."""

from __future__ import annotations

import re
from dataclasses import replace

from stream.colour.deep_picture import DeepCoding
from stream.colour.light import Light
from stream.colour.screen import Colours
from stream.ffmpeg.header import VideoHeader
from stream.ffmpeg.inputs import input_options
from stream.ffmpeg.listing import Stream, listing_of
from stream.ffmpeg.process import log_of
from stream.frame import Colour
from stream.yuv420 import LUMA_WEIGHTS, YuvCoding

# All go through one `scale`, whose line in the log says what the frames are.
AS_DECODED = "scale"
#: Chroma is interpolated and rounded rightly; ffmpeg's faster default darkens by 1 to 2 of 255.
TO_RGB = "scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24"
_DEEP = "yuv420p10le"
_TO_DEEP = "scale=flags=bicubic+accurate_rnd+full_chroma_int"
_RGB_TO_DEEP = (
    "scale=flags=bicubic+accurate_rnd+full_chroma_inp:out_color_matrix=bt2020:out_range=tv"
    f",format={_DEEP}"
)
#: For matrices that `scale` does not know, in place of `AS_DECODED`.
AS_RGB = f"zscale=matrix=gbr,format=gbrp|gbrp10|gbrp12|gbrp16,{AS_DECODED}"

#: Decoders that know of a second stream, of alpha, in that of a codec; ffmpeg's own do not.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_EIGHT_BITS = ("yuv420p", "yuvj420p")
_IS_DEEP = re.compile(r"(?!rgb|bgr|gbr|x2|xyz|bayer)\w+(9|10|12|14|16)(le|be)$")
_TAGS = re.compile(r", \w+\((?:(?:tv|pc), )?([\w-]+)(?:/([\w-]+)/([\w-]+))?[,)]")


def conversion_of(header: VideoHeader) -> str:
    """Return the filter after which frames are as pictures can be: `AS_DECODED` where they are."""
    matrix = header.colour.matrix
    if header.colour.is_hdr and matrix is None:
        return _RGB_TO_DEEP
    if matrix not in LUMA_WEIGHTS:
        return TO_RGB
    if header.pixels != _DEEP and _is_deep(header):
        # of grey ffmpeg would make the other range
        colour_range = "full" if header.colour.full_range else "tv"
        return f"{_TO_DEEP}:out_range={colour_range},format={_DEEP}"
    return AS_DECODED if header.pixels in (*_EIGHT_BITS, _DEEP) else TO_RGB


def is_transparent(address: str, track: Stream) -> bool:
    """Return whether pixels of a track of a file may be transparent.

    What browsers record has the mark of a stream of alpha, and often none: it is looked for.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    decoder = _ALPHA_DECODERS.get(track.codec)
    if track.has_alpha or decoder is None or track.tags.get("alpha_mode") != "1":
        return track.has_alpha
    arguments = ["-c:v", decoder, *input_options(address), "-map", f"0:{track.index}"]
    listing = listing_of(log_of([*arguments, "-frames:v", "1", "-f", "null", "-"]))
    return any(stream.has_alpha for stream in listing.streams if stream.index == track.index)


def _is_deep(header: VideoHeader) -> bool:
    return header.colour.is_hdr or _IS_DEEP.match(header.pixels) is not None


def eight_bit_coding(header: VideoHeader) -> YuvCoding | None:
    """Return the coding of frames that are 4:2:0 with 8 bits, `None` of others."""
    matrix = header.colour.matrix
    if header.pixels not in _EIGHT_BITS or matrix not in LUMA_WEIGHTS:
        return None
    return YuvCoding(matrix, header.colour.full_range)


def deep_coding(header: VideoHeader, light: Light) -> DeepCoding | None:
    """Return the coding of frames that are 4:2:0 with 10 bits, `None` of others."""
    colour = header.colour
    if header.pixels != _DEEP or colour.matrix not in LUMA_WEIGHTS:
        return None
    colours = Colours(colour.primaries, colour.transfer, light.peak_nits)
    return DeepCoding(YuvCoding(colour.matrix, colour.full_range), colours)


def with_listed_colours(header: VideoHeader, details: str) -> VideoHeader:
    """Return what is known of frames, where they do not say it by what the container says.

    Some decoders (HEVC) forget the colours of a container if the stream says nothing. What is still
    missing of HDR is as in nearly all of it.

    Args:
        header: of the frames.
        details: of their track, as listed.
    """
    colour = header.colour
    listed = _listed(details)
    if listed is not None:
        has_none = colour.primaries is None and colour.transfer is None
        if has_none and colour.matrix in ("unknown", None):
            matrix = colour.matrix and listed.matrix
            colour = replace(
                colour, primaries=listed.primaries, transfer=listed.transfer, matrix=matrix
            )
    if colour.is_hdr:
        matrix = "bt2020nc" if colour.matrix == "unknown" else colour.matrix
        if colour.matrix is None and header.pixels == _DEEP:
            matrix = "bt2020nc"  # see `_RGB_TO_DEEP`
        colour = replace(colour, primaries=colour.primaries or "bt2020", matrix=matrix)
    elif colour.matrix is None and header.pixels == _DEEP:
        colour = Colour(colour.primaries or "bt709", colour.transfer or "bt709", "bt709")
    return replace(header, colour=colour)


def _listed(details: str) -> Colour | None:
    """Return the colours of a track: matrix, primaries and transfer, or one name for all."""
    match = _TAGS.search(details)
    if match is None:
        return None
    matrix, primaries, transfer = (name or match[1] for name in match.groups())
    if match[2] is None and matrix not in LUMA_WEIGHTS:
        return None
    primaries, transfer = (None if name == "unknown" else name for name in (primaries, transfer))
    return Colour(primaries, transfer, matrix)
