"""PNG files: what they say before their pixels, and what is written beside these.

Source: the PNG specification, third edition (sections 5 and 11).
"""

from __future__ import annotations

import contextlib
import itertools
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.png_chunks import OF_PICTURE, PNG_START, chunk_places
from stream.photo.formats.described_colours import (
    DescribedColours,
    of_code_points,
    of_gamma,
)
from stream.photo.formats.exif import orientation_of, read_tags
from stream.photo.formats.header import PhotoHeader

#: Chunks that are looked through; a few thousand are usual at most.
_MAX_CHUNKS = 5000
#: Where it is transparent and how it lies: the picture is there without.
_EXTRA = {b"tRNS", b"eXIf"}
#: Those that are looked into, and how many bytes of them.
_READ = {
    **dict.fromkeys((b"acTL", b"cICP", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"tRNS"), 256),
    **dict.fromkeys((b"iCCP", b"eXIf"), 1 << 22),
}
#: By the type of its colours: how many numbers a pixel has.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: So many times as long as what was deflated at most; see the documentation of zlib.
_MOST_DEFLATED = 1032
_MAX_PROFILE = 1 << 22
#: Bytes of the rows of a picture whose end is missing, and of what is inflated at a time: an error
#: costs all of that.
_MAX_COMPLETED, _STEP = 1 << 28, 256
_MAX_FILTER = 4  # the byte before a row
#: Where the passes of an interlaced picture begin, and how far their pixels are apart: x, y, x, y.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_METRES = 0.0254  # in an inch


def png_header(data: bytes) -> PhotoHeader | None:
    """Return what a PNG says of itself, `None` where it breaks off before its size."""
    if len(data) < 26 or data[12:16] != b"IHDR":
        return None
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    chunks: dict[bytes, bytes] = {}
    with contextlib.suppress(ValueError):
        for name, start, end in itertools.islice(chunk_places(data), _MAX_CHUNKS):
            # an animation is announced before the picture, or it is none
            is_late = name == b"acTL" and b"IDAT" in chunks
            if name in _READ and end - start <= _READ[name] and not is_late:
                chunks.setdefault(name, data[start:end])
            elif name == b"IDAT":
                chunks[name] = b""
    found: dict[str, Any] = _found(chunks)
    return PhotoHeader(
        "png",
        width,
        height,
        depth=depth,
        channels="grey" if colours in (0, 4) else "rgb",
        has_alpha=colours in (4, 6) or (b"tRNS" in chunks and _fits(data, len(chunks[b"tRNS"]))),
        **found,
    )


def with_clear_grey(
    data: bytes, pixels: NDArray[np.uint8 | np.uint16]
) -> NDArray[np.uint8 | np.uint16]:
    """Return (H, W, 4) RGB and alpha of (H, W) grey with the one grey of a PNG clear that it names.

    OpenCV, which reads sixteen bits, makes nothing of that, and Pillow nothing of fewer than eight:
    it stretches the greys and not the one that is named.
    """
    keys = [data[start:end] for name, start, end in chunk_places(data) if name == b"tRNS"]
    most = int(np.iinfo(pixels.dtype).max)
    in_file = (1 << data[24]) - 1  # by the bits a pixel has there
    key = (int.from_bytes(keys[0][:2]) & in_file) * (most // in_file) if keys else most + 1
    alpha = np.where(pixels == key, 0, most).astype(pixels.dtype)
    return np.dstack([pixels, pixels, pixels, alpha])


def _found(chunks: dict[bytes, bytes]) -> dict[str, Any]:
    """Return what the chunks beside the picture say; colours by the first that says something."""
    found: dict[str, Any] = {}
    with contextlib.suppress(struct.error):
        if b"acTL" in chunks:
            found["num_pictures"] = max(1, struct.unpack_from(">I", chunks[b"acTL"])[0])
    with contextlib.suppress(struct.error):
        if b"pHYs" in chunks:
            across, down, unit = struct.unpack_from(">IIB", chunks[b"pHYs"])
            if unit == 1 and across and down:
                found["dpi"] = across * _METRES, down * _METRES
    if b"eXIf" in chunks:
        found["exif"] = chunks[b"eXIf"]
        found["orientation"] = orientation_of(read_tags(found["exif"])[0])
    colours = of_code_points(*chunks[b"cICP"][:2]) if len(chunks.get(b"cICP", b"")) == 4 else None
    if len(chunks.get(b"cICP", b"")) == 4:
        found["colours"] = colours
    elif b"iCCP" in chunks:
        found["profile"] = _inflated_profile(chunks[b"iCCP"])
    elif b"sRGB" not in chunks:
        found["colours"] = _described(chunks)
    return found


def _described(chunks: dict[bytes, bytes]) -> DescribedColours | None:
    """Return what gAMA and cHRM say."""
    gamma, corners = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    points = None
    if len(corners) == 32:
        values = [value / 100_000 for value in struct.unpack(">8I", corners)]
        white, *primaries = zip(values[::2], values[1::2], strict=True)
        points = primaries, white
    return of_gamma(int.from_bytes(gamma) / 100_000 if len(gamma) == 4 else None, points)


def _inflated_profile(chunk: bytes) -> bytes:
    """Return the profile, or as much of it as a profile may have."""
    _, _, rest = chunk.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(rest[1:], _MAX_PROFILE)
    except zlib.error:
        return b""


def picture_alone(data: bytes) -> bytes:
    """Return a PNG with nothing but its picture: decoders complain of all else that is damaged.

    Raises:
        ValueError: it breaks off, or a piece of the picture is damaged.
    """
    kept, name = [PNG_START], b""
    for name, start, end in chunk_places(data):
        if name in OF_PICTURE and name != b"eXIf":
            is_whole = zlib.crc32(data[start - 4 : end]) == int.from_bytes(data[end : end + 4])
            if is_whole and (name != b"tRNS" or _fits(data, end - start)):
                kept.append(data[start - 8 : end + 4])
            elif name not in _EXTRA:
                raise ValueError("a piece of it is damaged")
    if name != b"IEND":
        raise ValueError("it breaks off")
    return b"".join(kept)


def _fits(data: bytes, length: int) -> bool:
    """Return whether what says where a PNG is transparent has a length that its colours allow."""
    expected = {0: 2, 2: 6}.get(data[25])
    return length == expected if expected else data[25] == 3 and 0 < length <= 256


def completed(data: bytes) -> bytes | None:
    """Return a PNG that breaks off or is damaged as a whole one: as far as it goes, the rest 0.

    Returns:
        `None` where nothing of its picture can be read, or it would be very large.
    """
    places = list(chunk_places(data, takes_parts=True))
    pieces = {name: data[start - 8 : end + 4] for name, start, end in reversed(places)}
    header = pieces.get(b"IHDR", b"")
    if len(header) != 25 or zlib.crc32(header[4:-4]) != int.from_bytes(header[-4:]):
        return None
    parts = _parts(*struct.unpack_from(">IIBBBBB", header, 8))
    length = sum(num_rows * row for num_rows, row in parts)
    if length > _MAX_COMPLETED:
        return None
    coded = [data[start:end] for name, start, end in places if name == b"IDAT"]
    rows = _as_far_as_it_goes(coded, length)
    rows = rows[: _end_of_rows(rows, parts)]
    if not rows:
        return None
    picture = _chunk(b"IDAT", zlib.compress(rows.ljust(length, b"\0"), 1))
    extra = [_chunk(name, pieces[name][8:-4]) for name in (b"PLTE", b"tRNS") if name in pieces]
    return b"".join([PNG_START, header, *extra, picture, _chunk(b"IEND", b"")])


def _parts(
    width: int, height: int, depth: int, colours: int, _deflate: int, _filter: int, passes: int
) -> list[tuple[int, int]]:
    """Return the rows of each pass: how many, and of how many bytes with the one before them."""
    bits = depth * _CHANNELS.get(colours, 4)
    places = _PASSES if passes else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in places]
    return [(high, 1 + (wide * bits + 7) // 8) for wide, high in sizes if wide > 0 and high > 0]


def _end_of_rows(rows: bytes, parts: list[tuple[int, int]]) -> int:
    """Return where rows begin that no program writes, the end where there are none."""
    at = 0
    for num_rows, row in parts:
        for _ in range(num_rows):
            if at >= len(rows) or rows[at] > _MAX_FILTER:
                return min(at, len(rows))
            at += row
    return len(rows)


def _as_far_as_it_goes(pieces: list[bytes], most: int) -> bytes:
    """Return what was deflated up to where it breaks off or is damaged, `most` bytes at most."""
    inflate, data, rows = zlib.decompressobj(), b"".join(pieces), bytearray()
    with contextlib.suppress(zlib.error):
        for at in range(0, len(data), _STEP):
            rows += inflate.decompress(data[at : at + _STEP], max(1, most - len(rows)))
            if len(rows) >= most:
                break
    return bytes(rows[:most])


def without_extras(data: bytes) -> bytes:
    """Return a PNG without the texts, profiles and previews in it, which may inflate to anything.

    Raises:
        ValueError: it breaks off, or is more than a picture of its size can be.
    """
    places = list(itertools.islice(chunk_places(data), _MAX_CHUNKS))
    kept = [(name, data[start - 8 : end + 4]) for name, start, end in places if name in OF_PICTURE]
    if len(places) == _MAX_CHUNKS:
        raise ValueError("no program writes so many pieces")
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    bits = width * depth * _CHANNELS.get(colours, 4)
    # rows have a byte before them; of a picture that comes in passes there are more, shorter rows
    most = 2 * height * (1 + (bits + 7) // 8) + (1 << 20)
    if _inflated([piece[8:-4] for name, piece in kept if name == b"IDAT"], most) > most:
        raise ValueError("it goes on after the picture")
    return PNG_START + b"".join(piece for _, piece in kept)


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


def png_with(
    data: bytes, *, profile: bytes | None, exif: bytes, dpi: tuple[float, float] | None
) -> bytes:
    """Return a PNG with a profile, an EXIF block and a resolution."""
    pieces = []
    if profile is not None:
        pieces.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    if dpi is not None:
        metres = [round(number / _METRES) for number in dpi]
        pieces.append(_chunk(b"pHYs", struct.pack(">IIB", *metres, 1)))
    if exif:
        pieces.append(_chunk(b"eXIf", exif))
    end = 8 + 12 + 13  # of IHDR
    return data[:end] + b"".join(pieces) + data[end:]


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + checksum
