"""What ffmpeg's log says about the frames of an input, read from its lines at level `verbose`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stream.frame import Colour

# What a file says of itself stands in lines of level `info`, so that none of these is one.
_DECODED = re.compile(r"\[graph .*input from stream.*\] w:\d+ h:\d+ .*\bfr:(\d+)/(\d+)")
_CONVERTED = re.compile(
    r"(?!\[info\]|\s).*\bw:\d+ h:\d+ fmt:(\w+) csp:(\w+) range:(\w+) sar:\S+"
    r" -> w:(\d+) h:(\d+) fmt:(\w+) .*sar:(\d+)/(\d+)"
)
_OUTPUT_COLOUR = re.compile(r"\[info\]\s+Stream #0:0.*?: Video: rawvideo.*?\), \w+\(([^)]*)\)")
# ffmpeg's name of primaries and transfer with a matrix' number, where it is not the matrix' name.
_SAME_NUMBER = {"fcc": "bt470m"}
_RGB_FORMAT = re.compile(r"(0|[argbx]*)(rgb|bgr|gbr)|pal8|x2")


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
    """

    width: int
    height: int
    pixels: str
    pixel_aspect: Fraction
    fps: Fraction | None
    colour: Colour


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
    )


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((match for line in lines if (match := pattern.match(line))), None)


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
    return Colour(
        primaries=_known(triple[1]),
        transfer=_known(triple[2]),
        matrix=None if is_rgb else matrix,
        full_range=not is_rgb and colour_range == "pc",
    )


def _known(tag: str) -> str | None:
    return None if tag in ("", "unknown", "reserved") else tag
