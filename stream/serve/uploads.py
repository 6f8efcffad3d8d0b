"""A background that a visitor uploads: a PNG, JPEG or WebP photo, kept in memory only."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from effects.placing import placed
from stream.photo.colour_profile import to_srgb
from stream.photo.decoding import decode
from stream.photo.formats.header import PhotoHeader
from stream.photo.formats.jpeg import num_scans
from stream.photo.formats.kinds import photo_header
from stream.photo.formats.png import without_extras
from stream.serve.site.limits import Limits, Refusal

#: Of files that are taken: decoders that are fast, and know how large a picture is.
KINDS = ("png", "jpeg", "webp")
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


def judged_photo(data: bytes, limits: Limits) -> tuple[bytes, PhotoHeader]:
    """Return what is to be decoded of the photo in `data`, and what it says before its pixels.

    What it is and how large is read from its own header; names and types that came with it do not
    count.

    Raises:
        Refusal: it is no photo of a kind that is taken, or would cost too much.
    """
    header = photo_header(data)
    if header is None or header.kind not in KINDS or not header.width or not header.height:
        raise Refusal(415, NOT_A_PHOTO)
    if header.shows_several:
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
            return without_extras(data), header
        except ValueError as error:
            raise Refusal(415, DAMAGED) from error
    return data, header


def decode_photo(data: bytes, limits: Limits) -> NDArray[np.uint8]:
    """Return the photo in `data`, shrunk to what a background needs.

    Returns:
        (h, w, 3) uint8 sRGB, its long side `Limits.kept_side` at most, the right way up.

    Raises:
        Refusal: it is no photo of a kind that is taken, would cost too much, or is damaged.
    """
    data, header = judged_photo(data, limits)
    try:
        # eight bits are enough, and half the memory
        photo = decode(data, replace(header, depth=min(8, header.depth)))
        scale = min(1.0, limits.kept_side / max(photo.image.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in photo.image.shape[:2])
        shrunk = placed(photo.image, (height, width))
        return shrunk if photo.profile is None else to_srgb(shrunk, photo.profile)
    except ValueError as error:
        raise Refusal(415, DAMAGED) from error
