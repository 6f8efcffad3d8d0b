"""Trains the portrait network; resumable, with a log of figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from segmentation.evaluation.mask_agreement import intersection_over_union
from segmentation.portrait import network as portrait_network
from segmentation.portrait import segmenter as portrait
from segmentation.training.bundled.portrait_photos import PersonPhotos, Photo
from segmentation.training.optimizers import adamw
from segmentation.training.training_log import Report
from segmentation.training.training_run import Course, TrainingRun
from segmentation.weights.ordered_weights import read_weights

# Sources are drawn about as often as photos of their kind matter, not as often as there are any.
SOURCE_WEIGHTS = {
    "eg1800": 0.24,
    "coco_single": 0.26,
    "ccp": 0.15,
    "vikram": 0.11,
    "coco_full": 0.11,
    "pennfudan": 0.08,
    "pelota": 0.05,
}
# Until `SMALL_UNTIL` of the steps is done crops are smaller than the inputs, which halves the cost.
SMALL_CROPS_HW = ((256, 160), (224, 160), (192, 192), (160, 224), (160, 256))
SMALL_UNTIL = 0.7
#: between two measurements
EPOCH_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one run does; two runs of the same schedule on the same machine are the same run.

    Attributes:
        num_steps: batches in all.
        batch_size: crops a batch.
        learning_rate: after the warm-up; it falls to 0 along a cosine.
        seed: of everything random.
    """

    num_steps: int = 10_000
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    seed: int = 0


def loss(masks: Any, logits: Any) -> Any:
    """Return cross-entropy, three times as heavy along outlines, plus the soft Dice loss.

    Milletari et al. 2016, "V-Net", section 3, has the Dice loss.

    Args:
        masks: (N, H, W, 1), 0 to 255.
        logits: (N, H, W, 1).
    """
    target = ops.cast(masks, "float32") / 255
    thick = ops.max_pool(target, 5, strides=1, padding="same")
    thin = -ops.max_pool(-target, 5, strides=1, padding="same")
    weight = 1 + 2 * (thick - thin)
    # log(1 + exp(-|x|)) + max(x, 0) - x t, which does not overflow
    entropy = ops.softplus(-ops.abs(logits)) + ops.relu(logits) - logits * target
    entropy = ops.sum(weight * entropy) / ops.sum(weight)
    found = ops.sigmoid(logits)
    overlap = 2 * ops.sum(found * target, axis=(1, 2, 3)) + 50.0
    size = ops.sum(found, axis=(1, 2, 3)) + ops.sum(target, axis=(1, 2, 3)) + 50.0
    return entropy + 0.5 * ops.mean(1 - overlap / size)


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
        ValueError: `run` was begun with another schedule, or a loss is not finite.
        WeightsError: `start` cannot be used.
    """
    photos = PersonPhotos(data, SOURCE_WEIGHTS)
    training = _Training(schedule, start)
    course = Course(schedule.num_steps, EPOCH_STEPS, ("loss",), ("validation_iou",), averages=True)
    kept = TrainingRun(run, asdict(schedule), training.model, training.optimizer, course, report)

    def measured(_: int) -> dict[str, float]:
        return {"validation_iou": _validate(training.model.get_weights(), photos.validation)}

    best = run / "best.npz"
    for images, masks in _batches(photos, schedule, kept.num_done):
        ends = kept.epoch_end
        kept.step({"loss": training.step(images, masks)})
        if kept.num_done == ends:
            kept.finish_epoch(measured, training.save, best)
    return best


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

    def step(self, images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> float:
        """Take one step; returns the loss."""
        shape = images.shape[1:]
        if shape not in self._of_size:
            # all with the same variables
            image = keras.Input(shape, dtype="uint8")
            self._of_size[shape] = keras.Model(image, portrait_network.enlarged(self.model(image)))
            self._of_size[shape].compile(self.optimizer, loss)
        return float(self._of_size[shape].train_on_batch(images, masks))

    def save(self, path: Path) -> None:
        """Write the weights to a file."""
        np.savez(path, *self.model.get_weights())


Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def _batches(photos: PersonPhotos, schedule: Schedule, first: int) -> Iterator[Batch]:
    """Yield the batches of the steps still to be done, a few made ahead in threads."""
    ahead = 3
    with ThreadPoolExecutor(2) as pool:

        def make(step: int) -> Batch:
            small = step < SMALL_UNTIL * schedule.num_steps
            crops_hw = SMALL_CROPS_HW if small else portrait.SIZES_HW
            return photos.batch(schedule.batch_size, crops_hw, (schedule.seed, step))

        steps = range(first, schedule.num_steps)
        waiting = [pool.submit(make, step) for step in steps[:ahead]]
        for step in steps:
            if step + ahead < schedule.num_steps:
                waiting.append(pool.submit(make, step + ahead))
            yield waiting.pop(0).result()


def _validate(average: Sequence[NDArray[np.float32]], photos: list[Photo]) -> float:
    """Return the mean IoU over photos that are never trained on."""
    networks: dict[tuple[int, int], keras.Model] = {}
    scores = []
    for photo in photos:
        height, width = photo.mask.shape
        size_hw = portrait.nearest_aspect(portrait.SIZES_HW, (height, width))
        if size_hw not in networks:
            networks[size_hw] = portrait_network.build(size_hw)
            networks[size_hw].set_weights(average)
        small = portrait.resized(photo.image, size_hw)[None]
        logits = np.asarray(networks[size_hw].predict_on_batch(small))[0, :, :, 0]
        mask = portrait.probability(portrait.resized(logits, (height, width)))
        scores.append(intersection_over_union(mask >= 128, photo.mask >= 128))
    return float(np.mean(scores))
