"""Photos of people with masks, cut-out people and places without any, for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation import data
from segmentation.data import read_dataset
from segmentation.data.parts.dataset import decoded, picture_size
from segmentation.errors import DataError
from segmentation.training.bundled.boxed_people import read_boxed, seen_in_boxes
from segmentation.training.bundled.bystanders import BYSTANDER_SOURCES, bystanders
from segmentation.training.photo_sources import files_in, held_out, odds

#: Photos are kept at no more than so many pixels a side.
MAX_SIDE = 512
#: Empty pixels around a cut-out, so that it does not seem cut off where its picture ends.
CUTOUT_BORDER = 2
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One photo and where people are in it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, 255 where people are.
        void: (H, W) uint8, 255 where nobody knows; nowhere if None.
        source: the collection it is from.
    """

    image: Image
    mask: Image
    void: Image | None = None
    source: str = ""


class PersonPhotos:
    """All photos of folders in COCO layout (`annotations.json`, `images/`), from several sources.

    One photo in `photo_sources.HOLD_OUT` of each source is kept for validation and never drawn.
    What is drawn is decoded once and then kept in memory. A folder may also have `cutouts/`,
    PNG files of single people with transparency, `backgrounds/`, photos without people, and
    `boxes/`, photos of people of whom only the boxes are known; see `seen_in_boxes`.

    Args:
        folders: a file's images may name their `source`; those without make up one of their own.
        source_weights: how often each source is drawn, relative to the others; sources not
            named are drawn in proportion to their number of photos.

    Raises:
        DataError: what is wrong with a folder, or it has no photo with a person.
    """

    def __init__(self, folders: Sequence[Path], source_weights: dict[str, float]) -> None:
        """Look at everything; decode nothing yet."""
        entries = [entry for folder in folders for entry in _entries(folder)]
        flags = held_out([entry.source for entry in entries])
        self._held_out = [entry for entry, flag in zip(entries, flags, strict=True) if flag]
        self._entries = [entry for entry, flag in zip(entries, flags, strict=True) if not flag]
        if not self._entries:
            raise DataError("no photos are left to train on: the first of each source is held out")
        self._entries += [entry for folder in folders for entry in read_boxed(folder)]
        self._odds = odds([entry.source for entry in self._entries], source_weights)
        self._cutouts = _files(folders, "cutouts")
        self._backgrounds = _files(folders, "backgrounds")
        self._decoded: dict[object, Photo] = {}

    def __len__(self) -> int:
        """Return the number of photos to train on."""
        return len(self._entries)

    @property
    def has_cutouts(self) -> bool:
        """Whether `draw_cutout` has something to draw from."""
        return bool(self._cutouts)

    @property
    def has_backgrounds(self) -> bool:
        """Whether `draw_background` has something to draw from."""
        return bool(self._backgrounds)

    @cached_property
    def validation(self) -> list[Photo]:
        """The photos held out."""
        return [_decode(entry) for entry in self._held_out]

    def draw_index(self, rng: np.random.Generator) -> int:
        """Return the number of a photo, its source drawn by weight."""
        return int(rng.choice(len(self._entries), p=self._odds))

    def size_hw(self, index: int) -> tuple[int, int]:
        """Return the size of a photo, for which it is not decoded."""
        return self._entries[index].shrunk_hw(MAX_SIDE)

    def photo(self, index: int) -> Photo:
        """Return a photo as it is; not to be written to."""
        if index not in self._decoded:
            self._decoded[index] = _decode(self._entries[index])
        return self._decoded[index]

    def draw(self, rng: np.random.Generator) -> Photo:
        """Return one photo as it is, its source drawn by weight."""
        return self.photo(self.draw_index(rng))

    def draw_cutout(self, rng: np.random.Generator) -> Photo:
        """Return one cut-out person; what is around them in the image means nothing."""
        path = self._cutouts[int(rng.integers(len(self._cutouts)))]
        if path not in self._decoded:
            self._decoded[path] = _cutout(path)
        return self._decoded[path]

    def draw_background(self, rng: np.random.Generator) -> Photo:
        """Return one photo of a place without people."""
        path = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
        if path not in self._decoded:
            image = decoded(path, cv2.IMREAD_COLOR_RGB)
            self._decoded[path] = Photo(image, np.zeros(image.shape[:2], np.uint8))
        return self._decoded[path]


def read_photos(folder: Path) -> list[Photo]:
    """Return the photos of a folder in COCO layout; see `PersonPhotos`."""
    return [_decode(entry) for entry in _entries(folder)]


def _entries(folder: Path) -> list[data.Photo]:
    entries = [entry for entry in read_dataset(folder, strict=True).photos if entry.annotations]
    if not entries:
        raise DataError(f"{folder}: no photo has a person")
    return entries


def _decode(entry: data.Photo) -> Photo:
    """Decode a photo; crowds, and people that its source does not label, become void."""
    if not entry.has_mask().all():
        return _of_boxes(entry)
    image, masks, is_crowd = entry.image(MAX_SIDE), entry.masks(MAX_SIDE), entry.is_crowd()
    mask = masks[~is_crowd].max(axis=0, initial=0)
    unknown = [*masks[is_crowd]]
    if entry.source in BYSTANDER_SOURCES:
        unknown += bystanders(image, mask)
    photo = Photo(image, mask * np.uint8(255), source=entry.source)
    if not unknown:
        return photo
    void = np.max(unknown, axis=0) & ~mask
    return replace(photo, void=void * np.uint8(255))


def _of_boxes(entry: data.Photo) -> Photo:
    image = entry.image(MAX_SIDE)
    boxes = np.array([annotation.box for annotation in entry.annotations], np.float32)
    mask, void = seen_in_boxes(image, boxes * (image.shape[1] / entry.size_hw[1]))
    if entry.is_crowd().any():
        crowds = entry.masks(MAX_SIDE)[entry.is_crowd()].any(axis=0)
        void[crowds & (mask == 0)] = 255
    return Photo(image, mask, void, entry.source)


def _files(folders: Sequence[Path], name: str) -> list[Path]:
    files = [path for folder in folders for path in files_in(folder / name)]
    for path in files:
        if not path.is_file() or picture_size(path.read_bytes()) == (0, 0):
            raise DataError(f"{path}: not a picture; {path.parent} is to hold pictures alone")
    return files


def _cutout(path: Path) -> Photo:
    rgba = decoded(path, cv2.IMREAD_UNCHANGED)
    if rgba.ndim != 3 or rgba.shape[2] != 4:
        raise DataError(f"{path}: a cut-out is an RGBA picture, this has no transparency")
    rgba = cv2.cvtColor(rgba, cv2.COLOR_BGRA2RGBA)
    border = [(CUTOUT_BORDER, CUTOUT_BORDER)] * 2
    image = np.pad(rgba[:, :, :3], [*border, (0, 0)], mode="edge")
    return Photo(image, np.pad(rgba[:, :, 3], border))
