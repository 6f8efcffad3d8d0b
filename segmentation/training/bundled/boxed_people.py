"""People of whom only the boxes are known: their photos, and where portrait sees them there.

A network that is shown what is in a box alone, enlarged, sees more than one that is shown the whole
photo. So it can teach itself (Khoreva et al. 2017, "Simple Does It: Weakly Supervised Instance and
Semantic Segmentation", has masks made of boxes; Xie et al. 2020, "Self-training with Noisy Student
improves ImageNet classification", what a network learns from its own).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.data import Dataset, Photo
from segmentation.data.coco_dataset import is_coco, read_coco
from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.json_file import read_json
from segmentation.errors import DataError
from segmentation.person.segmenter import CLASSES
from segmentation.training.bundled.bystanders import portrait

#: By how much of its sides a box is enlarged on all of its own before the network is shown it
MARGIN = 0.25
#: From which probability on a pixel in a box is a person's, and up to which it is nobody's
PERSON, NOBODY = 0.8, 0.2
#: Of a box less than this share is seldom a person's: what is seen in it says nothing
MIN_SHARE = 0.2
#: Shorter boxes, in pixels of the photo, are not worth a look
MIN_SIDE = 12


def read_boxed(folder: Path) -> tuple[Photo, ...]:
    """Return the photos of `boxes/boxes.json` of a folder, in COCO's layout without masks.

    Raises:
        DataError: all that is wrong with it.
    """
    path = folder / "boxes" / "boxes.json"
    if not path.exists():
        return ()
    problems = Problems(path)
    document = read_json(path)
    if not is_coco(document):
        raise DataError(f"{path}: is not in COCO's format, with images, annotations, categories")
    try:
        for row in document["annotations"]:
            row["segmentation"] = [_outline(*row["bbox"])]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: each annotation needs a bbox of x, y, width, height") from error
    dataset = read_coco(path, document, problems)
    problems.check(strict=True)
    check_people_alone(path, dataset)
    return tuple(
        replace(
            photo, annotations=tuple(replace(each, has_mask=False) for each in photo.annotations)
        )
        for photo in dataset.photos
    )


def check_people_alone(path: Path, dataset: Dataset) -> None:
    """Raise `DataError` where other things than people are labelled."""
    if dataset.classes != CLASSES:
        raise DataError(
            f"{path}: has the classes {', '.join(dataset.classes)}; learned here is "
            f"{CLASSES[0]} alone, use run.py train mask-rcnn for others"
        )


def _outline(x: float, y: float, width: float, height: float) -> list[Any]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def seen_in_boxes(
    image: NDArray[np.uint8], boxes: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return where people are, and where nobody knows; outside of all boxes there is nobody.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes: (N, 4) x1 y1 x2 y2 in its pixels, of everybody.

    Returns:
        Two masks (H, W) uint8, 255 inside, which have no pixel in common.
    """
    people = np.zeros(image.shape[:2], np.float32)
    untold = np.zeros(image.shape[:2], np.bool_)
    for box in boxes:
        rows, columns = _within(box, people.shape)
        inside = people[rows, columns]
        seen = _seen(image, box)
        if seen is None or (seen >= 0.5).mean() < MIN_SHARE:
            untold[rows, columns] = True
        if seen is not None:
            np.maximum(inside, seen, out=inside)
    is_person = people >= PERSON
    unknown = ~is_person & (untold | (people > NOBODY))
    return np.uint8(255) * is_person, np.uint8(255) * unknown


def _within(box: NDArray[np.float32], size_hw: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of the pixels that a box touches."""
    low = np.floor(box[:2]).clip(0).astype(int)
    high = np.minimum(np.ceil(box[2:]).astype(int), size_hw[::-1])
    return slice(low[1], high[1]), slice(low[0], high[0])


def _seen(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the probability of a person for the pixels of a box; None if it is too small."""
    sides = box[2:] - box[:2]
    if sides[1] < MIN_SIDE or sides[0] < MIN_SIDE / 3:
        return None
    margin = np.tile(MARGIN * sides.max(), 2)
    rows, columns = _within(np.concatenate([box[:2] - margin, box[2:] + margin]), image.shape[:2])
    part = np.ascontiguousarray(image[rows, columns])
    people = np.zeros(image.shape[:2], np.float32)
    people[rows, columns] = portrait().segment(part[None])[0].union() / np.float32(255)
    return people[_within(box, image.shape[:2])]
