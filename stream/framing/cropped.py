"""Pictures, masks and photos cut to a part of them and brought to their size again."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from effects.effect import Pixels
from segmentation.instances import Instances
from segmentation.picture import Picture, RgbPicture
from stream.colour.deep_picture import DeepPicture
from stream.framing.crop import Crop
from stream.photo.photo import Photo, resampled
from stream.yuv420 import YuvPicture


def cropped(image: Pixels, crop: Crop) -> Pixels:
    """Return a part of (h, w), (h, w, 3) or (h, w, 4) with straight alpha at the size of all of it.

    Its middle is where it should be to a fraction of a pixel, so that it moves smoothly.
    """
    return resampled(image, lambda pixels: _cropped(pixels, crop))


def _cropped(image: Pixels, crop: Crop) -> Pixels:
    height, width = image.shape[:2]
    num = max(1, round(crop.size * width)), max(1, round(crop.size * height))
    # pixels lie at the middles of their squares
    middle = (
        (crop.x + crop.size / 2) * width - 0.5,
        (crop.y + crop.size / 2) * height - 0.5,
    )
    if image.dtype == np.uint8 and (image.ndim == 2 or image.shape[2] == 3):
        part = cv2.getRectSubPix(image, num, middle)
    else:
        corner = np.array(
            [[1, 0, middle[0] - (num[0] - 1) / 2], [0, 1, middle[1] - (num[1] - 1) / 2]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(image, corner, num, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC))


def cropped_picture(picture: Picture, crop: Crop) -> Picture:
    """Return a part of a picture at its size, in the same coding."""
    if isinstance(picture, YuvPicture | DeepPicture):
        return picture.replaced([cropped(plane, crop) for plane in picture.planes])
    return RgbPicture(cropped(picture.rgb, crop))


def cropped_photo(photo: Photo, crop: Crop) -> Photo:
    """Return a part of a photo at its size."""
    image, straight, deep = (
        None if pixels is None else cropped(pixels, crop)
        for pixels in (photo.image, photo.straight, photo.deep)
    )
    assert image is not None
    return replace(photo, image=image, straight=straight, deep=deep)


def cropped_instances(found: Instances, crop: Crop) -> Instances:
    """Return objects as they lie in a part of their image, without a matte where that is less."""
    if crop.is_whole:
        return found
    height, width = found.size_hw
    corner = np.array([crop.x * width, crop.y * height] * 2, np.float32)
    boxes = np.clip((found.boxes - corner) / np.float32(crop.size), 0, [width, height] * 2)
    masks = np.zeros_like(found.masks)
    for mask, part in zip(found.masks, masks, strict=True):
        part[:] = cropped(mask, crop)
    return replace(found, boxes=boxes.astype(np.float32), masks=masks, matte=None)
