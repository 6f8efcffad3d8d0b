"""What the portrait network is trained on: crops of photos, mixed and changed at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.parts.resample import nearest_aspect
from segmentation.training.augment import (
    PASTE_SCALES,
    Geometry,
    change_colours,
    hanging,
    next_frame,
    occluder,
    paste,
    place_at_random,
)
from segmentation.training.batch_processes import Maker
from segmentation.training.bundled.portrait_photos import Image, PersonPhotos, Photo
from segmentation.training.bundled.portrait_schedule import (
    SOURCE_WEIGHTS,
    TWINS_ONE_IN,
    Schedule,
)
from segmentation.training.bundled.portrait_teacher import Teacher

#: One batch of so many has any of the sizes, whatever the aspect of its photos.
ANY_ASPECT = 4
#: Sources whose people are always moved to another place: they stand before studio walls.
MOVED_SOURCES = frozenset({"viton_studio"})
#: Shares of the crops: nobody is there; people are moved to another place; people of a second
#: photo are pasted in front; cut-out people are; something that is no person is; something in the
#: colours of clothes hangs behind them.
NEGATIVE, MOVED, PASTED, CUTOUTS, OCCLUDED, HUNG = 0.06, 0.1, 0.28, 0.08, 0.15, 0.18
#: Share of those pasted who are cut off by the left or the right border, and of what of them is
#: in sight then
CUT_OFF, IN_SIGHT = 0.4, (0.12, 0.7)
#: Scales of what is pasted: people far away, people before another background, and who is cut off
FAR_SCALES, MOVED_SCALES, NEAR_SCALES = (0.15, 1.1), (0.45, 1.3), (0.5, 1.7)
#: Pixels of the crop within so many of an outline count so many times
OUTLINE_REACH, OUTLINE_WEIGHT = 2, 3
Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def open_maker(data: Sequence[Path], schedule: Schedule) -> Maker[Batch]:
    """Return what makes the batch of a step from the photos of folders; see `PersonPhotos`."""
    teacher = Teacher(schedule.teachers) if schedule.teachers else None
    crops = PortraitCrops(PersonPhotos(data, SOURCE_WEIGHTS), teacher)

    def make(step: int) -> Batch:
        num, crops_hw = schedule.crops_of(step)
        return crops.batch(num, crops_hw, (schedule.seed, step))

    return make


class PortraitCrops:
    """Draws crops from photos.

    Args:
        photos: to draw from.
        teacher: what is seen by others in a crop before its colours change; nothing without it.
    """

    def __init__(self, photos: PersonPhotos, teacher: Teacher | None = None) -> None:
        self._photos = photos
        self._teacher = teacher

    def batch(self, num: int, crops_hw: Sequence[tuple[int, int]], seed: tuple[int, ...]) -> Batch:
        """Return `num` augmented crops of one size, the same ones for the same seed.

        Args:
            num: of crops.
            crops_hw: sizes to choose from; the aspect of a photo drawn at random decides, or in
                one batch of `ANY_ASPECT` chance alone.
            seed: of everything random.

        Returns:
            (num, H, W, 3) uint8 RGB, and (num, H, W, 3) uint8: 255 where people are, what each
            pixel counts (`pixel_weights`), and 255 where the teacher sees people. The last
            `num // TWINS_ONE_IN` show what as many at the beginning do, one frame later; where
            something moved, those pixels count 0.
        """
        rng = np.random.default_rng(seed)
        drawn = self._photos.size_hw(self._photos.draw_index(rng))
        crop_hw = nearest_aspect(crops_hw, drawn)
        if rng.integers(ANY_ASPECT) == 0:
            crop_hw = crops_hw[int(rng.integers(len(crops_hw)))]
        images = np.empty((num, *crop_hw, 3), np.uint8)
        targets = np.empty((num, *crop_hw, 3), np.uint8)
        num_twins = num // TWINS_ONE_IN
        num_scenes = num - num_twins
        for image, target in zip(images[:num_scenes], targets, strict=False):
            scene = self._scene(crops_hw, crop_hw, rng)
            size_hw = (scene.image.shape[0], scene.image.shape[1])
            geometry = Geometry.at_random(size_hw, crop_hw, rng)
            crop = geometry.warp(scene.image)
            image[:] = change_colours(crop, rng)
            target[:, :, 0] = mask = geometry.warp(scene.mask)
            void = None if scene.void is None else geometry.warp(scene.void)
            target[:, :, 1] = weights = pixel_weights(mask, void)
            target[:, :, 2] = self._teacher(crop, mask, weights) if self._teacher else mask
        targets[num_scenes:] = targets[:num_twins]
        twins = zip(images[num_scenes:], targets[num_scenes:], images, strict=False)
        for image, target, before in twins:
            image[:], moved = next_frame(before, rng)
            target[moved, 1] = 0
        return images, targets

    def _scene(
        self,
        crops_hw: Sequence[tuple[int, int]],
        crop_hw: tuple[int, int],
        rng: np.random.Generator,
    ) -> Photo:
        """Draw a photo and change what is in it."""
        photos = self._photos
        if photos.has_backgrounds and rng.random() < NEGATIVE:
            scene = photos.draw_background(rng)
        else:
            scene = self._people(crops_hw, crop_hw, rng)
        if photos.has_cutouts and rng.random() < CUTOUTS:
            for _ in range(int(rng.integers(1, 4))):
                scene = _with_people(scene, photos.draw_cutout(rng), rng, FAR_SCALES)
        if photos.has_backgrounds and rng.random() < OCCLUDED:
            scene = _occluded(scene, photos.draw_background(rng).image, rng)
        return _hung(scene, rng) if rng.random() < HUNG else scene

    def _people(
        self,
        crops_hw: Sequence[tuple[int, int]],
        crop_hw: tuple[int, int],
        rng: np.random.Generator,
    ) -> Photo:
        photos = self._photos
        index = photos.draw_index(rng)
        if nearest_aspect(crops_hw, photos.size_hw(index)) != crop_hw:
            index = photos.draw_index(rng)  # a second chance for one that suits the crop
        photo = photos.photo(index)
        wants_move = photo.source in MOVED_SOURCES or rng.random() < MOVED
        if photos.has_backgrounds and wants_move:
            return _with_people(photos.draw_background(rng), photo, rng, MOVED_SCALES)
        if rng.random() < PASTED:
            return _with_people(photo, photos.draw(rng), rng, PASTE_SCALES)
        return photo


def _with_people(
    scene: Photo, other: Photo, rng: np.random.Generator, scales: tuple[float, float]
) -> Photo:
    """Return the scene with the people of another photo in front, in a light of their own."""
    size_hw = (scene.mask.shape[0], scene.mask.shape[1])
    is_cut_off = rng.random() < CUT_OFF
    place = place_at_random(size_hw, other.mask, rng, NEAR_SCALES if is_cut_off else scales)
    if is_cut_off:
        place[0, 2] += _to_a_side(place, other.mask, size_hw[1], rng)
        # of whom only a part is in sight, the head as a rule is
        place[1, 2] = max(place[1, 2], rng.uniform(-0.1, 0.4) * size_hw[0])
    gain = np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.04, 3))
    lit = np.clip(other.image * gain.astype(np.float32), 0, 255).astype(np.uint8)
    image, front = paste(scene.image, lit, other.mask, place)
    return replace(
        scene,
        image=image,
        mask=np.maximum(scene.mask, front),
        void=_uncovered(scene.void, front),
    )


def _to_a_side(
    place: NDArray[np.float64], mask: Image, width: int, rng: np.random.Generator
) -> float:
    """Return how far right people have to move to be cut off by the left or the right border."""
    columns = np.flatnonzero(mask.any(axis=0))
    if not len(columns):
        return 0.0
    left, right = np.sort(place[0, 0] * (columns[[0, -1]] + [0, 1]) + place[0, 2])
    seen = rng.uniform(*IN_SIGHT) * (right - left)
    return float(seen - right if rng.random() < 0.5 else width - seen - left)


def _occluded(scene: Photo, texture: Image, rng: np.random.Generator) -> Photo:
    """Return the scene with something in front of it that is no person."""
    size_hw = (scene.mask.shape[0], scene.mask.shape[1])
    shape = occluder(size_hw, rng)
    # any part of the texture, at any size at which it covers the scene
    cover = max(size_hw[0] / texture.shape[0], size_hw[1] / texture.shape[1])
    scale = cover * rng.uniform(1, 2)
    spare = np.array(texture.shape[1::-1]) * scale - size_hw[::-1]
    offset = -rng.uniform(0, 1, 2) * spare
    part = Geometry(np.array([[scale, 0, offset[0]], [0, scale, offset[1]]]), size_hw, 1.0)
    image, front = paste(scene.image, part.warp(texture), shape, np.eye(2, 3))
    return replace(
        scene,
        image=image,
        mask=np.minimum(scene.mask, 255 - front),
        void=_uncovered(scene.void, front),
    )


def _hung(scene: Photo, rng: np.random.Generator) -> Photo:
    """Return the scene with something behind its people that looks like clothes."""
    cloth, shape = hanging((scene.mask.shape[0], scene.mask.shape[1]), rng)
    # outlines are drawn by hand: of what they leave out of somebody nothing may be cut off
    near = cv2.dilate(scene.mask, np.ones((3, 3), np.uint8))
    image, front = paste(scene.image, cloth, np.minimum(shape, 255 - near), np.eye(2, 3))
    return replace(scene, image=image, void=_uncovered(scene.void, front))


def _uncovered(void: Image | None, front: Image) -> Image | None:
    return None if void is None else np.asarray(np.where(front >= 128, 0, void), np.uint8)


def pixel_weights(mask: Image, void: Image | None) -> Image:
    """Return what each pixel counts, of a crop.

    Args:
        mask: (H, W) uint8, 0 to 255, where people are.
        void: (H, W) uint8, not 0 where nobody knows.

    Returns:
        (H, W) uint8: 0 where nobody knows, 255 at the heaviest.
    """
    disc = np.ones((2 * OUTLINE_REACH + 1,) * 2, np.uint8)
    # exactly 1 at an edge from 0 to 255, less at a soft one
    edge = (cv2.dilate(mask, disc) - cv2.erode(mask, disc)).astype(np.float32) / 255
    weights = (255 / OUTLINE_WEIGHT * (1 + (OUTLINE_WEIGHT - 1) * edge)).astype(np.uint8)
    if void is not None:
        weights[void > 0] = 0
    return np.asarray(weights, np.uint8)
