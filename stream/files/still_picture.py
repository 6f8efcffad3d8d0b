"""A photo that ffmpeg decodes: HEIC, whose tiles it puts together, and AVIF of many bits."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.errors import StreamError
from stream.ffmpeg.process import Ffmpeg, log_of
from stream.yuv420 import LUMA_WEIGHTS, YuvCoding, YuvPicture, num_bytes

# Of a picture in tiles the line of the whole comes first. Pixels, range and matrix, size.
_INPUT = re.compile(r"Stream (?:group )?#0:0.*?: (?:Video|Tile Grid): .*?, (\w+)(?:\(([^)]*)\))?, ")
# What is read begins with lines that tell the size. The log does as well, but a line of it may be
# cut in two by one of another thread.
_Y4M, _PPM = ("-f", "yuv4mpegpipe"), ("-f", "image2pipe", "-c:v", "ppm")
_Y4M_LINES, _PPM_LINES = 2, 3
_SIZE = re.compile(r"[ W](\d+) H?(\d+) ")
_MAX_LINE = 200
_YUV420 = ("yuv420p", "yuvj420p")
_DEEP = re.compile(r"\D(9|10|12|14|16|48|64)(le|be)$")
_EXACT = ("-sws_flags", "bicubic+accurate_rnd+full_chroma_int")
# By a clean aperture ffmpeg crops to even numbers, and not at all a picture in tiles.
_CROPPING, _UNCROPPED = " Frame Cropping: ", ("-apply_cropping", "codec")
_FORMATS = "mov"


def decode_still(path: Path) -> NDArray[Any]:
    """Return the picture of a file, (H, W, 3) RGB, the right way up, without its clean aperture.

    Returns:
        uint8, or uint16 over all of its range where the file has more than eight bits.

    Raises:
        StreamError: ffmpeg cannot decode it.
    """
    source = ["-protocol_whitelist", "file", "-format_whitelist", _FORMATS, "-i", f"file:{path}"]
    log = log_of(source)
    if any(_CROPPING in line for line in log):
        source = [*_UNCROPPED, *source]
    found = next(filter(None, map(_INPUT.search, log)), None)
    pixels, tags = (found[1], found[2] or "") if found else ("", "")
    # neither -map nor -vf: with them ffmpeg takes a tile for the picture
    wanted = "" if pixels in _YUV420 else "rgb48be" if _DEEP.search(pixels) else "rgb24"
    arguments = [*source, "-frames:v", "1", *_EXACT]
    arguments += [*_PPM, "-pix_fmt", wanted] if wanted else _Y4M
    with closing(Ffmpeg([*arguments, "pipe:1"], pipe_out=True)) as process:
        size_hw = _read_size(process, _PPM_LINES if wanted else _Y4M_LINES)
        is_full = pixels.startswith("yuvj") or tags.startswith("pc")
        image = _read(process, size_hw, wanted, tags, is_full) if size_hw else None
        if image is None:
            process.wait()
            raise StreamError(f"{path}: cannot be decoded ({process.failure()})")
        return image


def _read_size(process: Ffmpeg, num_lines: int) -> tuple[int, int] | None:
    """Return height and width from what a picture begins with, `None` where none comes."""
    lines = []
    for _ in range(num_lines):
        line, byte = b"", bytearray(1)
        while len(line) < _MAX_LINE and process.read_into(memoryview(byte)) and byte != b"\n":
            line += byte
        lines.append(line.decode("ascii", "replace"))
    size = _SIZE.search(" ".join(lines))
    return None if size is None else (int(size[2]), int(size[1]))


def _read(
    process: Ffmpeg, size_hw: tuple[int, int], wanted: str, tags: str, is_full: bool
) -> NDArray[Any] | None:
    if wanted:
        image = np.empty((*size_hw, 3), np.uint16 if wanted == "rgb48be" else np.uint8)
        if not process.read_into(image.data.cast("B")):
            return None
        return image.byteswap() if wanted == "rgb48be" and sys.byteorder == "little" else image
    planes = np.empty(num_bytes(size_hw), np.uint8)
    if not process.read_into(planes.data.cast("B")):
        return None
    matrix = next((name for name in re.split("[,/ ]+", tags) if name in LUMA_WEIGHTS), "unknown")
    coding = YuvCoding(matrix, full_range=is_full)
    return YuvPicture.of_bytes(planes, size_hw, coding).rgb
