"""What a photo says of itself, read without decoding it: its kind, its size, what it would cost.

Sources: the PNG specification (sections 5 and 11.2), ITU-T T.81 (annex B, JPEG), RFC 9649 (WebP).
"""

from __future__ import annotations

import contextlib
import itertools
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

#: JPEG markers without a length, and those of a frame, which hold the size. ITU-T T.81, table B.1.
_JPEG_ALONE = {0x01, *range(0xD0, 0xD8)}
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")
#: In a scan: a restart does not end it.
_JPEG_MARKER_AFTER_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
#: Segments of a JPEG, chunks of a PNG that are looked through; a few hundred are usual at most.
_MAX_SEGMENTS = 5000
_PNG_START = b"\x89PNG\r\n\x1a\n"
#: Chunks of a PNG without which it is another picture, or lies on its side.
_PNG_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"}
#: By the type of its colours: how many numbers a pixel has.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: So many times as long as what was deflated at most; see the documentation of zlib.
_MOST_DEFLATED = 1032
_WEBP_ANIMATED = 0x02


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What the first bytes of a photo say.

    Attributes:
        kind: of file.
        width: in pixels.
        height: in pixels.
        is_still: it is one picture.
    """

    kind: Literal["png", "jpeg", "webp"]
    width: int
    height: int
    is_still: bool = True


def photo_header(data: bytes) -> PhotoHeader | None:
    """Return kind and size of a photo, `None` if `data` is none or breaks off in its header."""
    try:
        if data.startswith(_PNG_START) and data[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", data, 16)
            return PhotoHeader("png", width, height, _png_is_still(data))
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg_header(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_header(data)
    except (struct.error, IndexError):
        pass
    return None


def num_scans(data: bytes, at_most: int) -> int:
    """Return the number of scans of a JPEG, counted no further than one above `at_most`.

    Each scan of a progressive JPEG goes over all of the picture again, and a few bytes are enough
    for one. One that has more segments than any program writes counts as having too many scans.
    """
    position, found, pattern = 2, 0, _JPEG_MARKER
    for _ in range(_MAX_SEGMENTS):
        marker = pattern.search(data, position)
        if marker is None or found > at_most or marker[1][0] == _JPEG_END:
            return found
        position, pattern = marker.end(), _JPEG_MARKER
        if marker[1][0] not in _JPEG_ALONE:
            position += int.from_bytes(data[position : position + 2])
        if marker[1][0] == _JPEG_SCAN:
            found, pattern = found + 1, _JPEG_MARKER_AFTER_SCAN
    return at_most + 1


def without_extras(data: bytes) -> bytes:
    """Return a PNG without the texts, profiles and previews in it, which may inflate to anything.

    Raises:
        ValueError: it breaks off, or is more than a picture of its size can be.
    """
    chunks = list(itertools.islice(_png_chunks(data), _MAX_SEGMENTS))
    kept = [(name, piece) for name, piece in chunks if name in _PNG_NEEDED]
    if len(chunks) == _MAX_SEGMENTS:
        raise ValueError("no program writes so many pieces")
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    bits = width * depth * _PNG_CHANNELS.get(colours, 4)
    # rows have a byte before them; of a picture that comes in passes there are more, shorter rows
    most = 2 * height * (1 + (bits + 7) // 8) + (1 << 20)
    if _inflated([piece[8:-4] for name, piece in kept if name == b"IDAT"], most) > most:
        raise ValueError("it goes on after the picture")
    return _PNG_START + b"".join(piece for _, piece in kept)


def _inflated(pieces: list[bytes], most: int) -> int:
    """Return the size of what was deflated, counted no further than a little above `most`."""
    if sum(map(len, pieces)) * _MOST_DEFLATED <= most:
        return 0
    inflate, found = zlib.decompressobj(), 0
    for piece in pieces:
        rest = piece
        while rest and found <= most and not inflate.eof:
            try:
                found += len(inflate.decompress(rest, 1 << 20))
            except zlib.error:
                return found  # the decoder will find it damaged
            rest = inflate.unconsumed_tail
    return found


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and all of the bytes of each chunk."""
    position, name = len(_PNG_START), b""
    while position < len(data) and name != b"IEND":
        if position + 12 > len(data):
            raise ValueError("it breaks off")
        length, name = struct.unpack_from(">I4s", data, position)
        if position + 12 + length > len(data):
            raise ValueError("it breaks off")
        yield name, data[position : position + 12 + length]
        position += 12 + length


def _png_is_still(data: bytes) -> bool:
    """Whether no animation is announced before the picture itself."""
    names = (name for name, _ in _png_chunks(data))
    with contextlib.suppress(ValueError):
        for name in itertools.islice(names, _MAX_SEGMENTS):
            if name in (b"acTL", b"IDAT"):
                return name == b"IDAT"
    return True


def _jpeg_header(data: bytes) -> PhotoHeader | None:
    position = 2
    for _ in range(_MAX_SEGMENTS):
        marker = _JPEG_MARKER.search(data, position)
        if marker is None or marker[1][0] in (_JPEG_SCAN, _JPEG_END):
            return None
        position = marker.end()
        if marker[1][0] in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 3)
            return PhotoHeader("jpeg", width, height)
        if marker[1][0] not in _JPEG_ALONE:
            position += max(2, struct.unpack_from(">H", data, position)[0])
    return None


def _webp_header(data: bytes) -> PhotoHeader | None:
    kind = data[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return PhotoHeader(
            "webp",
            1 + low_width + (high_width << 16),
            1 + low_height + (high_height << 16),
            is_still=not data[20] & _WEBP_ANIMATED,
        )
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return PhotoHeader("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return PhotoHeader("webp", width & 0x3FFF, height & 0x3FFF)
    return None
