"""Random changes of photos with instances: others pasted in, flip, scale, crop, colours."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data import Annotation, Photo
from segmentation.training.augment import Geometry, change_colours, paste, place_at_random

#: Shares of photos that are changed in these ways
PASTE_SHARE, FLIP_SHARE, GEOMETRY_SHARE, COLOUR_SHARE = 0.3, 0.5, 0.8, 0.7
#: Range of the scale: a crop of the photo, or the photo with a border around it
SCALES = (0.6, 1.8)
#: Grey around a photo that was shrunk: ImageNet's mean colour, which networks subtract
FILL = (124, 117, 104)
#: What remains of an object must have so many pixels, and this share of them must be in sight
MIN_PIXELS, MIN_SHARE = 16, 0.05

Image = NDArray[np.uint8]
#: A photo (H, W, 3) uint8 RGB and its K objects: masks (K, H, W) uint8, 1 inside, labels (K,)
#: int32, is_crowd (K,) bool, and has_mask (K,) bool, without which a mask is the whole box.
Scene = tuple[Image, Image, NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]]


def augment(
    rng: np.random.Generator,
    scene: Scene,
    donors: Sequence[Photo] = (),
    *,
    max_pastes: int = 1,
    crop_hw: tuple[int, int] | None = None,
) -> Scene:
    """Return a photo changed at random and its objects.

    Sometimes objects of a donor are pasted in front (Ghiasi et al. 2021, "Simple Copy-Paste is a
    Strong Data Augmentation Method"); then the colours change, and the photo is mirrored, scaled
    and cropped in one warp. Objects of which nearly nothing is left in sight are dropped; boxes
    are those of the masks.

    Args:
        rng: the same state gives the same result.
        scene: not written to.
        donors: photos to paste from, which `can_give`, decoded only when one is drawn.
        max_pastes: times that something is pasted, or not.
        crop_hw: size of the result, of which the unchanged photo would have the area; that of the
            photo without it.

    Returns:
        Another scene, with another K and the size of the crop.
    """
    for _ in range(max_pastes if len(donors) else 0):
        if rng.random() < PASTE_SHARE:
            donor = donors[int(rng.integers(len(donors)))]
            scene = _paste_some(rng, scene, donor)
    image, masks, labels, is_crowd, has_mask = scene
    if rng.random() < COLOUR_SHARE:
        image = change_colours(image, rng)
    size_hw = (image.shape[0], image.shape[1])
    geometry = _draw_geometry(rng, size_hw, crop_hw or size_hw)
    if geometry is not None:
        image = geometry.warp(image, FILL)
        full = _num_pixels(masks) * abs(np.linalg.det(geometry.matrix[:, :2]))
        masks = _warped(masks, geometry)
        stays = _in_sight(masks, full)
        masks, labels, is_crowd = masks[stays], labels[stays], is_crowd[stays]
        has_mask = has_mask[stays]
    return image, masks, labels, is_crowd, has_mask


def _draw_geometry(
    rng: np.random.Generator, size_hw: tuple[int, int], crop_hw: tuple[int, int]
) -> Geometry | None:
    flip = -1 if rng.random() < FLIP_SHARE else 1
    scale = float(np.sqrt(np.prod(crop_hw) / np.prod(size_hw)))
    if rng.random() < GEOMETRY_SHARE:
        scale *= float(np.exp(rng.uniform(*np.log(SCALES))))
    if scale == flip == 1 and crop_hw == size_hw:
        return None
    size, crop = np.array(size_hw[::-1]), np.array(crop_hw[::-1])
    linear = np.diag([flip * scale, scale])
    # the centre of the crop, or the photo within its border, lies anywhere that wastes nothing
    centre = size / 2 + rng.uniform(-1, 1, 2) * np.abs(size - crop / scale) / 2
    offset = crop / 2 - linear @ centre
    # OpenCV counts from the centre of the first pixel, the numbers here from its corner
    offset += (linear.sum(axis=1) - 1) / 2
    return Geometry(np.column_stack([linear, offset]), crop_hw, max(1.0, 1 / scale))


def _warped(masks: Image, geometry: Geometry) -> Image:
    """Warp each mask where it is not empty."""
    height, width = geometry.crop_hw
    linear, offset = geometry.matrix[:, :2], geometry.matrix[:, 2]
    warped = np.zeros((len(masks), height, width), np.uint8)
    for target, mask in zip(warped, masks, strict=True):
        x, y, columns, rows = cv2.boundingRect(mask)
        if not columns:  # too small an object for a photo that was shrunk
            continue
        corners = np.array([[x - 1, y - 1], [x + columns, y + rows]]) @ linear.T + offset
        left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
        right, bottom = np.minimum(np.ceil(corners.max(axis=0)) + 1, (width, height)).astype(int)
        if left >= right or top >= bottom:
            continue
        moved = offset + linear @ (x, y) - (left, top)
        part = Geometry(
            np.column_stack([linear, moved]), (bottom - top, right - left), geometry.shrink
        )
        soft = part.warp(mask[y : y + rows, x : x + columns] * np.uint8(255), 0)
        target[top:bottom, left:right] = soft >= 128
    return warped


def _num_pixels(masks: Image) -> NDArray[np.float64]:
    return np.array([cv2.countNonZero(mask) for mask in masks], np.float64)


def _in_sight(masks: Image, full: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which masks still have enough pixels, of the `full` (K,) they would have."""
    left = _num_pixels(masks)
    return np.asarray(
        (left > 0) & (left >= np.minimum(MIN_PIXELS, full)) & (left >= MIN_SHARE * full), np.bool_
    )


def can_give(photo: Photo) -> bool:
    """Tell whether a photo has objects that can be pasted into others."""
    return bool(_pasteable(photo))


def _pasteable(photo: Photo) -> list[Annotation]:
    return [each for each in photo.annotations if each.has_mask and not each.is_crowd]


def _paste_some(rng: np.random.Generator, scene: Scene, donor: Photo) -> Scene:
    """Paste some of a donor's objects, all at the same scale, in front of what is there."""
    objects = _pasteable(donor)
    chosen = [objects[k] for k in np.flatnonzero(rng.random(len(objects)) < 0.5)]
    if not chosen:
        return scene
    image, masks, labels, is_crowd, has_mask = scene
    size_hw = (image.shape[0], image.shape[1])
    max_side = 2 * max(size_hw)  # pasted things are seldom enlarged
    cut = np.array([annotation.mask(donor.shrunk_hw(max_side)) for annotation in chosen])
    union = cut.max(axis=0) * np.uint8(255)
    place = place_at_random(size_hw, union, rng)
    image, front = paste(image, donor.image(max_side), union, place)
    pasted = _warped(cut, Geometry(place, size_hw, 1.0))
    full_pasted = _num_pixels(cut) * abs(np.linalg.det(place[:, :2]))
    full = _num_pixels(masks)
    # the edge of what is pasted is rounded once more there, and a pixel has one object
    masks = masks * ((front < 128) & ~pasted.any(axis=0))
    both = np.concatenate([masks, pasted])
    stays = _in_sight(both, np.concatenate([full, full_pasted]))
    new_labels = np.array([annotation.label for annotation in chosen], np.int32)
    labels = np.concatenate([labels, new_labels])
    is_crowd = np.concatenate([is_crowd, np.zeros(len(chosen), np.bool_)])
    has_mask = np.concatenate([has_mask, np.ones(len(chosen), np.bool_)])
    return image, both[stays], labels[stays], is_crowd[stays], has_mask[stays]
