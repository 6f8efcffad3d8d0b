"""A photo becomes the bytes of a file, its format by the ending of its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.photo.colour_profile import to_srgb
from stream.photo.formats.bmp import bmp_with
from stream.photo.formats.exif import Notes, exif_block
from stream.photo.formats.jpeg import jpeg_with
from stream.photo.formats.png import png_with
from stream.photo.formats.tiff import tiff_with
from stream.photo.formats.webp import webp_with
from stream.photo.photo import Photo, before_white

Image = NDArray[np.uint8]
Pixels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class PhotoFormat:
    """What files of an ending can hold, and how OpenCV is told to write them."""

    has_alpha: bool = False
    has_grey: bool = True
    is_deep: bool = False
    has_profile: bool = True
    has_notes: bool = True
    most_side: int | None = None
    options: tuple[int, ...] = ()


_JPEG = PhotoFormat(most_side=65500, options=(cv2.IMWRITE_JPEG_QUALITY, 95))
_TIFF = PhotoFormat(has_alpha=True, is_deep=True)
#: By the endings of the files that can be written.
FORMATS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": PhotoFormat(has_alpha=True, is_deep=True, options=(cv2.IMWRITE_PNG_COMPRESSION, 3)),
    ".webp": PhotoFormat(has_alpha=True, has_grey=False, most_side=16383),
    ".bmp": PhotoFormat(has_profile=False, has_notes=False),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}


def encode(
    image: Image, ending: str, photo: Photo | None, *, keep_location: bool = False
) -> tuple[bytes, list[str]]:
    """Return the file of an image, and what of its photo is not in it, a sentence each.

    Args:
        image: (H, W, 3) uint8 RGB or (H, W, 4) with straight alpha; that of `photo` itself where
            nothing was changed. (H, W) is written as one channel where the format has that; its
            values are no colours of the photo.
        ending: one of `FORMATS`.
        photo: whose colours it has, and from which its 16 bits, alpha and notes come.
        keep_location: the place as well.

    Raises:
        ValueError: the format cannot hold the image, or not one of its size; says why.
    """
    kind = FORMATS[ending]
    if image.ndim == 2:
        return _grey(image, ending, photo, keep_location)
    if image.shape[2] == 4 and not kind.has_alpha:
        raise ValueError(f"{ending} cannot be transparent; write a .png")
    if photo is None:
        return _encoded(image, ending), []
    pixels, lost = _pixels(image, photo, kind)
    profile = photo.profile
    if profile is not None and not kind.has_profile:
        pixels = to_srgb(pixels, profile)
        profile = None
    if not kind.has_notes:
        lost += _lost_notes(photo.notes, keep_location)
    data = _encoded(pixels, ending)
    return _with(data, ending, pixels.shape, profile, photo.notes, keep_location), lost


def _grey(
    image: Image, ending: str, photo: Photo | None, keep_location: bool
) -> tuple[bytes, list[str]]:
    """Return the file of (H, W): see `encode`."""
    data = _encoded(image, ending)
    if photo is None:
        return data, []
    has_notes = FORMATS[ending].has_notes
    lost = [] if has_notes else _lost_notes(photo.notes, keep_location)
    return _with(data, ending, image.shape, None, photo.notes, keep_location), lost


def lost_in_video(image: Image, photo: Photo, *, keep_location: bool) -> list[str]:
    """Return what of a photo is not in a video of it, a sentence each; see `encode`."""
    _, lost = _pixels(image, photo, PhotoFormat())
    return lost + _lost_notes(photo.notes, keep_location)


def _lost_notes(notes: Notes, keep_location: bool) -> list[str]:
    names = notes.names + (["place"] if keep_location and notes.place else [])
    return [f"is without the {' and '.join(names)} of its photo"] if names else []


def _pixels(image: Image, photo: Photo, kind: PhotoFormat) -> tuple[Pixels, list[str]]:
    """Return what is written: with 16 bits and alpha, as far as the format holds them."""
    is_same = image is photo.image
    lost = []
    if is_same and photo.straight is not None and not kind.has_alpha:
        lost.append("is without the transparency of its photo, on white")
    if photo.deep is not None and not kind.is_deep:
        lost.append("has 8 of the 16 bits a channel of its photo")
    if is_same and photo.straight is not None and kind.has_alpha:
        image = photo.straight
    if photo.deep is None or not kind.is_deep:
        return image, lost
    if is_same:
        return (photo.deep if kind.has_alpha or photo.straight is None else image), lost
    lost.append("has 8 of the 16 bits a channel of its photo where that was changed")
    return _deepened(image, photo, photo.deep), lost


def _deepened(image: Image, photo: Photo, deep: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return 16 bits of an image: the photo's own where it is as it was, else eight of them."""
    shallow: Image = photo.image
    if photo.straight is not None:
        has_alpha = image.shape[2] == 4
        shallow = photo.straight[..., :3] if has_alpha else photo.image
        deep = deep if has_alpha else before_white(deep)
    pixels = image.astype(np.uint16) * 257
    same = (image[..., :3] == shallow).all(axis=2)
    pixels[same, :3] = deep[same, :3]
    if image.shape[2] == 4 and photo.straight is not None:
        same = image[..., 3] == photo.straight[..., 3]
        pixels[same, 3] = deep[same, 3]
    return pixels


def _encoded(pixels: Pixels, ending: str) -> bytes:
    kind = FORMATS[ending]
    height, width = pixels.shape[:2]
    if kind.most_side is not None and max(height, width) > kind.most_side:
        most = f"a {ending} has at most {kind.most_side} pixels a side"
        raise ValueError(f"{most}, and the picture is {width}x{height}; write a .png")
    if pixels.ndim == 2:
        order = None if kind.has_grey else cv2.COLOR_GRAY2BGR
    else:
        order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    try:
        stored = pixels if order is None else cv2.cvtColor(pixels, order)
        good, data = cv2.imencode(ending, stored, kind.options)
    except cv2.error:
        good = False
    if not good:
        raise ValueError(f"{width}x{height} pixels cannot be written as {ending}; write a .png")
    return bytes(data)


def _with(
    data: bytes,
    ending: str,
    shape: tuple[int, ...],
    profile: bytes | None,
    notes: Notes,
    keep_location: bool,
) -> bytes:
    """Return a file with what belongs to its pixels."""
    if ending == ".bmp":
        return bmp_with(data, notes.dpi)
    if ending in (".tif", ".tiff"):
        return tiff_with(data, profile=profile, notes=notes, with_place=keep_location)
    exif = exif_block(notes, with_place=keep_location, with_dpi=ending == ".webp")
    if not exif and profile is None and notes.dpi is None:
        return data
    if ending == ".webp":
        return webp_with(data, (shape[0], shape[1]), profile=profile, exif=exif)
    insert: Callable[..., bytes] = png_with if ending == ".png" else jpeg_with
    return insert(data, profile=profile, exif=exif, dpi=notes.dpi)
