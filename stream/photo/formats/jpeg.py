"""JPEG files: what they say before their pixels, and what is written beside these.

Sources: ITU-T T.81 (annex B), JFIF 1.02, ICC.1:2022 (annex B.4).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from stream.photo.formats.described_colours import of_adobe_rgb
from stream.photo.formats.exif import is_adobe_rgb, orientation_of, read_tags
from stream.photo.formats.header import PhotoHeader

#: Markers without a length, and those of a frame, which hold the size. ITU-T T.81, table B.1.
_ALONE = {0x01, *range(0xD0, 0xD8)}
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
APP1, APP2 = 0xE1, 0xE2
_SCAN, _END, _APP0 = 0xDA, 0xD9, 0xE0
_MARKER = re.compile(rb"\xff([^\x00\xff])")
#: In a scan: a restart does not end it.
_MARKER_AFTER_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
#: Segments that are looked through; a few hundred are usual at most.
_MAX_SEGMENTS = 5000

#: How lines begin that libjpeg prints of what it reads.
LIBRARY_LINES = (
    *(b"Corrupt JPEG data", b"Premature end of JPEG", b"Inconsistent progression sequence"),
    *(b"Invalid Adobe", b"Invalid SOS parameters", b"Unknown Adobe", b"Caution: "),
)
# What follows the picture, before its end, is none of it: cameras leave such there.
_OF_PICTURE = re.compile(
    r"Corrupt JPEG data(?!: \d+ extraneous bytes before marker 0xd9)|Premature"
)

_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_LONGEST = 65_533  # bytes of a segment
_MAX_EXIF = _LONGEST - len(_EXIF)


def jpeg_header(data: bytes) -> PhotoHeader | None:
    """Return what a JPEG says of itself, `None` where it breaks off before its size."""
    found: dict[str, Any] = {}
    pieces: dict[int, bytes] = {}  # of the profile, by their numbers
    for marker, start, end in segments(data):
        body = data[start:end]
        if marker in FRAMES and len(body) >= 6 and "width" not in found:
            depth, height, width, channels = struct.unpack_from(">BHHB", body)
            found |= {"depth": depth, "height": height, "width": width}
            found["channels"] = {1: "grey", 3: "rgb", 4: "cmyk"}.get(channels, "other")
        elif marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            unit, across, down = struct.unpack_from(">BHH", body, 7)
            per_inch = {1: 1.0, 2: 2.54}.get(unit)
            if per_inch is not None and across and down:
                found["dpi"] = across * per_inch, down * per_inch
        elif marker == APP1 and body.startswith(_EXIF):
            found.setdefault("exif", body[len(_EXIF) :])
        elif marker == APP2 and body.startswith(_ICC) and len(body) > len(_ICC) + 2:
            pieces.setdefault(body[len(_ICC)], body[len(_ICC) + 2 :])
    if "width" not in found:
        return None
    if pieces:
        found["profile"] = b"".join(pieces[number] for number in sorted(pieces))
    if "exif" in found:
        tags, _ = read_tags(found["exif"])
        found["orientation"] = orientation_of(tags)
        if found["channels"] == "rgb" and is_adobe_rgb(tags, found["exif"]):
            found["colours"] = of_adobe_rgb()  # unless there is a profile
    return PhotoHeader("jpeg", **found)


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of each segment before the first scan, and where its body lies."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None or match[1][0] in (_SCAN, _END):
            return
        position = match.end()
        if match[1][0] not in _ALONE:
            end = position + max(2, int.from_bytes(data[position : position + 2]))
            yield match[1][0], position + 2, end
            position = end


def num_scans(data: bytes, at_most: int) -> int:
    """Return the number of scans of a JPEG, counted no further than one above `at_most`.

    Each scan of a progressive JPEG goes over all of the picture again, and a few bytes are enough
    for one. One that has more segments than any program writes counts as having too many scans.
    """
    position, found, pattern = 2, 0, _MARKER
    for _ in range(_MAX_SEGMENTS):
        marker = pattern.search(data, position)
        if marker is None or found > at_most or marker[1][0] == _END:
            return found
        position, pattern = marker.end(), _MARKER
        if marker[1][0] not in _ALONE:
            position += int.from_bytes(data[position : position + 2])
        if marker[1][0] == _SCAN:
            found, pattern = found + 1, _MARKER_AFTER_SCAN
    return at_most + 1


def is_damaged(lines: Sequence[str]) -> bool:
    """Return whether libjpeg's lines say that a part of the picture could not be read."""
    return any(_OF_PICTURE.match(line) for line in lines)


def completed(data: bytes) -> bytes | None:
    """Return a JPEG without an end with one: decoders make grey of what is missing before it.

    Returns:
        `None` where it breaks off before its picture begins.
    """
    return data.rstrip(b"\xff") + bytes([0xFF, _END]) if num_scans(data, 1) else None


def jpeg_with(
    data: bytes, *, profile: bytes | None, exif: bytes, dpi: tuple[float, float] | None
) -> bytes:
    """Return a JPEG that begins with JFIF's segment with a profile, an EXIF block, a resolution."""
    end = 4 + int.from_bytes(data[4:6])  # of JFIF's segment, which must be the first one
    first = bytearray(data[:end])
    if dpi is not None:
        first[13:18] = struct.pack(">BHH", 1, *(min(65_535, max(1, round(each))) for each in dpi))
    pieces = [_segment(APP1, _EXIF + exif)] if exif and len(exif) <= _MAX_EXIF else []
    if profile is not None:
        most = _LONGEST - len(_ICC) - 2
        parts = [profile[at : at + most] for at in range(0, len(profile), most)]
        for number, part in enumerate(parts, 1):
            pieces.append(_segment(APP2, _ICC + bytes([number, len(parts)]) + part))
    return bytes(first) + b"".join(pieces) + data[end:]


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
