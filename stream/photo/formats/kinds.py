"""Which kind of photo a file is, by its first bytes, and what it says of itself."""

from __future__ import annotations

import contextlib
import struct

from segmentation.png_chunks import PNG_START
from stream.photo.formats.bmp import bmp_header
from stream.photo.formats.gif import gif_header
from stream.photo.formats.header import PhotoHeader
from stream.photo.formats.isobmff import brand_of, read_boxes
from stream.photo.formats.mpf import jpeg_header_of_all
from stream.photo.formats.png import png_header
from stream.photo.formats.tiff import tiff_header
from stream.photo.formats.webp import webp_header

#: Bytes that tell what a file is.
NUM_FIRST_BYTES = 64

_STARTS = {
    b"\xff\xd8\xff": "jpeg",
    PNG_START: "png",
    b"BM": "bmp",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",  # larger than 4 GB
    b"MM\0+": "tiff",
    b"\xff\x0a": "jxl",
    b"\0\0\0\x0cJXL \r\n\x87\n": "jxl",
}

#: How brands of .mp4, .mov and .3gp begin; those of sound alone do otherwise.
_VIDEO_BRANDS = (b"iso", b"mp4", b"avc", b"qt  ", b"3g", b"M4V", b"MSNV", b"XAVC", b"dash")
_MATROSKA = b"\x1a\x45\xdf\xa3"


def kind_of(first: bytes) -> str | None:
    """Return what kind of photo a file is that begins so, `None` for what is none.

    Args:
        first: at least `NUM_FIRST_BYTES` of it, or all.
    """
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "webp"
    for start, kind in _STARTS.items():
        if first.startswith(start):
            return kind
    return brand_of(first)


def begins_as_video(first: bytes) -> bool:
    """Return whether a file is a video that phones, programs and sites may name as a photo.

    Args:
        first: as in `kind_of`.
    """
    if first[4:8] == b"ftyp":
        return first[8:12].startswith(_VIDEO_BRANDS)
    return first.startswith(_MATROSKA) or (first[:4] == b"RIFF" and first[8:12] == b"AVI ")


def photo_header(data: bytes) -> PhotoHeader | None:
    """Return what a photo says of itself.

    `None` for what is none, breaks off in its header, or says it in a way that is not known here.
    """
    kind = kind_of(data[:NUM_FIRST_BYTES])
    with contextlib.suppress(struct.error, IndexError):
        if kind in ("heic", "avif"):
            return _boxed_header(data)
        readers = {
            "jpeg": jpeg_header_of_all,
            "png": png_header,
            "webp": webp_header,
            "tiff": tiff_header,
            "bmp": bmp_header,
            "gif": gif_header,
        }
        return readers[kind](data) if kind in readers else None
    return None


def _boxed_header(data: bytes) -> PhotoHeader | None:
    boxes = read_boxes(data)
    if boxes is None:
        return None
    is_avif = brand_of(data[:NUM_FIRST_BYTES]) == "avif"
    return PhotoHeader(
        "avif" if is_avif else "heic",
        boxes.width,
        boxes.height,
        num_pictures=2 if data[8:12] == b"avis" else 1,
        depth=boxes.depth,
        has_alpha=boxes.has_alpha,
        profile=boxes.profile,
        colours=boxes.colours,
        exif=boxes.exif,
        aperture=boxes.aperture,
    )
