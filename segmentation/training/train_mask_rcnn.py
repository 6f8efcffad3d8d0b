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
from segmentation.data.dataset import Dataset, Photo
from segmentation.instances import Instances
from segmentation.mask_rcnn import MaskRCNN
from segmentation.mask_rcnn_backbones import SMALL, Trainable, trainable
from segmentation.mask_rcnn_config import MaskRCNNConfig
from segmentation.mask_rcnn_network import MaskRCNNParts, build_network
from segmentation.training.mask_rcnn_training import (
    LOSSES,
    build_training,
    train_layers,
)
from segmentation.training.start_weights import assign, set_start_weights
from segmentation.training.training_images import Steps, TrainingImages
from segmentation.training.training_log import ProgressLines, Report, TableFile, TensorBoardLog
from segmentation.training.training_state import TrainingState, has_checkpoint
from segmentation.weight_files.named_weights import named_weights
from segmentation.weight_files.trained_weights import save_trained

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
        backbone: one of `mask_rcnn_backbones.BACKBONES`.
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
    backbone: str = "resnet50"
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
    *,
    make: Callable[..., Trainable] = trainable,
) -> Path:
    """Train until all epochs are done, going on where an earlier call in `run` stopped.

    Args:
        dataset: photos to train on and to validate with.
        run: folder for everything that is written; made if absent.
        settings: must be those of the earlier call when there was one.
        report: called with lines for people.
        draw: makes the pictures of what was found in photos of the validation.
        make: makes the description of another network from the same arguments.

    Returns:
        Path of the weights that reached the best mask AP in the validation.

    Raises:
        DataError: there are too few photos, or one cannot be read any more.
        ValueError: `run` was begun with other settings, or the network is not like that.
        WeightsError: the weights to begin with cannot be used.
    """
    learn, validate = dataset.split(settings.validation_share, settings.seed)
    network = make(
        settings.backbone,
        settings.size,
        len(dataset.classes) + 1,
        train_norm=settings.start == "none",
    )
    session = _Session(run, settings, network, learn, report)
    report(
        f"{len(learn.photos)} photos to train on, {len(validate.photos)} to validate with, "
        f"{session.num_steps} steps"
    )
    validation = _Validation(network.network, validate, run / "pictures", draw)
    if session.is_fresh and settings.start != "none":
        session.finish_epoch(0, validation)
    for epoch in range(session.state.step // session.epoch_steps, settings.epochs):
        session.train_epoch(epoch)
        session.finish_epoch(epoch + 1, validation)
    return run / "best.h5"


class _Session:
    """The graph in training and everything that is kept of it."""

    def __init__(
        self,
        run: Path,
        settings: Settings,
        network: Trainable,
        dataset: Dataset,
        report: Report,
    ) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self._run, self._settings, self._dataset = run, settings, dataset
        self._report = report
        self.is_fresh = not has_checkpoint(run / "checkpoint")
        keras.utils.set_random_seed(settings.seed)
        scope, num_replicas = _devices()
        self._batch_size = settings.images_per_device * num_replicas
        self.epoch_steps = -(-len(dataset.photos) // self._batch_size)
        self.num_steps = self.epoch_steps * settings.epochs
        self._images = TrainingImages(
            dataset.photos, network.network, network.training, settings.seed
        )
        with scope:
            optimizer = self._build(network, num_replicas)
        schedule = asdict(settings) | {
            "photos": len(dataset.photos),
            "classes": list(dataset.classes),
        }
        self.state = TrainingState(
            run / "checkpoint", schedule, self.model, optimizer, averaging=False
        )
        if not self.is_fresh:
            report(f"goes on after step {self.state.step}")
        self._open_logs()

    def _build(self, network: Trainable, num_replicas: int) -> keras.optimizers.Optimizer:
        """Make the graph and its optimizer, with the weights to begin with."""
        settings = self._settings
        parts = MaskRCNNParts(
            network.network, num_images=settings.images_per_device, dtype=settings.precision
        )
        self.model = build_training(parts, network.training, num_replicas=num_replicas)
        if self.is_fresh:
            begun = set_start_weights(
                self.model, settings.start, self._dataset.classes, backbone=settings.backbone
            )
            self._report(f"begins with {begun}")
        train_layers(self.model, settings.layers)
        optimizer = _optimizer(settings, self.num_steps)
        optimizer.build(self.model.trainable_variables)
        # XLA would compile the loops of the proposals for minutes
        self.model.compile(optimizer, jit_compile=False)
        return optimizer

    def _open_logs(self) -> None:
        """Go on with the tables where the checkpoint was made, and begin what is not kept."""
        done = self.state.step
        kept = -1 if self.is_fresh else done
        self._steps = TableFile(self._run / "steps.csv", ("step", "loss", *LOSSES, "l2"), kept)
        self._epochs = TableFile(self._run / "epochs.csv", EPOCH_COLUMNS, kept)
        self._losses = [
            {name: float(value) for name, value in line.items() if name in ("loss", *LOSSES)}
            for line in self._steps.lines[done - done % self.epoch_steps :]
        ]
        self._best = max((float(line["mask_ap"]) for line in self._epochs.lines), default=-1.0)
        self._board = TensorBoardLog(self._run / "tensorboard")
        self.progress = ProgressLines(done, self.num_steps, self._report)
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
        # at the end of an epoch there is one anyway, with what the epoch reached
        is_due = time.monotonic() - self._saved >= CHECKPOINT_EVERY_S
        if is_due and step % self.epoch_steps:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Keep everything on disk."""
        self.state.save(self.state.step)
        self._saved = time.monotonic()

    def finish_epoch(self, epoch: int, validation: _Validation) -> None:
        """Measure what the network reached after so many epochs, and keep it."""
        started = time.monotonic()
        weights = named_weights(self.model)
        reached = validation.run(weights, epoch)
        figures = {
            "mask_ap": reached.mask.ap or 0.0,
            "mask_ap50": reached.mask.ap50 or 0.0,
            "box_ap": reached.box.ap or 0.0,
            "box_ap50": reached.box.ap50 or 0.0,
        }
        means = {
            name: float(np.mean([values[name] for values in self._losses] or [np.nan]))
            for name in ("loss", *LOSSES)
        }
        self._losses = []
        self._epochs.add(means | figures | {"step": self.state.step, "epoch": epoch})
        self._board.add({f"validation/{k}": v for k, v in figures.items()}, self.state.step)
        is_best = figures["mask_ap"] >= self._best
        self._report(
            f"epoch {epoch}: loss {means['loss']:.3f}, mask AP {figures['mask_ap']:.3f} "
            f"(at IoU 0.5: {figures['mask_ap50']:.3f}), box AP {figures['box_ap']:.3f}"
            + (", the best so far" if is_best else "")
        )
        if is_best:
            self._best = figures["mask_ap"]
            save_trained(
                self._run / "best.h5",
                weights,
                self._dataset.classes,
                size=self._settings.size,
                backbone=self._settings.backbone,
            )
        self.checkpoint()
        self.progress.pause(time.monotonic() - started)


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
    """Return Matterport's SGD; AdamW from random weights, and for what was trained with it."""
    warm_up = max(1, round(WARM_UP * num_steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, num_steps - warm_up),
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )
    if settings.start == "none" or settings.backbone == SMALL:
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
