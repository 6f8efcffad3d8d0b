"""The pieces that a PNG file consists of.

Source: the PNG specification, third edition (section 5).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator

PNG_START = b"\x89PNG\r\n\x1a\n"
#: Those that say what the picture looks like and how it lies
OF_PICTURE = frozenset((b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"))


def chunk_places(data: bytes, *, takes_parts: bool = False) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, and where its body lies.

    Args:
        data: of the file.
        takes_parts: where the file breaks off, what there is of the last chunk comes as well.

    Raises:
        ValueError: the file breaks off.
    """
    position, name = len(PNG_START), b""
    while position < len(data) and name != b"IEND":
        if position + 12 > len(data):
            if takes_parts:
                return
            raise ValueError("it breaks off")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data) and not takes_parts:
            raise ValueError("it breaks off")
        yield name, position + 8, min(end, len(data))
        position = end + 4


def with_only(data: bytes, names: Collection[bytes]) -> bytes:
    """Return a PNG without all chunks but those of these names.

    Raises:
        ValueError: the file breaks off.
    """
    places = [(start, end) for name, start, end in chunk_places(data) if name in names]
    return PNG_START + b"".join(data[start - 8 : end + 4] for start, end in places)
