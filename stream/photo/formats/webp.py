"""WebP files: what they say before their pixels, and what is written beside these.

Source: RFC 9649.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from stream.photo.formats.exif import orientation_of, read_tags
from stream.photo.formats.header import PhotoHeader

_ANIMATED, _EXIF, _ALPHA, _PROFILE = 0x02, 0x08, 0x10, 0x20
_MAX_CHUNKS = 5000


def webp_header(data: bytes) -> PhotoHeader | None:
    """Return what a WebP says of itself, `None` where it breaks off before its size."""
    found: dict[str, Any] = {}
    num_frames = 0
    is_animated = False
    for number, (name, body) in enumerate(chunks(data)):
        if number == 0:
            size = _size(name, body)
            if size is None:
                return None
            found |= size
            is_animated = name == b"VP8X" and bool(body[0] & _ANIMATED)
        if name == b"ICCP":
            found["profile"] = body
        elif name == b"EXIF":
            found["exif"] = body.removeprefix(b"Exif\0\0")
            found["orientation"] = orientation_of(read_tags(found["exif"])[0])
        num_frames += name == b"ANMF"
    if not found:
        return None
    # an animation of one frame is none, but what breaks off may be one
    num_pictures = num_frames or 2 if is_animated else 1
    return PhotoHeader("webp", num_pictures=num_pictures, **found)


def _size(name: bytes, body: bytes) -> dict[str, Any] | None:
    """Return what the first chunk says."""
    try:
        if name == b"VP8X":
            low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", body, 4)
            width, height = 1 + low_width + (high_width << 16), 1 + low_height + (high_height << 16)
            return {"width": width, "height": height, "has_alpha": bool(body[0] & _ALPHA)}
        if name == b"VP8L":
            (bits,) = struct.unpack_from("<I", body, 1)
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
            return {"width": width, "height": height, "has_alpha": bool(bits >> 28 & 1)}
        if name == b"VP8 ":
            width, height = struct.unpack_from("<HH", body, 6)
            return {"width": width & 0x3FFF, "height": height & 0x3FFF}
    except struct.error:  # it breaks off
        return None
    return None


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of each chunk, also of one that breaks off."""
    position = 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(data):
            return
        name, length = struct.unpack_from("<4sI", data, position)
        yield name, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def animation_s(file: BinaryIO) -> float | None:
    """Return for how long the frames of an animation are shown that are whole; `None` of none.

    Args:
        file: at its beginning; it may break off, and may be anything else.
    """
    if not re.fullmatch(rb"RIFF.{4}WEBP", file.read(12), re.DOTALL):
        return None
    shown_ms = num_frames = 0
    position, num_bytes = 12, file.seek(0, os.SEEK_END)
    while position + 8 <= num_bytes:
        file.seek(position)
        name, length = struct.unpack("<4sI", file.read(8))
        position += 8 + length + length % 2
        if name == b"ANMF" and position <= num_bytes:
            file.seek(12, os.SEEK_CUR)  # its place and its size
            shown_ms += int.from_bytes(file.read(3), "little")
            num_frames += 1
    return shown_ms / 1000 if num_frames else None


def webp_with(
    data: bytes, size_hw: tuple[int, int], *, profile: bytes | None, exif: bytes
) -> bytes:
    """Return a WebP of one picture with a profile and an EXIF block.

    Args:
        data: as an encoder writes it, with or without VP8X before the picture.
        size_hw: of the picture.
        profile: goes before it.
        exif: goes behind it.
    """
    picture = [(name, body) for name, body in chunks(data) if name != b"VP8X"]
    has_alpha = any(
        name == b"ALPH" or (name == b"VP8L" and body[4] >> 4 & 1) for name, body in picture
    )
    flags = (_ALPHA if has_alpha else 0) | (_EXIF if exif else 0)
    flags |= 0 if profile is None else _PROFILE
    height, width = size_hw
    corners = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    pieces = [chunk(b"VP8X", struct.pack("<B3x", flags) + corners)]
    pieces += [] if profile is None else [chunk(b"ICCP", profile)]
    pieces += [chunk(name, body) for name, body in picture]
    pieces += [chunk(b"EXIF", exif)] if exif else []
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk of four letters and a body."""
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
