"""Trains `mask-rcnn-person`, beginning with the portrait network; resumable, with a log."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from segmentation import portrait_network
from segmentation.average_precision import evaluate
from segmentation.data.dataset import Dataset, Photo
from segmentation.data.person_dataset import read_person_dataset
from segmentation.mask_rcnn_network import MaskRCNNParts, build_network
from segmentation.person import segmenter
from segmentation.person_network import person_config
from segmentation.training.export_portrait import WEIGHTS as PORTRAIT_WEIGHTS
from segmentation.training.export_portrait import read_weights
from segmentation.training.mask_rcnn_training import LOSSES, TrainingConfig, build_training
from segmentation.training.person_batches import Batch, PersonBatches
from segmentation.training.training_state import AVERAGE_EVERY, TrainingState
from segmentation.weight_files.named_weights import named_weights, read_named, save_named, set_named

# Sources are drawn about as often as photos of their kind matter, not as often as there are any.
SOURCE_WEIGHTS = {
    "coco_single": 0.25,
    "coco_full": 0.19,
    "pennfudan": 0.15,
    "eg1800": 0.14,
    "ccp": 0.12,
    "pelota": 0.09,
    "vikram": 0.06,
}
#: Side of the square that photos are cropped to.
CROP = 320
TRAINING = TrainingConfig(
    max_objects=16,
    num_anchors=128,
    num_proposals=60,
    num_regions=20,
    adds_true_boxes=True,
    weight_decay=0.0,
)
#: Layers left as the portrait network has them: the finest maps cost most and know edges already.
FROZEN = re.compile("stem.*|stage2_.*")
HOLD_OUT = 40  # one photo of so many of each source is kept for validation
CHECKPOINT_EVERY = 250
VALIDATE_EVERY = 2000


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one run does; two runs of the same schedule on the same machine are the same run.

    Attributes:
        num_steps: batches in all.
        batch_size: images a batch.
        learning_rate: at its peak, after 5 % of the steps; it falls to 0 along a cosine.
        seed: of everything random.
    """

    num_steps: int = 7000
    batch_size: int = 8
    learning_rate: float = 1e-3
    seed: int = 0


def train_person(
    data: Sequence[Path],
    run: Path,
    schedule: Schedule,
    report: Callable[[dict[str, Any]], None],
    start: Path | None = None,
) -> Path:
    """Train until the schedule is done, going on where an earlier call in `run` stopped.

    Args:
        data: see `read_person_dataset`.
        run: folder for the checkpoint, the log (`log.jsonl`) and the result; made if absent.
        schedule: must be that of the earlier call when there was one.
        report: called with each line of the log.
        start: weights to begin with, the .npz of another run; the portrait network's without it.

    Returns:
        Path of the trained weights, which `segmentation.training.export_person` takes.

    Raises:
        DataError: `data` cannot be used.
        ValueError: `run` was started with another schedule.
        WeightsError: `start` cannot be used.
    """
    run.mkdir(parents=True, exist_ok=True)
    learn, validate = _split([read_person_dataset(folder) for folder in data])
    training = _Training(schedule, start)
    state = TrainingState(run / "checkpoint", asdict(schedule), training.model, training.optimizer)
    batches = PersonBatches(learn.photos, SOURCE_WEIGHTS, training.config, TRAINING)
    started, first = time.perf_counter(), state.step
    for done, batch in _ahead(batches, schedule, first):
        training.step(batch)
        if done % AVERAGE_EVERY == 0:
            state.update_average(done)
        if done % CHECKPOINT_EVERY == 0 or done == schedule.num_steps:
            elapsed = time.perf_counter() - started
            line: dict[str, Any] = {"step": done} | training.mean_losses()
            line["images_per_s"] = round((done - first) * schedule.batch_size / elapsed, 1)
            if done % VALIDATE_EVERY == 0 or done == schedule.num_steps:
                line |= _validate(training.averaged(state.average), validate)
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            state.save(done)
            save_named(training.averaged(state.average), run / "person.npz")
            report(line)
            started, first = time.perf_counter(), done
    return run / "person.npz"


class _Training:
    """The graph in training and its optimizer."""

    def __init__(self, schedule: Schedule, start: Path | None) -> None:
        keras.utils.set_random_seed(schedule.seed)
        self.config = person_config((CROP, CROP))
        parts = MaskRCNNParts(self.config, num_images=schedule.batch_size)
        self.model = build_training(parts, TRAINING)
        if start is None:
            self._set(_portrait_weights())
        else:
            set_named(self.model, read_named(start), start)
        for layer in self.model.layers:
            layer.trainable = FROZEN.fullmatch(layer.name) is None
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            schedule.num_steps,
            warmup_target=schedule.learning_rate,
            warmup_steps=max(1, schedule.num_steps // 20),
        )
        self.optimizer = keras.optimizers.AdamW(rate, weight_decay=0.02, clipnorm=1.0)
        self.optimizer.build(self.model.trainable_variables)
        self.model.compile(self.optimizer)
        self._sums = dict.fromkeys(LOSSES, 0.0)
        self._num = 0

    def _set(self, weights: dict[str, NDArray[Any]]) -> None:
        """Set those variables that have these names."""
        own = named_weights(self.model)
        set_named(self.model, own | {k: v for k, v in weights.items() if k in own}, Path("own"))

    def step(self, batch: Batch) -> None:
        """Take one step."""
        values = self.model.train_on_batch(batch, return_dict=True)
        for name in LOSSES:
            self._sums[name] += float(values[name])
        self._num += 1

    def mean_losses(self) -> dict[str, float]:
        """Return the mean of each loss since the last call."""
        means = {name: round(total / self._num, 4) for name, total in self._sums.items()}
        self._sums, self._num = dict.fromkeys(LOSSES, 0.0), 0
        return means

    def averaged(self, average: Sequence[NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
        """Return averaged weights by name."""
        present = self.model.get_weights()
        self.model.set_weights(average)
        named = named_weights(self.model)
        self.model.set_weights(present)
        return named


def _portrait_weights() -> dict[str, NDArray[Any]]:
    portrait = portrait_network.build((64, 64))
    portrait.set_weights(read_weights(PORTRAIT_WEIGHTS))
    return named_weights(portrait)


def _split(datasets: Sequence[Dataset]) -> tuple[Dataset, Dataset]:
    """Return photos to learn from and photos to validate with, of each source some."""
    by_source: dict[str, list[Photo]] = {}
    for dataset in datasets:
        for photo in dataset.photos:
            by_source.setdefault(photo.source, []).append(photo)
    learn, validate = [], []
    for photos in by_source.values():
        learn += [photo for index, photo in enumerate(photos) if index % HOLD_OUT]
        validate += photos[::HOLD_OUT]
    classes = datasets[0].classes
    return Dataset(classes, tuple(learn)), Dataset(classes, tuple(validate))


def _ahead(batches: PersonBatches, schedule: Schedule, first: int) -> Iterator[tuple[int, Batch]]:
    """Yield the number of each step still to be done, from 1, and its batch, made in a thread."""
    with ThreadPoolExecutor(1) as pool:
        steps = range(first + 1, schedule.num_steps + 1)
        waiting = [
            pool.submit(batches.batch, schedule.batch_size, (schedule.seed, step))
            for step in steps[:2]
        ]
        for step in steps:
            if step + 2 <= schedule.num_steps:
                seed = (schedule.seed, step + 2)
                waiting.append(pool.submit(batches.batch, schedule.batch_size, seed))
            yield step, waiting.pop(0).result()


def _validate(weights: dict[str, NDArray[Any]], dataset: Dataset) -> dict[str, float | None]:
    """Return the average precision of masks on photos that are never trained on."""

    @cache
    def network_of(size_hw: tuple[int, int]) -> keras.Model:
        network = build_network(person_config(size_hw))
        set_named(network, weights, Path("average"))
        return network

    def run(image: NDArray[np.uint8], *others: NDArray[Any]) -> list[NDArray[Any]]:
        return list(network_of(image.shape[1:3]).predict_on_batch([image, *others]))

    figures = evaluate(segmenter(run, min_score=0.05, device=""), dataset).mask
    return {"mask_ap": figures.ap, "mask_ap50": figures.ap50}
