"""Photos with annotated objects: what a network is trained on and measured by."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.data_problems import Problem
from segmentation.errors import DataError, PictureError
from segmentation.pillow_limit import without_limit
from segmentation.png_chunks import OF_PICTURE, PNG_START, with_only

#: by how much a decoder can shrink a photo -> the flag of OpenCV that asks for it
_REDUCED = {
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
#: COCO's run-length encoding as pycocotools takes it: `size`, [H, W], and `counts`, bytes
RLE = Mapping[str, Any]
#: Of a copy of a photo in a file of annotations
MAX_COPY_PIXELS = 100_000_000
#: A photo has more pixels only where its file has a byte for so many of them
MAX_FLAT_PIXELS, PIXELS_A_BYTE = 40_000_000, 20
#: A mask has more pixels only where its photo has
MAX_MASK_PIXELS = 25_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """One object of a photo, or a region of which nothing is known.

    Attributes:
        label: index into the dataset's classes.
        box: (4,) float32, x1 y1 x2 y2 in pixels of the photo, x2 and y2 exclusive.
        is_crowd: a region with any number of objects, or to be ignored for another reason: what
            is found in it is neither right nor wrong.
        rle: the mask in run-length encoding, of the photo's size.
        area: in pixels of the photo, by which COCO tells small objects from large ones.
        has_mask: otherwise only its box is known, and the mask is all of that.
    """

    label: int
    box: NDArray[np.float32]
    is_crowd: bool
    rle: RLE = field(repr=False)
    area: float
    has_mask: bool = True

    @classmethod
    def from_mask(cls, label: int, mask: NDArray[np.uint8], *, is_crowd: bool = False) -> Self:
        """Return the annotation of an (H, W) mask, inside is not 0 and somewhere."""
        from pycocotools.mask import encode

        return cls.from_rle(label, encode(np.asfortranarray(mask != 0).view(np.uint8)), is_crowd)

    @classmethod
    def from_rle(cls, label: int, rle: RLE, is_crowd: bool = False) -> Self:
        """Return the annotation of a mask that is not empty, its box and area taken from it."""
        from pycocotools import mask as coco_mask

        x, y, width, height = coco_mask.toBbox(rle)
        box = np.array([x, y, x + width, y + height], np.float32)
        return cls(label, box, is_crowd, rle, float(coco_mask.area(rle)))

    def mask(self, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        """Return (H, W) uint8 of `size_hw`, 1 inside and 0 outside, decoded at every call."""
        from pycocotools.mask import decode

        # it comes column after column; OpenCV is quick with that if told that these are rows
        columns = np.asarray(decode(self.rle), np.uint8).T
        if columns.shape[::-1] == size_hw:
            return np.asarray(cv2.transpose(columns), np.uint8)
        shrinks = size_hw[0] < columns.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = cv2.resize(columns * np.uint8(255), size_hw, interpolation=method)
        return np.asarray(cv2.transpose(resized) >= 128).view(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One photo and all that is annotated in it.

    Attributes:
        path: of the file.
        size_hw: height and width in pixels, the right way up.
        annotations: in the order of the file they came from.
        source: where a dataset of several sources has it from, as COCO's `images` may say.
        split: "train", "val" or "test" where the data say what it is for, else "".
        image_id: its number in a file of COCO's format, where it has one.
    """

    path: Path
    size_hw: tuple[int, int]
    annotations: tuple[Annotation, ...]
    source: str = ""
    split: str = ""
    image_id: int | None = None

    def shrunk_hw(self, max_side: int | None) -> tuple[int, int]:
        """Return the size at which no side is longer than `max_side`; never a larger one."""
        scale = 1.0 if max_side is None else min(1.0, max_side / max(self.size_hw))
        return max(1, round(self.size_hw[0] * scale)), max(1, round(self.size_hw[1] * scale))

    def image(self, max_side: int | None = None) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB, turned as the file's EXIF tag says, decoded at every call.

        Args:
            max_side: shrinks it to `shrunk_hw` of this, which for a large photo takes a fraction
                of the time.

        Raises:
            PictureError: the file cannot be read any more.
        """
        size_hw = self.shrunk_hw(max_side)
        # of a strip a few pixels high, an eighth has no row left
        fits = [
            factor
            for factor in _REDUCED
            if max(self.size_hw) >= factor * max(size_hw) and min(self.size_hw) >= factor
        ]
        factor = max(fits, default=1)
        image = decoded(self.path, cv2.IMREAD_COLOR_RGB | _REDUCED.get(factor, 0))
        # decoders of JPEG round up, the others down
        known = [(side // factor, -(-side // factor)) for side in self.size_hw]
        if any(side not in sides for side, sides in zip(image.shape, known, strict=False)):
            raise PictureError(f"{self.path}: changed its size since it was looked at")
        if image.shape[:2] != size_hw:
            shrunk = cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA)
            return np.asarray(shrunk, np.uint8)
        return image

    def masks(self, max_side: int | None = None) -> NDArray[np.uint8]:
        """Return (K, H, W) uint8, 1 inside, of all annotations, of the size of such an `image`."""
        size_hw = self.shrunk_hw(max_side)
        masks = np.empty((len(self.annotations), *size_hw), np.uint8)
        for mask, annotation in zip(masks, self.annotations, strict=True):
            mask[:] = annotation.mask(size_hw)
        return masks

    def labels(self) -> NDArray[np.int32]:
        """Return (K,) int32 of all annotations."""
        return np.array([annotation.label for annotation in self.annotations], np.int32)

    def is_crowd(self) -> NDArray[np.bool_]:
        """Return (K,) bool of all annotations."""
        return np.array([annotation.is_crowd for annotation in self.annotations], np.bool_)

    def has_mask(self) -> NDArray[np.bool_]:
        """Return (K,) bool of all annotations."""
        return np.array([annotation.has_mask for annotation in self.annotations], np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Photos and the names of what is annotated in them.

    Attributes:
        classes: names, without background; `Annotation.label` indexes into them.
        photos: in the order of the file they came from; some may show nothing.
        problems: what was left out or mended as the data were read, one of each kind.
        remarks: lines on how something was taken that could be meant otherwise.
        category_ids: numbers of the classes, each one's own, where the data have such.
    """

    classes: tuple[str, ...]
    photos: tuple[Photo, ...]
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()
    category_ids: tuple[int, ...] | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the classes, from 1 on where the data have none."""
        return self.category_ids or tuple(range(1, len(self.classes) + 1))

    def with_classes(self, classes: tuple[str, ...], labels: Mapping[int, int]) -> Dataset:
        """Return the same photos with other classes, which have no numbers.

        Args:
            classes: their names.
            labels: the new label of each old one that occurs.
        """
        photos = tuple(
            replace(
                photo,
                annotations=tuple(
                    replace(each, label=labels[each.label]) for each in photo.annotations
                ),
            )
            for photo in self.photos
        )
        return replace(self, classes=classes, photos=photos, category_ids=None)

    def split(self, validation_share: float, seed: int) -> tuple[Dataset, Dataset]:
        """Return photos to train on and photos to validate with, drawn at random.

        Photos with objects and those without are divided in the same proportion; at least one
        photo with objects comes to either side.

        Args:
            validation_share: of the photos, above 0 and below 1.
            seed: the same one draws the same photos.

        Raises:
            ValueError: the share is outside its range.
            DataError: there are not two photos with objects.
        """
        if not 0 < validation_share < 1:
            raise ValueError(f"expected a share above 0 and below 1, got {validation_share}")
        shows = np.array(
            [not all(each.is_crowd for each in photo.annotations) for photo in self.photos],
            np.bool_,
        )
        with_objects, without = np.flatnonzero(shows), np.flatnonzero(~shows)
        if len(with_objects) < 2:
            raise DataError(
                "no photos are left to validate with: two photos with objects are needed, "
                f"one to train on and one to validate with, and there are {len(with_objects)}"
            )
        rng = np.random.default_rng(seed)
        num = min(max(1, round(validation_share * len(with_objects))), len(with_objects) - 1)
        drawn = set(rng.permutation(with_objects)[:num].tolist())
        num = round(validation_share * len(without))
        drawn |= set(rng.permutation(without)[:num].tolist())
        training = [photo for index, photo in enumerate(self.photos) if index not in drawn]
        validation = [photo for index, photo in enumerate(self.photos) if index in drawn]
        parts = (tuple(training), tuple(validation))
        learn, validate = (
            Dataset(self.classes, part, category_ids=self.category_ids) for part in parts
        )
        return learn, validate


def decoded(path: Path, flags: int, of_photo: int | None = None) -> NDArray[np.uint8]:
    """Return the picture of a file, or of LabelMe's copy inside a `.json`, as `cv2.imdecode` does.

    Args:
        path: of the file.
        flags: of OpenCV.
        of_photo: pixels of the photo that it is the mask of.

    Raises:
        PictureError: there is no such file, or it is no whole picture.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except FileNotFoundError as error:
        raise PictureError(f"{path}: there is no such file") from error
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror})") from error
    _check_pixels(path, data, of_photo)
    image = None
    if path.suffix == ".json":
        data = np.frombuffer(_copy_in(path, data.tobytes()), np.uint8)
    if data[: len(PNG_START)].tobytes() == PNG_START:
        # of profiles and texts that are not right the library prints lines, at every reading
        with contextlib.suppress(ValueError):
            data = np.frombuffer(with_only(data.tobytes(), OF_PICTURE), np.uint8)
    with contextlib.suppress(cv2.error):  # more pixels than OpenCV reads
        image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise PictureError(f"{path}: not a picture that can be read; is it whole?")
    return np.asarray(image)


def _check_pixels(path: Path, data: NDArray[np.uint8], of_photo: int | None) -> None:
    """Raise `PictureError` where a few kilobytes claim to be gigabytes."""
    height, width = picture_size(data.tobytes())
    most = max(MAX_FLAT_PIXELS, PIXELS_A_BYTE * data.size)
    if of_photo is not None:
        most = max(MAX_MASK_PIXELS, of_photo)
    if height * width > most:
        kind = "photo" if of_photo is None else "mask"
        raise PictureError(
            f"{path}: is {width}x{height}, far more than a {kind} of {data.size} bytes has"
        )


def copy_inside(path: Path) -> bytes:
    """Return the copy of a photo, JPEG or PNG, that a file of LabelMe holds.

    Raises:
        DataError: it cannot be read, or holds none.
    """
    try:
        return _copy_in(path, path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _copy_in(path: Path, document: bytes) -> bytes:
    try:
        data = base64.b64decode(json.loads(document)["imageData"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: its imageData is damaged") from error
    height, width = picture_size(data)
    if not height:
        raise DataError(f"{path}: its imageData is no picture, or damaged")
    if height * width > MAX_COPY_PIXELS:
        raise DataError(f"{path}: its imageData is {width}x{height}, more than a camera's")
    return data


def picture_size(data: bytes) -> tuple[int, int]:
    """Return height and width that a picture states in its head; 0, 0 where it is none."""
    if data.startswith(PNG_START) and len(data) > 24:  # its checksum, right or not, comes later
        width, height = struct.unpack(">II", data[16:24])
        return height, width
    from PIL import Image

    # of any kind, as its parsers please; whoever decodes the picture says that it is none
    with contextlib.suppress(Exception), without_limit(), Image.open(io.BytesIO(data)) as picture:
        return picture.height, picture.width
    return 0, 0
