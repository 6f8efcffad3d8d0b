"""A background that a visitor uploads: a PNG, JPEG or WebP photo, kept in memory only."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.replace import cover
from stream.serve.limits import Limits, Refusal

#: Long side in pixels a background is kept at; frames are no larger.
KEPT_SIDE = 1280
#: JPEG markers without a length, and those of a frame, which hold the size. ITU-T T.81, table B.1.
_JPEG_ALONE = {0x01, *range(0xD0, 0xD8)}
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}

NOT_A_PHOTO = "a background must be a photo: PNG, JPEG or WebP"


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What the first bytes of a photo say."""

    kind: Literal["png", "jpeg", "webp"]
    width: int
    height: int


async def read_upload(chunks: AsyncIterable[bytes], announced: int | None, limits: Limits) -> bytes:
    """Return the body of a request, of which no more is read than is allowed.

    Args:
        chunks: of the body.
        announced: its length as the request says, `None` where it does not.
        limits: of uploads.

    Raises:
        Refusal: it is too large.
    """
    megabytes = limits.max_upload_bytes / 1e6
    too_large = Refusal(413, f"a background may have {megabytes:.0f} MB at most")
    if announced is not None and announced > limits.max_upload_bytes:
        raise too_large
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > limits.max_upload_bytes:
            raise too_large
    return bytes(data)


def decode_photo(data: bytes, limits: Limits) -> NDArray[np.uint8]:
    """Return the photo in `data`, shrunk to what a background needs.

    What it is and how large is read from its own header before anything is decoded; names and
    types that came with it do not count.

    Returns:
        (h, w, 3) uint8 RGB, its long side `KEPT_SIDE` at most, turned as its EXIF tag says.

    Raises:
        Refusal: it is no photo of a kind that is taken, is damaged, or has too many pixels.
    """
    header = photo_header(data)
    if header is None:
        raise Refusal(415, NOT_A_PHOTO)
    if header.width * header.height > limits.max_upload_pixels:
        millions = limits.max_upload_pixels // 1_000_000
        size = f"{header.width}x{header.height}"
        raise Refusal(413, f"a background may have {millions} million pixels, this has {size}")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise Refusal(415, "this photo is damaged and cannot be decoded")
    scale = min(1.0, KEPT_SIDE / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cover(np.asarray(image, np.uint8), (height, width))


def photo_header(data: bytes) -> PhotoHeader | None:
    """Return kind and size of a photo, `None` if `data` is none or breaks off in its header.

    Sources: the PNG specification (section 11.2.1), ITU-T T.81 (annex B), RFC 9649 (WebP).
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return PhotoHeader("png", *struct.unpack_from(">II", data, 16))
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg_header(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_header(data)
    except (struct.error, IndexError):
        pass
    return None


def _jpeg_header(data: bytes) -> PhotoHeader | None:
    position = 2
    while data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # padding before a marker
            position += 1
        elif marker in _JPEG_ALONE:
            position += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return PhotoHeader("jpeg", width, height)
        else:
            position += 2 + max(2, struct.unpack_from(">H", data, position + 2)[0])
    return None


def _webp_header(data: bytes) -> PhotoHeader | None:
    kind = data[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return PhotoHeader(
            "webp", 1 + low_width + (high_width << 16), 1 + low_height + (high_height << 16)
        )
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return PhotoHeader("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return PhotoHeader("webp", width & 0x3FFF, height & 0x3FFF)
    return None
