"""Photos of people with masks, for training: read once, then mixed and changed at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.data.augment import Geometry, add_person, change_colours
from segmentation.data.dataset import DataError, read_dataset
from segmentation.portrait import nearest_aspect

HOLD_OUT = 40
ANY_ASPECT = 4


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo: `image` (H, W, 3) uint8 RGB, `mask` (H, W) uint8, 255 where people are."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


class PersonPhotos:
    """All photos of folders in COCO layout (`annotations.json`, `images/`), grouped by source.

    One photo in `HOLD_OUT` of each source is kept for validation and never drawn.

    Args:
        folders: a file's images may name their `source`; those without make up one of their own.
        source_weights: how often each source is drawn, relative to the others; sources not
            named are drawn in proportion to their number of photos.

    Raises:
        DataError: what is wrong with a folder, or it has no photo with a person.
    """

    def __init__(self, folders: Sequence[Path], source_weights: dict[str, float]) -> None:
        """Read and decode everything."""
        everything: dict[str, list[Photo]] = {}
        for folder in folders:
            for name, photos in read_photos(folder).items():
                everything.setdefault(name, []).extend(photos)
        self.validation = [photo for photos in everything.values() for photo in photos[::HOLD_OUT]]
        self._by_source = {
            name: [photo for index, photo in enumerate(photos) if index % HOLD_OUT]
            for name, photos in everything.items()
            if len(photos) > 1
        }
        self._sources = sorted(self._by_source)
        total = sum(len(photos) for photos in self._by_source.values())
        weights = [
            source_weights.get(name, len(self._by_source[name]) / total) for name in self._sources
        ]
        self._source_odds = np.array(weights) / np.sum(weights)

    def __len__(self) -> int:
        """Return the number of photos to train on."""
        return sum(len(photos) for photos in self._by_source.values())

    def draw(self, rng: np.random.Generator) -> Photo:
        """Return one photo as it is, its source drawn by weight."""
        source = self._by_source[self._sources[rng.choice(len(self._sources), p=self._source_odds)]]
        return source[rng.integers(len(source))]

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


def read_photos(folder: Path) -> dict[str, list[Photo]]:
    """Return the photos of a folder in COCO layout by source; see `PersonPhotos`."""
    photos: dict[str, list[Photo]] = {}
    for annotated in read_dataset(folder).photos:
        if annotated.annotations:
            mask = annotated.masks().max(axis=0) * np.uint8(255)
            photos.setdefault(annotated.source, []).append(Photo(annotated.image(), mask))
    if not photos:
        raise DataError(f"{folder}: no photo has a person")
    return photos
