"""BMP files: what they say before their pixels, and what is written beside these."""

from __future__ import annotations

import struct

from stream.photo.formats.header import PhotoHeader

_METRES = 0.0254  # in an inch


def bmp_header(data: bytes) -> PhotoHeader | None:
    """Return what a BMP says of itself, `None` where it is one of OS/2 or breaks off."""
    if len(data) < 54 or int.from_bytes(data[14:18], "little") < 40:
        return None
    width, height, _, _, _, _, across, down = struct.unpack_from("<iiHHIIii", data, 18)
    dpi = (across * _METRES, down * _METRES) if across > 0 and down > 0 else None
    return PhotoHeader("bmp", abs(width), abs(height), dpi=dpi)


def bmp_with(data: bytes, dpi: tuple[float, float] | None) -> bytes:
    """Return a BMP with a resolution."""
    if dpi is None:
        return data
    metres = [round(number / _METRES) for number in dpi]
    return data[:38] + struct.pack("<ii", *metres) + data[46:]
