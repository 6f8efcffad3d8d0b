"""Trains the portrait network; resumable, with a log of figures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from segmentation import portrait, portrait_network
from segmentation.data.person_photos import PersonPhotos, Photo
from segmentation.evaluate import intersection_over_union
from segmentation.training.export_portrait import read_weights
from segmentation.training.training_state import AVERAGE_EVERY, TrainingState

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
CHECKPOINT_EVERY = 250
VALIDATE_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one run does; two runs of the same schedule on the same machine are the same run.

    Attributes:
        num_steps: batches in all.
        batch_size: crops a batch.
        learning_rate: at its peak, after 2 % of the steps; it falls to 0 along a cosine.
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
    report: Callable[[dict[str, Any]], None],
    start: Path | None = None,
) -> Path:
    """Train until the schedule is done, going on where an earlier call in `run` stopped.

    Args:
        data: folders of photos; see `PersonPhotos`.
        run: folder for the checkpoint, the log (`log.jsonl`) and the result; made if absent.
        schedule: must be that of the earlier call when there was one.
        report: called with each line of the log.
        start: weights to begin with, the .npz of another run; random ones without it.

    Returns:
        Path of the trained weights, which `segmentation.training.export_portrait` takes.

    Raises:
        ValueError: `data` cannot be used, or `run` was started with another schedule.
    """
    run.mkdir(parents=True, exist_ok=True)
    photos = PersonPhotos(data, SOURCE_WEIGHTS)
    training = _Training(schedule, start)
    state = TrainingState(run / "checkpoint", asdict(schedule), training.model, training.optimizer)
    started = time.perf_counter()
    losses: list[float] = []
    for step, (images, masks) in _batches(photos, schedule, state.step):
        losses.append(training.step(images, masks))
        done = step + 1
        if done % AVERAGE_EVERY == 0:
            state.update_average(done)
        if done % CHECKPOINT_EVERY == 0 or done == schedule.num_steps:
            elapsed = time.perf_counter() - started
            line: dict[str, Any] = {
                "step": done,
                "loss": round(float(np.mean(losses)), 4),
                "images_per_s": round(len(losses) * schedule.batch_size / elapsed, 1),
            }
            if done % VALIDATE_EVERY == 0 or done == schedule.num_steps:
                line["validation_iou"] = round(_validate(state.average, photos.validation), 4)
            started, losses = time.perf_counter(), []
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            state.save(done)
            report(line)
    result = run / "portrait.npz"
    np.savez(result, *state.average)
    return result


class _Training:
    """The network in training, one compiled graph for each size of crop."""

    def __init__(self, schedule: Schedule, start: Path | None) -> None:
        keras.utils.set_random_seed(schedule.seed)
        self.model = portrait_network.build()
        if start is not None:
            self.model.set_weights(read_weights(start))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            schedule.num_steps,
            warmup_target=schedule.learning_rate,
            warmup_steps=max(1, schedule.num_steps // 50),
        )
        self.optimizer = keras.optimizers.AdamW(rate, weight_decay=0.02, clipnorm=1.0)
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


Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def _batches(photos: PersonPhotos, schedule: Schedule, first: int) -> Iterator[tuple[int, Batch]]:
    """Yield the steps still to be done with their batches, a few made ahead in threads."""
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
            yield step, waiting.pop(0).result()


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
