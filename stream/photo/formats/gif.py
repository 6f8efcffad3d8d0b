"""GIF files: what they say before their pixels. Source: GIF89a (sections 18 to 26)."""

from __future__ import annotations

import re
import struct

from stream.photo.formats.header import PhotoHeader

_PICTURE, _END = 0x2C, 0x3B
_BLOCK = re.compile(rb"[!,;]")  # an extension, a picture, the end
_MAX_BLOCKS = 200_000


def gif_header(data: bytes) -> PhotoHeader | None:
    """Return what a GIF says of itself, `None` where it breaks off before its size."""
    if len(data) < 13:
        return None
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    position, num_pictures = 13 + _colours(packed), 0
    for _ in range(_MAX_BLOCKS):
        block = _BLOCK.search(data, position)  # decoders pass over what is none
        position = block.start() if block is not None else len(data)
        if position + 10 > len(data) or data[position] == _END:
            break
        if data[position] == _PICTURE:
            num_pictures += 1
            # a picture that is larger than the screen makes it larger in Pillow
            left, top, wide, high = struct.unpack_from("<4H", data, position + 1)
            width, height = max(width, left + wide), max(height, top + high)
            position += 11 + _colours(data[position + 9])
        else:
            position += 2
        position = _after_blocks(data, position)
    return PhotoHeader("gif", width, height, num_pictures=max(1, num_pictures), has_alpha=True)


def _colours(packed: int) -> int:
    """Return the bytes of a table of colours."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    """Return where the pieces end of which all but the last begin with their length."""
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1
