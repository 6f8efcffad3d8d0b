"""A background that a visitor uploads: a PNG, JPEG or WebP photo, kept in memory only."""

from __future__ import annotations

from collections.abc import AsyncIterable

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.replace import cover
from stream.photo.header import num_scans, photo_header, without_extras
from stream.serve.limits import Limits, Refusal

#: Long side in pixels a background is kept at; frames are no larger.
KEPT_SIDE = 1280

NOT_A_PHOTO = "a background must be a photo: PNG, JPEG or WebP"
DAMAGED = "this photo is damaged and cannot be decoded"


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


def judged_photo(data: bytes, limits: Limits) -> bytes:
    """Return what is to be decoded of the photo in `data`, by what is said before its pixels.

    What it is and how large is read from its own header; names and types that came with it do not
    count.

    Raises:
        Refusal: it is no photo of a kind that is taken, or would cost too much.
    """
    header = photo_header(data)
    if header is None or not header.width or not header.height:
        raise Refusal(415, NOT_A_PHOTO)
    if not header.is_still:
        raise Refusal(415, "a background must be one picture, and this is an animation")
    if header.width * header.height > limits.max_upload_pixels:
        millions = limits.max_upload_pixels // 1_000_000
        size = f"{header.width}x{header.height}"
        raise Refusal(413, f"a background may have {millions} million pixels, this has {size}")
    if header.kind == "jpeg" and num_scans(data, limits.max_upload_scans) > limits.max_upload_scans:
        most = f"{limits.max_upload_scans} scans and a few thousand segments"
        raise Refusal(413, f"a JPEG may have {most}, this has more")
    if header.kind == "png":
        try:
            return without_extras(data)
        except ValueError as error:
            raise Refusal(415, DAMAGED) from error
    return data


def decode_photo(data: bytes, limits: Limits) -> NDArray[np.uint8]:
    """Return the photo in `data`, shrunk to what a background needs.

    Returns:
        (h, w, 3) uint8 RGB, its long side `KEPT_SIDE` at most, turned as its EXIF tag says.

    Raises:
        Refusal: it is no photo of a kind that is taken, would cost too much, or is damaged.
    """
    data = judged_photo(data, limits)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise Refusal(415, DAMAGED)
    scale = min(1.0, KEPT_SIDE / max(image.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cover(np.asarray(image, np.uint8), (height, width))
