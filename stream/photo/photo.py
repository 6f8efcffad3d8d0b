"""A photo as it was read, which travels with its frame from source to sink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.photo.colour_profile import from_srgb, to_srgb
from stream.photo.formats.exif import Notes

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo: its pixels, and what belongs to them.

    Attributes:
        image: (H, W, 3) uint8 RGB, the right way up, on white where the photo is transparent.
            Never written to.
        profile: ICC profile of its RGB, `None` for sRGB.
        straight: (H, W, 4) uint8 RGB and straight alpha, `None` where all of it is opaque.
        deep: (H, W, 3) or, of a transparent one, (H, W, 4) uint16, the same with 16 bits a
            channel; `None` where it has no more than eight.
        notes: what else travels with it.
        remarks: what is told of it, "has 3 pages; the first one is taken".
        is_part: some of its picture could not be read.
    """

    image: Image
    profile: bytes | None = None
    straight: Image | None = None
    deep: NDArray[np.uint16] | None = None
    notes: Notes = field(default_factory=Notes)
    remarks: tuple[str, ...] = ()
    is_part: bool = False

    def to_srgb(self, image: Image) -> Image:
        """Return (H, W, 3) uint8 RGB in the photo's colours in sRGB.

        A profile that is damaged somewhere is passed over.
        """
        if self.profile is None:
            return image
        try:
            return to_srgb(image, self.profile)
        except ValueError:
            return image

    def from_srgb(self, image: Image) -> Image:
        """Return (H, W, 3) uint8 RGB of sRGB in the photo's colours, as `to_srgb` takes them."""
        if self.profile is None:
            return image
        try:
            return from_srgb(image, self.profile)
        except ValueError:
            return image


def photo_of(pixels: NDArray[Any], **more: Any) -> Photo:
    """Return the photo of pixels.

    Args:
        pixels: (H, W, 3) RGB or (H, W, 4) with straight alpha, uint8 or uint16.
        **more: other attributes.
    """
    most = np.iinfo(pixels.dtype).max
    if pixels.shape[2] == 4 and pixels[..., 3].min() == most:
        pixels = np.ascontiguousarray(pixels[..., :3])
    deep = pixels if pixels.dtype == np.uint16 else None
    image = in_eight_bits(pixels)
    straight = image if image.shape[2] == 4 else None
    for array in (image, deep):
        if array is not None:
            array.setflags(write=False)
    shown = image if straight is None else before_white(straight)
    shown.setflags(write=False)
    return Photo(shown, straight=straight, deep=deep, **more)


def letterboxed(photo: Photo, size_hw: tuple[int, int]) -> Photo:
    """Return a photo in the middle of a black one, as large as it fits in there.

    Args:
        photo: of any size.
        size_hw: height and width of the black one.
    """
    pixels: NDArray[Any] = photo.image
    for more in (photo.straight, photo.deep):
        pixels = pixels if more is None else more
    scale = min(size_hw[0] / pixels.shape[0], size_hw[1] / pixels.shape[1])
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    boxed = np.zeros((*size_hw, pixels.shape[2]), pixels.dtype)
    boxed[..., 3:] = np.iinfo(pixels.dtype).max
    top, left = (size_hw[0] - height) // 2, (size_hw[1] - width) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = resampled(pixels, lambda of: cv2.resize(of, (width, height), interpolation=how))
    boxed[top : top + height, left : left + width] = resized
    fitted = photo_of(boxed)
    return replace(photo, image=fitted.image, straight=fitted.straight, deep=fitted.deep)


def resampled(
    pixels: NDArray[Any], resample: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[Any]:
    """Return pixels of which each is made of several.

    What is transparent has a colour as well, which does not get into its neighbours.

    Args:
        pixels: (h, w), (h, w, 3) or (h, w, 4) with straight alpha, uint8 or uint16.
        resample: does it, to arrays of no more than three channels.
    """
    if pixels.ndim == 2 or pixels.shape[2] < 4:
        return resample(pixels)
    most, is_deep = int(np.iinfo(pixels.dtype).max), pixels.dtype == np.uint16
    # in 16 bits, since few of eight are left of what is almost clear
    opacity = pixels[..., 3] if is_deep else np.multiply(pixels[..., 3], 257, dtype=np.uint16)
    alphas, scale = cv2.merge([pixels[..., 3]] * 3), 65535 / most**2
    weighted = cv2.multiply(pixels[..., :3], alphas, scale=scale, dtype=cv2.CV_16U)
    colours, opacity = resample(np.asarray(weighted)), resample(opacity)
    colours = cv2.divide(colours, cv2.merge([opacity] * 3), scale=most)
    return np.dstack([colours, opacity if is_deep else in_eight_bits(opacity)]).astype(pixels.dtype)


def in_eight_bits(pixels: NDArray[Any]) -> Image:
    """Return uint8 of uint8 or of uint16."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1 / 257), np.uint8)


def before_white(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return (H, W, 3) of (H, W, 4) with straight alpha, uint8 or uint16, before white."""
    most = int(np.iinfo(pixels.dtype).max)
    opacity = cv2.merge([pixels[..., 3]] * 3)
    front = cv2.multiply(pixels[..., :3], opacity, scale=1 / most)
    return np.asarray(cv2.add(front, cv2.bitwise_not(opacity)), pixels.dtype)


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return an image that lies as EXIF numbers it, 1 to 8, the right way up."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return np.asarray(pixels if flip is None else cv2.flip(pixels, flip))
