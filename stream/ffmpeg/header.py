"""What ffmpeg's log says about the frames of an input, read from its lines at level `verbose`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stream.frame import Colour

# What a file says of itself stands in lines of level `info`, so that none of these is one.
_DECODED = re.compile(r"\[graph .*input from stream.*\] w:\d+ h:\d+ .*\bfr:(\d+)/(\d+)")
_MATRIX = re.compile(r"\[graph .*input from stream.*\] w:\d+ h:\d+ .*\bcsp:(\S+)")
#: That ffmpeg's `scale` knows.
_MATRICES = "unknown gbr bt709 fcc bt470bg smpte170m smpte240m bt2020nc".split()
_CONVERTED = re.compile(
    r"(?!\[info\]|\s).*\bw:\d+ h:\d+ fmt:(\w+) csp:(\w+) range:(\w+) sar:\S+"
    r" -> w:(\d+) h:(\d+) fmt:(\w+) .*sar:(\d+)/(\d+)"
)
_CHROMA = re.compile(r"\[Parsed_showinfo_\d+ [^]]*\] \[info\] n: .*\bcl:(\w+)")
_SIDE_DATA = re.compile(r"\[Parsed_showinfo_\d+ [^]]*\] \[info\] +side data - (.*)")
_OUTPUT_COLOUR = re.compile(r"\[info\]\s+Stream #0:0.*?: Video: rawvideo.*?\), \w+\(([^)]*)\)")
# ffmpeg's name of primaries and transfer with a matrix' number, where it is not the matrix' name.
_SAME_NUMBER = {"fcc": "bt470m"}
_RGB_FORMAT = re.compile(r"(0|[argbx]*)(rgb|bgr|gbr)|pal8|x2")
_BITS = re.compile(r"(?:rgb|bgr)(48)|(?:rgba|bgra)(64)|x2(?:rgb|bgr)(10)|\w+(9|1[0246])(?:le|be)$")
_BITS_OF_ALL = {48: 16, 64: 16}
#: Of chroma of 2 by 2 pixels in one, unless a video says another.
_USUAL_CHROMA = ("left", "unspecified")
_HALVED_CHROMA = re.compile(r"yuvj?420|nv12|nv21|p01")


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What is known of a video once its first frame is decoded.

    Attributes:
        width: in pixels after rotation.
        height: likewise.
        pixels: of the frames that come out, in ffmpeg's name.
        pixel_aspect: width of a pixel over its height, after rotation.
        fps: nominal frames a second, `None` where ffmpeg has no idea.
        colour: as tagged, see `Colour`.
        bits: of a value, as it is decoded.
        side_data: of the first frame, in ffmpeg's words; known where `PRINT_FIRST` is used.
    """

    width: int
    height: int
    pixels: str
    pixel_aspect: Fraction
    fps: Fraction | None
    colour: Colour
    bits: int = 8
    side_data: tuple[str, ...] = ()


def video_header(lines: Sequence[str]) -> VideoHeader | None:
    """Read the log of a process that sends its input through one `scale` filter.

    Args:
        lines: of the log before the first frame.

    Returns:
        `None` where the log ends before a frame was converted.
    """
    converted = _first(_CONVERTED, lines)
    if converted is None:
        return None
    pixel_format, matrix, colour_range, width, height, pixels, *aspect = converted.groups()
    decoded = _first(_DECODED, lines)
    return VideoHeader(
        width=int(width),
        height=int(height),
        pixels=pixels,
        pixel_aspect=_ratio(*aspect) or Fraction(1),
        fps=_ratio(*decoded.groups()) if decoded else None,
        colour=_colour(lines, pixel_format, matrix, colour_range),
        bits=_bits(pixel_format),
        side_data=tuple(found[1].lower() for line in lines if (found := _SIDE_DATA.match(line))),
    )


def unknown_matrix(lines: Sequence[str]) -> str | None:
    """Return the matrix of decoded frames where `scale` refuses them for it, else `None`.

    Args:
        lines: see `video_header`.
    """
    found = _first(_MATRIX, lines)
    return None if found is None or found[1] in _MATRICES else found[1]


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((match for line in lines if (match := pattern.match(line))), None)


def _bits(pixel_format: str) -> int:
    match = _BITS.match(pixel_format)
    number = 8 if match is None else int(next(filter(None, match.groups())))
    return _BITS_OF_ALL.get(number, number)


def _ratio(numerator: str, denominator: str) -> Fraction | None:
    """Return the fraction, `None` where ffmpeg does not know it (0/1, 1/0)."""
    if int(numerator) == 0 or int(denominator) == 0:
        return None
    return Fraction(int(numerator), int(denominator))


def _colour(lines: Sequence[str], pixel_format: str, matrix: str, colour_range: str) -> Colour:
    """Return the tags; the output's line is the one place where the log has primaries for sure.

    There stand matrix, primaries and transfer, or the name of the matrix alone where all three
    have its number in the standard.
    """
    output = _first(_OUTPUT_COLOUR, lines)
    tags = output[1].split(", ") if output else []
    alone = [_SAME_NUMBER.get(matrix, matrix)] * 3 if matrix in tags else ["", "", ""]
    triple = next((tag.split("/") for tag in tags if tag.count("/") == 2), alone)
    is_rgb = matrix == "gbr" or _RGB_FORMAT.match(pixel_format) is not None
    first = _first(_CHROMA, lines) if _HALVED_CHROMA.match(pixel_format) else None
    return Colour(
        primaries=_known(triple[1]),
        transfer=_known(triple[2]),
        matrix=None if is_rgb else matrix,
        full_range=not is_rgb and colour_range == "pc",
        chroma_location=None if first is None or first[1] in _USUAL_CHROMA else first[1],
    )


def _known(tag: str) -> str | None:
    return None if tag in ("", "unknown", "reserved") else tag
