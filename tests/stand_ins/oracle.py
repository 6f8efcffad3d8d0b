"""A network that knows the truth about annotated photos, and spoils it where told to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segmentation.data import Dataset, Photo
from segmentation.instances import Instances

Spoil = Callable[[Instances], Instances]


def truth(photo: Photo) -> Instances:
    """Everything that is annotated but for regions to be ignored."""
    real = [annotation for annotation in photo.annotations if not annotation.is_crowd]
    masks = [annotation.mask(photo.size_hw) * np.uint8(255) for annotation in real]
    return Instances(
        boxes=np.array([annotation.box for annotation in real], np.float32).reshape(-1, 4),
        scores=np.linspace(1, 0.5, len(real), dtype=np.float32),
        labels=np.array([annotation.label for annotation in real], np.int32),
        masks=np.array(masks, np.uint8).reshape(-1, *photo.size_hw),
        ids=np.full(len(real), -1, np.int32),
    )


class DatasetOracle:
    """`Segmenter` that recognises the photos of a dataset by their pixels."""

    name = "oracle"
    max_input: int | None = None
    max_images: int = 1
    fast = False
    separates_objects = True
    device = "nowhere"

    def __init__(self, dataset: Dataset, spoil: Spoil = lambda found: found) -> None:
        self.classes = dataset.classes
        self._known = {photo.image().tobytes(): photo for photo in dataset.photos}
        self._spoil = spoil

    def segment(self, images: np.ndarray) -> list[Instances]:
        return [self._spoil(truth(self._known[image.tobytes()])) for image in images]
