"""Trains `mask-rcnn-person`: a Mask R-CNN on the portrait network, on photos of people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from segmentation.data import Dataset
from segmentation.errors import DataError
from segmentation.evaluation.average_precision import MIN_SCORE
from segmentation.mask_rcnn.network import build_network
from segmentation.mask_rcnn.published import SMALL
from segmentation.mask_rcnn.segmenter import MaskRCNN
from segmentation.person import segmenter as person
from segmentation.person.network import person_config
from segmentation.training.bundled.person_dataset import UNION_SOURCES, read_person_dataset
from segmentation.training.bundled.portrait_crops import MOVED_SOURCES
from segmentation.training.mask_rcnn.graph import TrainingConfig
from segmentation.training.mask_rcnn.start_weights import assign
from segmentation.training.mask_rcnn.trainable import Trainable
from segmentation.training.mask_rcnn.trainer import Settings, Task, train
from segmentation.training.mask_rcnn.validation import Draw
from segmentation.training.photo_sources import held_out, odds
from segmentation.training.training_log import Report
from segmentation.weights.named_weights import Weights, save_named

# Sources are drawn about as often as photos of their kind matter, not as often as there are any.
SOURCE_WEIGHTS = {
    "coco_boxes": 0.45,
    "coco_single": 0.2,
    "coco_full": 0.23,
    "pennfudan": 0.12,
    "eg1800": 0.1,
    "ccp": 0.08,
    "pelota": 0.08,
    "places": 0.05,
    "vikram": 0.03,
    "voc_sbd_person": 0.03,
    "borrat_teacher": 0.02,
    "viton_studio": 0.01,
}
#: Sources that tell nothing of single people in ordinary places
UNTOLD = UNION_SOURCES | MOVED_SOURCES
# Crowds are rare among the photos, so people are pasted in several times. The finest layers stay
# as the portrait network has them: their maps cost most and know edges already.
TRAINING = TrainingConfig(
    max_pastes=4,
    crops=True,
    min_side=10,
    max_objects=24,
    num_anchors=128,
    num_proposals=60,
    num_regions=20,
    min_others=8,
    weight_decay=0.0,
    averages=True,
)
SETTINGS = Settings(
    start="portrait",
    layers="3+",
    backbone=SMALL,
    size=320,
    epochs=7,
    images_per_device=8,
    learning_rate=1e-3,
)


def train_person(
    data: Sequence[Path], run: Path, settings: Settings, report: Report, draw: Draw
) -> Path:
    """Train until all epochs are done, going on where an earlier call in `run` stopped.

    Args:
        data: see `read_person_dataset`.
        run: see `train`, likewise the next three.
        settings: of the run, such as `SETTINGS`.
        report: called with lines for people.
        draw: makes the pictures.

    Returns:
        Path of the best weights, which `segmentation.training.bundled.export_person` takes.

    Raises:
        DataError: `data` cannot be used.
        ValueError: see `train`.
        WeightsError: the weights to begin with cannot be used.
    """
    learn, validate = _split([read_person_dataset(folder) for folder in data])
    network = Trainable(person_config((settings.size, settings.size)), TRAINING)
    drawn = odds([photo.source for photo in learn.photos], SOURCE_WEIGHTS)
    task = Task(network, learn, validate, drawn, _segmenters(), save_named, "best.npz")
    return train(task, settings, run, report, draw)


def _split(datasets: Sequence[Dataset]) -> tuple[Dataset, Dataset]:
    """Return photos to learn from and to validate with: some of each source that can tell."""
    photos = [photo for dataset in datasets for photo in dataset.photos]
    told = [photo for photo in photos if photo.has_mask().all() and photo.source not in UNTOLD]
    flags = held_out([photo.source for photo in told])
    validate = [photo for photo, flag in zip(told, flags, strict=True) if flag]
    learn = [photo for photo in photos if photo not in validate]
    if not learn:
        raise DataError("no photos are left to train on: the first of each source is held out")
    return Dataset(person.CLASSES, tuple(learn)), Dataset(person.CLASSES, tuple(validate))


def _segmenters() -> Callable[[Weights], MaskRCNN]:
    """Return what makes a segmenter of weights, without the outlines of the portrait network."""
    network_of = cache(lambda size_hw: build_network(person_config(size_hw)))

    def segmenter(weights: Weights) -> MaskRCNN:
        @cache
        def ready(size_hw: tuple[int, int]) -> keras.Model:
            assign(network_of(size_hw), weights)
            return network_of(size_hw)

        def run(image: NDArray[np.uint8], *others: NDArray[Any]) -> list[NDArray[Any]]:
            return list(ready(image.shape[1:3]).predict_on_batch([image, *others]))

        return person.from_network(run, min_score=MIN_SCORE, device="")

    return segmenter
