"""Pictures that are not read: raw photos of cameras, drawings, documents and rarer kinds.

Some hold a small picture of the same, which ffmpeg or a reader of TIFF would take for the photo.
"""

from __future__ import annotations

_RAW = "a camera's raw photo"
#: Of raw photos, by the endings of those that are TIFF files by their content.
_RAW_TIFF = frozenset(
    ".3fr .arw .cr2 .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .nef .nrw .pef .rwl .sr2 .srf "
    ".srw".split()
)
_STARTS = {
    b"FUJIFILMCCD-RAW": _RAW,
    b"IIRO": _RAW,
    b"IIRS": _RAW,
    b"MMOR": _RAW,
    b"IIU\0": _RAW,
    b"FOVb": _RAW,
    b"\0MRM": _RAW,
    b"8BPS": "a Photoshop document",
    b"gimp xcf": "a GIMP document",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"\xc5\xd0\xd3\xc6": "a PostScript document",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 photo",
    b"\xff\x4f\xff\x51": "a JPEG 2000 photo",
    b"II\xbc": "a JPEG XR photo",
    b"v/1\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance picture",
    b"DDS ": "a DDS texture",
    b"qoif": "a QOI picture",
    **{b"P%d%c" % (kind, space): "a PNM picture" for kind in range(1, 8) for space in b"\n \r\t"},
}
#: By their endings, where their content says nothing.
_ENDINGS = {
    ".ico": "an icon",
    ".cur": "an icon",
    ".tga": "a Targa picture",
    ".pcx": "a PCX picture",
}


def unread_kind(ending: str, first: bytes) -> str | None:
    """Return in words what kind of picture a file is that is not read, `None` for all else.

    Args:
        ending: of its name, with the dot.
        first: the first bytes of it.
    """
    if ending.lower() in _RAW_TIFF and first[:4] in (b"II*\0", b"MM\0*"):
        return _RAW
    if first[4:12] == b"ftypcrx ":
        return _RAW
    for start, words in _STARTS.items():
        if first.startswith(start):
            return words
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<svg") or (text.startswith(b"<") and ending.lower() == ".svg"):
        return "an SVG drawing"
    return _ENDINGS.get(ending.lower()) if first else None
