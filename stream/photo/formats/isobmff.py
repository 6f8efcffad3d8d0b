"""HEIC and AVIF files: what they say before their pixels.

Both are boxes of the ISO base media file format. Source: ISO/IEC 14496-12 (sections 4.2, 8.11) and
23008-12 (HEIF, section 6).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from stream.photo.formats.clean_aperture import CleanAperture, clean_aperture
from stream.photo.formats.described_colours import DescribedColours, of_code_points

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"miaf", b"MiHE"}
_AVIF, _AVIF_ANIMATED = b"avif", b"avis"
_ALPHA = (b"auxid:1\0", b"auxiliary:alpha\0")
_MAX_BOXES = 20_000


@dataclass(frozen=True, slots=True)
class Boxes:
    """What such a file says of its picture.

    Attributes:
        depth: bits of a channel.
        has_alpha: another picture in it says what is transparent.
        width: in pixels, as the picture is stored.
        height: likewise.
        profile: its ICC profile.
        colours: what else it says of its colours, `None` where that is nothing, or sRGB.
        exif: its EXIF block.
        aperture: the part of it that is to be seen, `None` where that is all.
    """

    width: int
    height: int
    depth: int
    has_alpha: bool
    profile: bytes | None
    colours: DescribedColours | None
    exif: bytes | None
    aperture: CleanAperture | None


def brand_of(data: bytes) -> str | None:
    """Return "heic", "avif", or `None` where a file is neither; image sequences are videos."""
    if data[4:8] != b"ftyp":
        return None
    first = data[8:12]
    others = {data[at : at + 4] for at in range(16, min(int.from_bytes(data[:4]), 256), 4)}
    if first in (_AVIF, _AVIF_ANIMATED) or (first in _HEIC and _AVIF in others):
        return "avif"
    return "heic" if first in _HEIC else None


def read_boxes(data: bytes) -> Boxes | None:
    """Return what a HEIC or AVIF says of itself, `None` where it breaks off before it does."""
    try:
        meta = next((body for name, body in _boxes(data) if name == b"meta"), None)
        if meta is None:
            return None
        boxes = dict(_boxes(meta[4:]))
        return _read(data, boxes)
    except (struct.error, IndexError):
        return None


def _read(data: bytes, boxes: dict[bytes, bytes]) -> Boxes | None:
    property_boxes = list(_boxes(boxes.get(b"iprp", b"")))
    properties = list(_boxes(dict(property_boxes).get(b"ipco", b"")))
    links = [body for name, body in property_boxes if name == b"ipma"]  # one for short numbers
    pitm = boxes.get(b"pitm", b"")
    numbers = [each for ipma in links for each in _of_main_picture(pitm, ipma)]
    own = [each for i, each in enumerate(properties, 1) if i in numbers]
    sizes, has_alpha = [(0, 0)], False
    for name, body in properties:
        if name == b"ispe":
            sizes.append(struct.unpack_from(">II", body, 4))
        elif name == b"auxC":
            has_alpha |= any(word in body for word in _ALPHA)
    depths = [8, *(body[5] for body in _own_first(b"pixi", own, properties))]
    profile, colours = None, None
    for body in _own_first(b"colr", own, properties):
        if body[:4] in (b"prof", b"rICC"):
            profile = profile or body[4:]
        elif body[:4] == b"nclx":
            colours = colours or of_code_points(*struct.unpack_from(">HH", body, 4))
    width, height = max(sizes, key=lambda size: size[0] * size[1])  # tiles are smaller
    if not width * height:
        return None
    colours = None if profile is not None else colours
    exif, aperture = _exif(data, boxes), clean_aperture(own)
    return Boxes(width, height, max(depths), has_alpha, profile, colours, exif, aperture)


def _own_first(
    name: bytes, own: list[tuple[bytes, bytes]], properties: list[tuple[bytes, bytes]]
) -> list[bytes]:
    """Return the boxes of a name that belong to the picture that is shown.

    Without any those of all: its tiles may say it, and else a gain map, or a thumbnail.
    """
    found = [body for each, body in own if each == name]
    return found or [body for each, body in properties if each == name]


def _of_main_picture(pitm: bytes, ipma: bytes) -> list[int]:
    """Return the numbers, from 1, of the properties that belong to the picture that is shown."""
    if not pitm or not ipma:
        return []
    wanted = int.from_bytes(pitm[4:8] if pitm[0] else pitm[4:6])
    id_size, link_size = (4 if ipma[0] else 2), (2 if ipma[3] & 1 else 1)
    position = 8
    for _ in range(int.from_bytes(ipma[4:8])):
        item = int.from_bytes(ipma[position : position + id_size])
        start = position + id_size + 1
        position = start + ipma[start - 1] * link_size
        if item == wanted:
            places = range(start, position, link_size)
            # the highest bit says that a reader must know it
            numbers = [int.from_bytes(ipma[at : at + link_size]) for at in places]
            numbers = [number & (1 << 8 * link_size - 1) - 1 for number in numbers]
            return [number for number in numbers if number]
    return []


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of each box; the last one may break off."""
    position = 0
    for _ in range(_MAX_BOXES):
        if position + 8 > len(data):
            return
        size, name = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = position + size if size else len(data)
        if end <= position:
            return
        yield name, data[start:end]
        position = end


def _exif(data: bytes, boxes: dict[bytes, bytes]) -> bytes | None:
    number = _exif_item(boxes.get(b"iinf", b""))
    if number is None:
        return None
    place = _item_place(boxes.get(b"iloc", b""), number)
    if place is None:
        return None
    held = boxes.get(b"idat", b"") if place[0] == 1 else data
    block = held[place[1] : place[1] + place[2]]
    if len(block) < 8:
        return None
    return block[4 + int.from_bytes(block[:4]) :].removeprefix(b"Exif\0\0")


def _exif_item(iinf: bytes) -> int | None:
    """Return the number of the item that is an EXIF block."""
    if not iinf:
        return None
    for name, body in _boxes(iinf[6 if iinf[0] == 0 else 8 :]):
        is_long = body[0] >= 3
        if name == b"infe" and body[0] >= 2 and body[10 if is_long else 8 :][:4] == b"Exif":
            return int.from_bytes(body[4 : 8 if is_long else 6])
    return None


def _item_place(iloc: bytes, wanted: int) -> tuple[int, int, int] | None:
    """Return how an item lies (1: in the box idat), where it begins, and its length."""
    if not iloc:
        return None
    version = iloc[0]
    offset_size, length_size, base_size = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4
    index_size = iloc[5] & 15 if version else 0
    position = 6

    def number(size: int) -> int:
        nonlocal position
        position += size
        if position > len(iloc):
            raise IndexError
        return int.from_bytes(iloc[position - size : position])

    id_size = 2 if version < 2 else 4
    for _ in range(number(id_size)):
        item = number(id_size)
        method = number(2) & 15 if version else 0
        number(2)  # which file: this one
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            number(index_size)
            extents.append((base + number(offset_size), number(length_size)))
        if item == wanted and extents:
            return method, *extents[0]
    return None
