"""Trains a Mask R-CNN on annotated photos; resumable, with logs, pictures and the best weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from segmentation.average_precision import AveragePrecision, evaluate
from segmentation.dataset import Dataset, Photo
from segmentation.instances import Instances
from segmentation.mask_rcnn import MaskRCNN
from segmentation.mask_rcnn_config import MaskRCNNConfig, matterport_config
from segmentation.mask_rcnn_network import MaskRCNNParts, build_network
from segmentation.mask_rcnn_training import (
    LOSSES,
    TrainingConfig,
    build_training,
    train_layers,
)
from segmentation.named_weights import named_weights
from segmentation.start_weights import assign, set_start_weights
from segmentation.trained_weights import save_trained
from segmentation.training_images import Steps, TrainingImages
from segmentation.training_log import ProgressLines, Report, TableFile, TensorBoardLog
from segmentation.training_state import TrainingState, has_checkpoint

#: image (H, W, 3), what was found in it, names of the classes -> a picture of both
Draw = Callable[[NDArray[np.uint8], Instances, Sequence[str]], NDArray[np.uint8]]

#: SGD of Matterport's program: momentum, and the length of the gradient that is not exceeded
MOMENTUM, MAX_GRADIENT = 0.9, 5.0
#: share of the steps in which the learning rate grows
WARM_UP = 0.05
CHECKPOINT_EVERY_S = 300.0
#: objects less certain than this are left out of the average precision, and out of pictures
MIN_SCORE, MIN_DRAWN_SCORE = 0.05, 0.5
#: photos of which a picture is kept after each epoch
NUM_PICTURES = 12
EPOCH_COLUMNS = ("step", "epoch", "loss", *LOSSES, "mask_ap", "mask_ap50", "box_ap", "box_ap50")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run does; two runs of the same settings on the same machine are the same run.

    Attributes:
        start: weights to begin with; see `set_start_weights`.
        layers: that learn; a key of `mask_rcnn_training.TRAINED_LAYERS`.
        depth: of the ResNet, 50 or 101.
        size: side of the network's input in pixels, a multiple of 64.
        epochs: passes over the photos.
        images_per_device: that go through each GPU, or the processor, in a step.
        learning_rate: after the warm-up; it falls to 0 along a cosine.
        precision: "float32" or "bfloat16", of convolutions and matrix products.
        validation_share: of the photos, which are not trained on.
        seed: of everything random.
    """

    start: str = "none"
    layers: str = "all"
    depth: int = 50
    size: int = 512
    epochs: int = 20
    images_per_device: int = 2
    learning_rate: float = 0.001
    precision: str = "float32"
    validation_share: float = 0.2
    seed: int = 0


def train_mask_rcnn(
    dataset: Dataset,
    run: Path,
    settings: Settings,
    report: Report,
    draw: Draw,
    training: TrainingConfig | None = None,
    *,
    make_config: Callable[..., MaskRCNNConfig] = matterport_config,
) -> Path:
    """Train until all epochs are done, going on where an earlier call in `run` stopped.

    Args:
        dataset: photos to train on and to validate with.
        run: folder for everything that is written; made if absent.
        settings: must be those of the earlier call when there was one.
        report: called with lines for people.
        draw: makes the pictures of what was found in photos of the validation.
        training: how many regions and so on; Matterport's without it.
        make_config: makes the description of another network from the same arguments.

    Returns:
        Path of the weights that reached the best mask AP in the validation.

    Raises:
        DataError: there are too few photos, or one cannot be read any more.
        ValueError: `run` was begun with other settings, or the network is not like that.
        WeightsError: the weights to begin with cannot be used.
    """
    training = training or TrainingConfig()
    learn, validate = dataset.split(settings.validation_share, settings.seed)
    config = make_config(
        settings.size,
        num_classes=len(dataset.classes) + 1,
        depth=settings.depth,
        train_norm=settings.start == "none",
    )
    session = _Session(run, settings, config, training, learn, report)
    report(
        f"{len(learn.photos)} photos to train on, {len(validate.photos)} to validate with, "
        f"{session.num_steps} steps"
    )
    validation = _Validation(config, validate, run / "pictures", draw)
    for epoch in range(session.state.step // session.epoch_steps, settings.epochs):
        session.train_epoch(epoch)
        started = time.monotonic()
        weights = named_weights(session.model)
        reached = validation.run(weights, epoch + 1)
        if session.finish_epoch(epoch, reached):
            save_trained(run / "best.h5", weights, dataset.classes, settings.size)
        session.checkpoint()
        session.progress.pause(time.monotonic() - started)
    return run / "best.h5"


class _Session:
    """The graph in training and everything that is kept of it."""

    def __init__(
        self,
        run: Path,
        settings: Settings,
        config: MaskRCNNConfig,
        training: TrainingConfig,
        dataset: Dataset,
        report: Report,
    ) -> None:
        run.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(settings.seed)
        scope, num_replicas = _devices()
        self._batch_size = settings.images_per_device * num_replicas
        self.epoch_steps = -(-len(dataset.photos) // self._batch_size)
        self.num_steps = self.epoch_steps * settings.epochs
        self._images = TrainingImages(dataset.photos, config, training, settings.seed)
        with scope:
            parts = MaskRCNNParts(
                config, num_images=settings.images_per_device, dtype=settings.precision
            )
            self.model = build_training(parts, training, num_replicas=num_replicas)
            is_fresh = not has_checkpoint(run / "checkpoint")
            if is_fresh:
                begun = set_start_weights(
                    self.model, settings.start, dataset.classes, depth=settings.depth
                )
            train_layers(self.model, settings.layers)
            optimizer = _optimizer(settings, self.num_steps)
            optimizer.build(self.model.trainable_variables)
            # XLA would compile the loops of the proposals for minutes
            self.model.compile(optimizer, jit_compile=False)
        schedule = asdict(settings) | {
            "photos": len(dataset.photos),
            "classes": list(dataset.classes),
        }
        self.state = TrainingState(
            run / "checkpoint", schedule, self.model, optimizer, averaging=False
        )
        done = self.state.step
        report(f"begins with {begun}" if is_fresh else f"goes on after step {done}")
        self._steps = TableFile(run / "steps.csv", ("step", "loss", *LOSSES, "l2"), done)
        self._epochs = TableFile(run / "epochs.csv", EPOCH_COLUMNS, done)
        self._losses = [
            {name: float(value) for name, value in line.items() if name in ("loss", *LOSSES)}
            for line in self._steps.lines[done - done % self.epoch_steps :]
        ]
        self._best = max((float(line["mask_ap"]) for line in self._epochs.lines), default=-1.0)
        self._board = TensorBoardLog(run / "tensorboard")
        self._report = report
        self.progress = ProgressLines(done, self.num_steps, report)
        self._saved = time.monotonic()

    def train_epoch(self, epoch: int) -> None:
        """Take the steps of an epoch that are still to be done."""
        last = (epoch + 1) * self.epoch_steps
        steps = Steps(self._images, self._batch_size, self.state.step, last)
        callback = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: self.model.reset_metrics(),
            on_train_batch_end=lambda batch, logs: self._step(logs),
        )
        self.model.fit(
            steps,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=0,
            callbacks=[callback],
        )

    def _step(self, logs: dict[str, float]) -> None:
        """Take note of a step."""
        self.state.step += 1
        step = self.state.step
        values = {name: float(value) for name, value in logs.items()}
        if not np.isfinite(values["loss"]):
            raise ValueError(
                f"step {step}: the loss is not finite; begin anew with a lower --learning-rate"
            )
        self._losses.append(values)
        self._steps.add(values | {"step": step})
        self._board.add(values, step)
        self.progress.step(step, {name: values[name] for name in ("loss", *LOSSES)})
        if time.monotonic() - self._saved >= CHECKPOINT_EVERY_S:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Keep everything on disk."""
        self.state.save(self.state.step)
        self._saved = time.monotonic()

    def finish_epoch(self, epoch: int, reached: AveragePrecision) -> bool:
        """Take note of what an epoch reached; returns whether none before reached more."""
        means = {
            name: float(np.mean([values[name] for values in self._losses]))
            for name in ("loss", *LOSSES)
        }
        self._losses = []
        figures = {
            "mask_ap": reached.mask.ap or 0.0,
            "mask_ap50": reached.mask.ap50 or 0.0,
            "box_ap": reached.box.ap or 0.0,
            "box_ap50": reached.box.ap50 or 0.0,
        }
        step = self.state.step
        self._epochs.add(means | figures | {"step": step, "epoch": epoch + 1})
        self._board.add({f"validation/{name}": value for name, value in figures.items()}, step)
        is_best = figures["mask_ap"] >= self._best
        self._report(
            f"epoch {epoch + 1}: loss {means['loss']:.3f}, mask AP {figures['mask_ap']:.3f} "
            f"(at IoU 0.5: {figures['mask_ap50']:.3f}), box AP {figures['box_ap']:.3f}"
            + (", the best so far" if is_best else "")
        )
        self._best = max(self._best, figures["mask_ap"])
        return is_best


def precision_of(wanted: str) -> str:
    """Return the precision to compute in.

    Args:
        wanted: "float32", "bfloat16", or "auto" for the latter on GPUs that have it.
    """
    if wanted != "auto":
        return wanted
    if keras.backend.backend() != "tensorflow":
        return "float32"
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    versions = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        for gpu in gpus
    ]
    # Ampere was the first with it (NVIDIA A100 whitepaper)
    return "bfloat16" if versions and min(versions) >= (8, 0) else "float32"


def _devices() -> tuple[AbstractContextManager[Any], int]:
    """Return a scope in which variables are on all GPUs there are, and the number of copies."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if len(tf.config.list_logical_devices("GPU")) > 1:
            strategy = tf.distribute.MirroredStrategy()
            return strategy.scope(), strategy.num_replicas_in_sync
    return nullcontext(), 1


def _optimizer(settings: Settings, num_steps: int) -> keras.optimizers.Optimizer:
    """Return Matterport's SGD; from random weights, which it hardly moves, AdamW."""
    warm_up = max(1, round(WARM_UP * num_steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, num_steps - warm_up),
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )
    if settings.start == "none":
        return keras.optimizers.AdamW(rate, weight_decay=0.01, global_clipnorm=MAX_GRADIENT)
    return keras.optimizers.SGD(rate, momentum=MOMENTUM, global_clipnorm=MAX_GRADIENT)


class _Validation:
    """Measures weights on photos that are not trained on, and draws what they find."""

    def __init__(self, config: MaskRCNNConfig, dataset: Dataset, folder: Path, draw: Draw) -> None:
        self._dataset, self._folder, self._draw = dataset, folder, draw
        self._network = build_network(config)
        self._size = config.size_hw[0]

    def run(self, weights: dict[str, NDArray[Any]], epoch: int) -> AveragePrecision:
        """Return what the weights reach; the pictures are in a folder of the epoch."""
        assign(self._network, weights)
        segmenter = MaskRCNN(
            lambda *arrays: self._network.predict_on_batch(list(arrays)),
            size=self._size,
            classes=self._dataset.classes,
            min_score=MIN_SCORE,
            device="",
        )
        pictures = self._folder / f"epoch_{epoch:03d}"
        pictures.mkdir(parents=True, exist_ok=True)
        return evaluate(segmenter, self._dataset, partial(self._keep, pictures))

    def _keep(self, folder: Path, photo: Photo, found: Instances) -> None:
        """Write a picture of one of the first photos."""
        place = next(k for k, other in enumerate(self._dataset.photos) if other is photo)
        if place >= NUM_PICTURES:
            return
        certain = found[found.scores >= MIN_DRAWN_SCORE]
        drawn = self._draw(photo.image(), certain, self._dataset.classes)
        path = folder / f"{place:02d}_{photo.path.stem}.jpg"
        cv2.imwrite(str(path), drawn[..., ::-1])
