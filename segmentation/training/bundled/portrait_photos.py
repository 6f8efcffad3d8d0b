"""Photos of people with masks, for training: read once, then mixed and changed at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.data import read_dataset
from segmentation.errors import DataError
from segmentation.portrait.segmenter import nearest_aspect
from segmentation.training.augment import Geometry, add_person, change_colours
from segmentation.training.photo_sources import held_out, odds

ANY_ASPECT = 4


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo: `image` (H, W, 3) uint8 RGB, `mask` (H, W) uint8, 255 where people are."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    source: str = ""


class PersonPhotos:
    """All photos of folders in COCO layout (`annotations.json`, `images/`), from several sources.

    One photo in `sources.HOLD_OUT` of each source is kept for validation and never drawn.

    Args:
        folders: a file's images may name their `source`; those without make up one of their own.
        source_weights: how often each source is drawn, relative to the others; sources not
            named are drawn in proportion to their number of photos.

    Raises:
        DataError: what is wrong with a folder, or it has no photo with a person.
    """

    def __init__(self, folders: Sequence[Path], source_weights: dict[str, float]) -> None:
        """Read and decode everything."""
        photos = [photo for folder in folders for photo in read_photos(folder)]
        flags = held_out([photo.source for photo in photos])
        self.validation = [photo for photo, flag in zip(photos, flags, strict=True) if flag]
        self._photos = [photo for photo, flag in zip(photos, flags, strict=True) if not flag]
        self._odds = odds([photo.source for photo in self._photos], source_weights)

    def __len__(self) -> int:
        """Return the number of photos to train on."""
        return len(self._photos)

    def draw(self, rng: np.random.Generator) -> Photo:
        """Return one photo as it is, its source drawn by weight."""
        return self._photos[int(rng.choice(len(self._photos), p=self._odds))]

    def batch(
        self, num: int, crops_hw: Sequence[tuple[int, int]], seed: tuple[int, ...]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return `num` augmented crops of one size, the same ones for the same seed.

        Args:
            num: of crops.
            crops_hw: sizes to choose from; the aspect of a photo drawn at random decides, or in
                one batch of `ANY_ASPECT` chance alone.
            seed: of everything random.

        Returns:
            (num, H, W, 3) uint8 RGB and (num, H, W, 1) uint8 masks, 0 to 255.
        """
        rng = np.random.default_rng(seed)
        crop_hw = nearest_aspect(crops_hw, self.draw(rng).mask.shape)
        if rng.integers(ANY_ASPECT) == 0:
            crop_hw = crops_hw[int(rng.integers(len(crops_hw)))]
        images = np.empty((num, *crop_hw, 3), np.uint8)
        masks = np.empty((num, *crop_hw, 1), np.uint8)
        for index in range(num):
            photo = self.draw(rng)
            if nearest_aspect(crops_hw, photo.mask.shape) != crop_hw:
                photo = self.draw(rng)  # a second chance for one that suits the crop
            image, mask = photo.image, photo.mask
            if rng.random() < 0.3:
                other = self.draw(rng)
                image, mask = add_person(image, mask, other.image, other.mask, rng)
            geometry = Geometry.at_random((image.shape[0], image.shape[1]), crop_hw, rng)
            images[index] = change_colours(geometry.warp(image), rng)
            masks[index, :, :, 0] = geometry.warp(mask)
        return images, masks


def read_photos(folder: Path) -> list[Photo]:
    """Return the photos of a folder in COCO layout that show somebody; see `PersonPhotos`."""
    photos = [
        Photo(
            annotated.image(),
            annotated.masks().max(axis=0) * np.uint8(255),
            annotated.source,
        )
        for annotated in read_dataset(folder).photos
        if annotated.annotations
    ]
    if not photos:
        raise DataError(f"{folder}: no photo has a person")
    return photos
