"""TIFF files: what they say before their pixels, and what is written beside these.

Source: TIFF 6.0 (sections 2 and 8), ICC.1:2022 (annex B.5).
"""

from __future__ import annotations

import struct
from typing import Any, Literal

from stream.photo.formats.exif import (
    Notes,
    Tags,
    Value,
    dpi_tags,
    orientation_of,
    read_tags,
    write_tags,
)
from stream.photo.formats.header import PhotoHeader

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 254, 256, 257, 258, 262
_SAMPLES, _EXTRA, _FORMAT, _PROFILE = 277, 338, 339, 34675
_CHANNELS = {0: "grey", 1: "grey", 2: "rgb", 3: "rgb", 5: "cmyk", 6: "rgb", 8: "lab"}
_NUM_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
_NUMBERS: dict[int, Literal["signed", "floating-point"]] = {2: "signed", 3: "floating-point"}
_UNDEFINED = 7
_MAX_PAGES = 10_000


def tiff_header(data: bytes) -> PhotoHeader | None:
    """Return what a TIFF says of itself, `None` where it breaks off or is larger than 4 GB."""
    tags, following = read_tags(data)
    if not (_number(tags, _WIDTH, 0) and _number(tags, _HEIGHT, 0)):
        return None
    photometric = _number(tags, _PHOTOMETRIC, 1)
    num_samples = _number(tags, _SAMPLES, 1)
    found: dict[str, Any] = {"channels": _CHANNELS.get(photometric, "other")}
    if _PROFILE in tags:
        found["profile"] = tags[_PROFILE].data
    return PhotoHeader(
        "tiff",
        _number(tags, _WIDTH, 0),
        _number(tags, _HEIGHT, 0),
        num_pictures=1 + _num_pages(data, following),
        depth=_number(tags, _BITS, 1),
        # what a sample beyond the colours is, if it says nothing, is not known
        has_alpha=num_samples > _NUM_COLOURS.get(photometric, num_samples)
        and _number(tags, _EXTRA, 0) in (1, 2),
        numbers=_NUMBERS.get(_number(tags, _FORMAT, 1), "whole"),
        orientation=orientation_of(tags),
        exif=data,
        **found,
    )


def _num_pages(data: bytes, offset: int) -> int:
    """Return how many pictures follow the first one, those not counted that are its previews."""
    num, seen = 0, set[int]()
    while offset and offset not in seen and len(seen) < _MAX_PAGES:
        seen.add(offset)
        tags, offset = read_tags(data, offset)
        num += bool(tags) and not _number(tags, _SUBFILE, 0) & 1
    return num


def _number(tags: Tags, number: int, default: int) -> int:
    numbers = tags[number].numbers if number in tags else ()
    return numbers[0] if numbers else default


def tiff_with(
    data: bytes,
    *,
    profile: bytes | None,
    notes: Notes,
    with_place: bool,
) -> bytes:
    """Return a little-endian TIFF of one picture with a profile and notes.

    Its directory is written once more, behind all else, with what is new in it.

    Raises:
        ValueError: it is no such file.
    """
    if not data.startswith(b"II*\0"):
        raise ValueError("expected a little-endian TIFF")
    as_written, _ = read_tags(data)
    first = {**as_written, **notes.camera, **notes.date}
    if notes.dpi is not None:
        first |= dpi_tags(notes.dpi)
    if profile is not None:
        first[_PROFILE] = Value(_UNDEFINED, profile)
    place = notes.place if with_place else {}
    if first == as_written and not (notes.dates or place):
        return data
    start = len(data) + len(data) % 2
    body = data[8:] + bytes(len(data) % 2)
    return data[:4] + struct.pack("<I", start) + body + write_tags(first, notes, place, start=start)
