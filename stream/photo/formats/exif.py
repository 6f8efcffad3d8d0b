"""What is kept of a photo's EXIF: camera, date, place and resolution; read and written.

EXIF is a TIFF file without a picture, so the same reads the tags of TIFF files. Sources: TIFF 6.0
(section 2), CIPA DC-008 (EXIF 3.0, section 4.6), CIPA DC-009 (DCF 2.0).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple


class Value(NamedTuple):
    """What a tag holds: its type, as EXIF numbers them, and its bytes, little-endian."""

    kind: int
    data: bytes

    @property
    def numbers(self) -> tuple[int, ...]:
        """Its whole numbers, none where it holds something else."""
        code = {1: "B", 3: "H", 4: "I", 13: "I"}.get(self.kind)
        if code is None:
            return ()
        return struct.unpack(f"<{len(self.data) // _SIZES[self.kind]}{code}", self.data)


Tags = Mapping[int, Value]

#: By type: bytes of a number, and of the pieces of it that are turned around.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_PIECES = {**_SIZES, 5: 4, 10: 4}
_ASCII, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5
_MAX_TAGS, _MAX_BYTES = 2000, 16 << 20

ORIENTATION, _EXIF, _GPS = 0x0112, 0x8769, 0x8825
_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x011A, 0x011B, 0x0128
_COLOUR_SPACE, _UNCALIBRATED = 0xA001, 0xFFFF
_INTEROPERABILITY, _INTEROPERABILITY_INDEX, _ADOBE_RGB = 0xA005, 1, b"R03"
# make and model
_CAMERA = frozenset({0x010F, 0x0110})
_CHANGED = 0x0132
# taken, digitised; their time zones and parts of seconds
_DATES = frozenset({0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292})
#: Of a place all but what programs may write anything into: names and texts of their own.
_PLACE = frozenset(range(0x20)) - {0x1B, 0x1C}
_LONGEST = 256  # bytes of what is kept; more is no name, date or place


@dataclass(frozen=True, slots=True)
class Notes:
    """What travels with a photo from file to file, beside its pixels.

    This is a list of what is kept: anything else in a file stays behind, above all the pictures
    within it (thumbnails, previews, what makers add), which show what is covered.

    Attributes:
        camera: make and model.
        date: when the file was changed.
        dates: when the photo was taken.
        place: where.
        dpi: pixels an inch, across and down, `None` where nothing is said.
    """

    camera: Tags = field(default_factory=dict)
    date: Tags = field(default_factory=dict)
    dates: Tags = field(default_factory=dict)
    place: Tags = field(default_factory=dict)
    dpi: tuple[float, float] | None = None

    @property
    def names(self) -> list[str]:
        """What there is of it, for people, but for the place and the resolution."""
        return [
            *(["camera"] if self.camera else []),
            *(["date"] if self.date or self.dates else []),
        ]


def read_notes(data: bytes) -> Notes:
    """Return what is kept of an EXIF block or of a TIFF file; what is damaged is left out."""
    first, _ = read_tags(data)
    exif = _read_linked(data, first, _EXIF)
    place = _read_linked(data, first, _GPS)
    return Notes(
        camera=_kept(first, _CAMERA),
        date=_kept(first, frozenset({_CHANGED})),
        dates=_kept(exif, _DATES),
        place=_kept(place, _PLACE),
        dpi=_dpi(first),
    )


def orientation_of(tags: Tags) -> int:
    """Return how a picture lies, 1 to 8 as EXIF numbers it; 1 is upright."""
    numbers = tags[ORIENTATION].numbers if ORIENTATION in tags else ()
    return numbers[0] if numbers and 1 <= numbers[0] <= 8 else 1


def is_adobe_rgb(first: Tags, data: bytes) -> bool:
    """Return whether a camera says that its colours are those of Adobe RGB, which is no profile.

    Args:
        first: tags of the EXIF block.
        data: all of the block.
    """
    exif = _read_linked(data, first, _EXIF)
    index = _read_linked(data, exif, _INTEROPERABILITY).get(_INTEROPERABILITY_INDEX)
    space = exif[_COLOUR_SPACE].numbers[:1] if _COLOUR_SPACE in exif else ()
    return space == (_UNCALIBRATED,) and index is not None and index.data[:3] == _ADOBE_RGB


def exif_block(notes: Notes, *, with_place: bool, with_dpi: bool) -> bytes:
    """Return the EXIF block of notes, little-endian; b"" where there is nothing in it."""
    first = {**notes.camera, **notes.date}
    if with_dpi and notes.dpi is not None:
        first |= dpi_tags(notes.dpi)
    place = notes.place if with_place else {}
    if not (first or notes.dates or place):
        return b""
    return b"II*\0" + struct.pack("<I", 8) + write_tags(first, notes, place, start=8)


def write_tags(first: Tags, notes: Notes, place: Tags, *, start: int) -> bytes:
    """Return the tags of `first` and, linked from them, the dates and the place.

    Args:
        first: of the picture itself.
        notes: whose `dates` are written.
        place: as in `Notes`; none is written where it is empty.
        start: where in the file the result will lie; an even number.
    """
    linked = {_EXIF: notes.dates, _GPS: place}
    linked = {number: tags for number, tags in linked.items() if tags}
    places: dict[int, Value] = {number: Value(_LONG, bytes(4)) for number in linked}
    position = start + len(_block({**first, **places}, start))
    blocks = b""
    for number, tags in linked.items():
        places[number] = Value(_LONG, struct.pack("<I", position + len(blocks)))
        blocks += _block(tags, position + len(blocks))
    return _block({**first, **places}, start) + blocks


def dpi_tags(dpi: tuple[float, float]) -> dict[int, Value]:
    """Return the tags of a resolution."""
    ratios = [Fraction(number).limit_denominator(10_000) for number in dpi]
    pairs = [struct.pack("<II", ratio.numerator, ratio.denominator) for ratio in ratios]
    return {
        _X_RESOLUTION: Value(_RATIONAL, pairs[0]),
        _Y_RESOLUTION: Value(_RATIONAL, pairs[1]),
        _UNIT: Value(_SHORT, struct.pack("<H", 2)),
    }


def read_tags(data: bytes, offset: int | None = None) -> tuple[dict[int, Value], int]:
    """Return the tags of a directory, and where the next one lies, 0 after the last.

    Args:
        data: an EXIF block or a TIFF file.
        offset: of the directory; of the first one by default.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    tags: dict[int, Value] = {}
    if order is None:
        return tags, 0
    try:
        if offset is None:
            (offset,) = struct.unpack_from(f"{order}I", data, 4)
        (num,) = struct.unpack_from(f"{order}H", data, offset)
        for index in range(min(num, _MAX_TAGS)):
            number, value = _entry(data, order, offset + 2 + 12 * index)
            if value is not None:
                tags[number] = value
        (following,) = struct.unpack_from(f"{order}I", data, offset + 2 + 12 * num)
    except struct.error:
        return tags, 0
    return tags, following


def _entry(data: bytes, order: str, at: int) -> tuple[int, Value | None]:
    number, kind, count = struct.unpack_from(f"{order}HHI", data, at)
    length = _SIZES.get(kind, 0) * count
    if not 0 < length <= _MAX_BYTES:
        return number, None
    start = at + 8
    if length > 4:
        (start,) = struct.unpack_from(f"{order}I", data, start)
    value = data[start : start + length]
    if len(value) < length:
        return number, None
    size = _PIECES[kind]
    if order == ">" and size > 1:
        value = b"".join(value[i : i + size][::-1] for i in range(0, length, size))
    return number, Value(kind, value)


def _read_linked(data: bytes, first: Tags, number: int) -> Tags:
    numbers = first[number].numbers if number in first else ()
    return read_tags(data, numbers[0])[0] if numbers else {}


def _kept(tags: Tags, numbers: frozenset[int]) -> Tags:
    return {
        number: value
        for number, value in tags.items()
        if number in numbers and len(value.data) <= _LONGEST and value.data.strip(b" \0")
    }


def _dpi(tags: Tags) -> tuple[float, float] | None:
    pairs = []
    for number in (_X_RESOLUTION, _Y_RESOLUTION):
        value = tags.get(number)
        if value is None or value.kind != _RATIONAL or len(value.data) < 8:
            return None
        above, below = struct.unpack_from("<II", value.data)
        pairs.append(above / below if below else 0.0)
    units = tags[_UNIT].numbers if _UNIT in tags else (2,)
    per_inch = {2: 1.0, 3: 2.54}.get(units[0] if units else 2)
    if per_inch is None or min(pairs) <= 0:
        return None
    return pairs[0] * per_inch, pairs[1] * per_inch


def _block(tags: Tags, start: int) -> bytes:
    """Return a directory, the last of its file, and the values that do not fit into it."""
    entries, values = b"", b""
    behind = start + 2 + 12 * len(tags) + 4
    for number, (kind, data) in sorted(tags.items()):
        place = data.ljust(4, b"\0")
        if len(data) > 4:
            place = struct.pack("<I", behind + len(values))
            values += data + bytes(len(data) % 2)
        entries += struct.pack("<HHI", number, kind, len(data) // _SIZES[kind]) + place
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values
