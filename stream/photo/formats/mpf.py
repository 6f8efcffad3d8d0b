"""Pictures that a JPEG holds behind its first one, as cameras and telephones write them.

Sources: CIPA DC-007 (Multi-Picture Format, section 5.2), Android's "Ultra HDR image format",
ISO 21496-1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from stream.photo.formats.exif import read_tags
from stream.photo.formats.header import PhotoHeader
from stream.photo.formats.jpeg import APP1, APP2, FRAMES, jpeg_header, segments

_MPF = b"MPF\0"  # how the segment begins that lists them
#: What a gain map says of itself before its pixels: by ISO, by Android, by Apple
_GAIN_MAP = (
    b"urn:iso:std:iso:ts:21496:-1",
    b"hdrgm:Version",
    b"http://ns.apple.com/HDRGainMap/",
)
_ENTRIES, _ENTRY_BYTES, _JPEG_START = 0xB002, 16, b"\xff\xd8\xff"
#: What is looked at: pictures, and bytes and segments of each; more only takes time.
_MAX_PICTURES, _MAX_HEAD, _MAX_SEGMENTS = 32, 1 << 17, 100
#: Kinds of pictures, as their entries number them: of none that is known; of a scene, as
#: panoramas, for two eyes, from several places; gain maps. Others are previews.
_UNKNOWN, _OF_A_SCENE, _OF_GAIN = 0x00, 0x02, 0x05


class _Other(NamedTuple):
    """A picture behind the first one; its size is `None` where it does not say so."""

    kind: int
    size_hw: tuple[int, int] | None
    is_gain_map: bool


def jpeg_header_of_all(data: bytes) -> PhotoHeader | None:
    """Return `jpeg_header`, which says of pictures behind the first one that are there as well."""
    header = jpeg_header(data)
    if header is None:
        return None
    others = list(_others(data))
    size_hw = header.height, header.width
    # of no known kind are also depth, masks and previews, which are smaller than the first one
    num = sum(
        other.kind == _OF_A_SCENE or (other.kind == _UNKNOWN and other.size_hw == size_hw)
        for other in others
        if not other.is_gain_map
    )
    has_gain_map = any(other.is_gain_map for other in others)
    return replace(header, num_pictures=1 + num, has_gain_map=has_gain_map)


def _others(data: bytes) -> Iterator[_Other]:
    """Yield what is found where the list says: programs that change a JPEG may leave it behind."""
    for marker, start, end in segments(data):
        if marker == APP2 and data.startswith(_MPF, start):
            begin = start + len(_MPF)
            for kind, offset in _entries(data[begin:end]):
                at = begin + offset
                if offset and data.startswith(_JPEG_START, at):
                    yield _other(kind, data[at : at + _MAX_HEAD])
            return


def _entries(index: bytes) -> list[tuple[int, int]]:
    """Return the kind of each picture but the first, and where it lies behind the index' start."""
    tags, _ = read_tags(index)
    order = "<" if index[:2] == b"II" else ">"
    entries = tags[_ENTRIES].data[: _ENTRY_BYTES * _MAX_PICTURES] if _ENTRIES in tags else b""
    entries = entries[: len(entries) // _ENTRY_BYTES * _ENTRY_BYTES]
    found = struct.iter_unpack(f"{order}IIIHH", entries)
    return [(attribute >> 16 & 0xFF, offset) for attribute, _, offset, *_ in found][1:]


def _other(kind: int, head: bytes) -> _Other:
    size_hw, is_gain_map = None, kind == _OF_GAIN
    for marker, start, end in islice(segments(head), _MAX_SEGMENTS):
        if marker in FRAMES and start + 5 <= len(head):
            size_hw = size_hw or struct.unpack_from(">HH", head, start + 1)
        elif marker in (APP1, APP2):
            is_gain_map |= any(head.find(sign, start, end) >= 0 for sign in _GAIN_MAP)
    return _Other(kind, size_hw, is_gain_map)
