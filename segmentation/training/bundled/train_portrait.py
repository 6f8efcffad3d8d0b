"""Trains the portrait network; resumable, with a log of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from segmentation.evaluation.mask_agreement import boundary_f, intersection_over_union
from segmentation.parts.masks import probability
from segmentation.parts.resample import nearest_aspect, resized
from segmentation.portrait import network as portrait_network
from segmentation.portrait import segmenter as portrait
from segmentation.training.batch_processes import batches
from segmentation.training.bundled.portrait_crops import MOVED_SOURCES, open_maker
from segmentation.training.bundled.portrait_loss import loss
from segmentation.training.bundled.portrait_photos import PersonPhotos, Photo
from segmentation.training.bundled.portrait_schedule import SOURCE_WEIGHTS, Schedule
from segmentation.training.bundled.portrait_teacher import Teacher
from segmentation.training.optimizers import adamw
from segmentation.training.training_log import Report
from segmentation.training.training_run import Course, TrainingRun
from segmentation.weights.ordered_weights import read_weights

#: of the photos held out: the mean of the next two; the IoU of masks; the F-measure of outlines
FIGURES = ("validation", "validation_iou", "validation_boundary_f")
#: between two measurements
EPOCH_STEPS = 1000


def train_portrait(
    data: Sequence[Path],
    run: Path,
    schedule: Schedule,
    report: Report,
    start: Path | None = None,
) -> Path:
    """Train until the schedule is done, going on where an earlier call in `run` stopped.

    Args:
        data: folders of photos; see `PersonPhotos`.
        run: folder for everything that is written; see `TrainingRun`.
        schedule: must be that of the earlier call when there was one.
        report: called with lines for people.
        start: weights to begin with, the .npz of another run; random ones without it.

    Returns:
        Path of the best weights, which `segmentation.training.bundled.export_portrait` takes.

    Raises:
        DataError: `data` cannot be used.
        ValueError: `run` was begun with another schedule, a loss is not finite, or there is no
            such teacher.
        WeightsError: `start` or a teacher cannot be used.
    """
    photos = PersonPhotos(data, SOURCE_WEIGHTS)
    Teacher(schedule.teachers)  # what is wrong with one of them is told now
    training = _Training(schedule, start)
    course = Course(schedule.num_steps, EPOCH_STEPS, ("loss",), FIGURES, averages=True)
    kept = TrainingRun(run, _as_json(schedule), training.model, training.optimizer, course, report)

    def measured(_: int) -> dict[str, float]:
        as_they_are = [each for each in photos.validation if each.source not in MOVED_SOURCES]
        return _validate(training.model.get_weights(), as_they_are)

    best = run / "best.npz"
    maker = partial(open_maker, tuple(data), schedule)
    for images, targets in batches(maker, range(kept.num_done, schedule.num_steps)):
        ends = kept.epoch_end
        kept.step({"loss": training.step(images, targets)})
        if kept.num_done == ends:
            kept.finish_epoch(measured, training.save, best)
    return best


def _as_json(schedule: Schedule) -> dict[str, object]:
    """Return a schedule as checkpoints have it; those of runs without a teacher say nothing."""
    values = asdict(schedule)
    teachers = values.pop("teachers")
    return values | ({"teachers": list(teachers)} if teachers else {})


class _Training:
    """The network in training, one compiled graph for each size of crop."""

    def __init__(self, schedule: Schedule, start: Path | None) -> None:
        keras.utils.set_random_seed(schedule.seed)
        self.model = portrait_network.build()
        if start is not None:
            self.model.set_weights(read_weights(start))
        self.optimizer = adamw(schedule.learning_rate, schedule.num_steps)
        self.optimizer.build(self.model.trainable_variables)
        self._of_size: dict[tuple[int, ...], keras.Model] = {}

    def step(self, images: NDArray[np.uint8], targets: NDArray[np.uint8]) -> float:
        """Take one step; returns the loss."""
        shape = images.shape[1:]
        if shape not in self._of_size:
            # all with the same variables
            image = keras.Input(shape, dtype="uint8")
            self._of_size[shape] = keras.Model(image, portrait_network.enlarged(self.model(image)))
            self._of_size[shape].compile(self.optimizer, loss)
        return float(self._of_size[shape].train_on_batch(images, targets))

    def save(self, path: Path) -> None:
        """Write the weights to a file."""
        np.savez(path, *self.model.get_weights())


def _validate(average: Sequence[NDArray[np.float32]], photos: list[Photo]) -> dict[str, float]:
    """Return `FIGURES` of weights, over photos that are never trained on."""
    networks: dict[tuple[int, int], keras.Model] = {}
    ious, outlines = [], []
    for photo in photos:
        height, width = photo.mask.shape
        size_hw = nearest_aspect(portrait.SIZES_HW, (height, width))
        if size_hw not in networks:
            networks[size_hw] = portrait_network.build(size_hw)
            networks[size_hw].set_weights(average)
        small = resized(photo.image, size_hw)[None]
        logits = np.asarray(networks[size_hw].predict_on_batch(small))[0, :, :, 0]
        mask = probability(resized(logits, (height, width))) >= 128
        if photo.void is not None:
            mask &= photo.void == 0
        ious.append(intersection_over_union(mask, photo.mask >= 128))
        outlines.append(boundary_f(mask, photo.mask >= 128))
    iou, outline = float(np.mean(ious)), float(np.mean(outlines))
    return dict(zip(FIGURES, ((iou + outline) / 2, iou, outline), strict=True))
