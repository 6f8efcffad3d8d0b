"""Measures a Mask R-CNN in training on photos it does not learn from, and draws what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data import Dataset, Photo
from segmentation.evaluation.average_precision import evaluate
from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from segmentation.unfinished import MAX_NAME_BYTES, shortened

#: a photo, what was found in it, names of the classes -> a picture of its truth beside that
Draw = Callable[[Photo, Instances, Sequence[str]], NDArray[np.uint8]]

#: objects less certain than this are left out of the average precision, and out of pictures
MIN_DRAWN_SCORE = 0.5
#: photos of which a picture is kept after each epoch
NUM_PICTURES = 12
#: what `measure` returns
FIGURES = ("mask_ap", "mask_ap50", "box_ap", "box_ap50")


def measure(segmenter: Segmenter, dataset: Dataset, pictures: Path, draw: Draw) -> dict[str, float]:
    """Return what is reached, 0 to 1; where nothing is to be found 0.

    Args:
        segmenter: reports objects from `MIN_SCORE` on.
        dataset: photos that are not learnt from.
        pictures: folder for pictures of the first of them; made if absent.
        draw: makes these.
    """
    pictures.mkdir(parents=True, exist_ok=True)
    reached = evaluate(segmenter, dataset, partial(_keep, dataset, pictures, draw))
    values = (reached.mask.ap, reached.mask.ap50, reached.box.ap, reached.box.ap50)
    return {name: value or 0.0 for name, value in zip(FIGURES, values, strict=True)}


def _keep(dataset: Dataset, folder: Path, draw: Draw, photo: Photo, found: Instances) -> None:
    """Write a picture of one of the first photos."""
    place = next(k for k, other in enumerate(dataset.photos) if other is photo)
    if place >= NUM_PICTURES:
        return
    certain = found[found.scores >= MIN_DRAWN_SCORE]
    drawn = draw(photo, certain, dataset.classes)
    # not by OpenCV, which says nothing where a disk is full
    data = cv2.imencode(".jpg", drawn[..., ::-1])[1].tobytes()
    added = (f"{place:02d}_", ".jpg")
    stem = shortened(photo.path.stem, MAX_NAME_BYTES - len("".join(added)))
    (folder / stem.join(added)).write_bytes(data)
