"""Pictures that a JPEG holds behind its first one, as cameras and telephones write them.

Sources: CIPA DC-007 (Multi-Picture Format, section 5.2), Android's "Ultra HDR image format",
ISO 21496-1.
"""

from __future__ import annotations

import struct

from stream.photo.formats.exif import read_tags

#: How segments begin that list them
MPF = b"MPF\0"
#: How segments begin that say that one of them is a gain map
GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1"
XMP, XMP_GAIN_MAP = b"http://ns.adobe.com/xap/1.0/\0", b"hdrgm:Version"
#: The same in the gain map's own head, as Apple has it
APPLE_GAIN_MAP = b"http://ns.apple.com/HDRGainMap/"
_ENTRIES, _ENTRY_BYTES, _MAX_PICTURES = 0xB002, 16, 1000
#: Kinds of pictures, as their entries number them: of none that is known; of a scene, as
#: panoramas, for two eyes, from several places
_UNKNOWN, _OF_A_SCENE = 0x00, 0x02


def num_pictures(index: bytes, *, has_gain_map: bool) -> int:
    """Return how many pictures there are, the first one counted, previews and gain maps not.

    Args:
        index: what follows `MPF` in its segment.
        has_gain_map: one of them is a gain map, which is of no kind that is known.
    """
    tags, _ = read_tags(index)
    order = "<" if index[:2] == b"II" else ">"
    entries = tags[_ENTRIES].data[: _ENTRY_BYTES * _MAX_PICTURES] if _ENTRIES in tags else b""
    entries = entries[: len(entries) // _ENTRY_BYTES * _ENTRY_BYTES]
    attributes = [attribute for attribute, *_ in struct.iter_unpack(f"{order}IIIHH", entries)]
    kinds = [attribute >> 16 & 0xFF for attribute in attributes[1:]]
    num = kinds.count(_OF_A_SCENE)
    return 1 + num + max(0, kinds.count(_UNKNOWN) - has_gain_map)


def tells_of_gain_map(body: bytes) -> bool:
    """Return whether a segment of the first picture says that another one is its gain map."""
    return body.startswith(GAIN_MAP) or (body.startswith(XMP) and XMP_GAIN_MAP in body)
