"""Trains a Mask R-CNN, of whatever backbone on whatever photos, with Keras' own `fit`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from segmentation.data import Dataset
from segmentation.mask_rcnn.network import MaskRCNNParts
from segmentation.mask_rcnn.published import SMALL
from segmentation.segmenter import Segmenter
from segmentation.training.mask_rcnn.graph import LOSSES, build_training, train_layers
from segmentation.training.mask_rcnn.images import Steps, TrainingImages
from segmentation.training.mask_rcnn.start_weights import KNOW_NO_OBJECTS, set_start_weights
from segmentation.training.mask_rcnn.trainable import Trainable
from segmentation.training.mask_rcnn.validation import FIGURES, Draw, measure
from segmentation.training.optimizers import adamw, sgd
from segmentation.training.training_log import Report
from segmentation.training.training_run import Course, TrainingRun, is_begun
from segmentation.weights.named_weights import Weights, named_weights


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run does; two runs of the same settings on the same machine are the same run.

    Attributes:
        start: weights to begin with; see `set_start_weights`.
        layers: that learn; a key of `segmentation.training.mask_rcnn.graph.TRAINED_LAYERS`.
        backbone: one of `segmentation.mask_rcnn.published.BACKBONES`.
        size: side of the network's input in pixels, a multiple of 64.
        epochs: passes over as many photos as there are.
        images_per_device: that go through each GPU, or the processor, in a step.
        learning_rate: after the warm-up; it falls to 0 along a cosine.
        precision: "float32" or "bfloat16", of convolutions and matrix products.
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
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A network and what it shall learn.

    Attributes:
        network: in training.
        learn: photos to learn from.
        validate: photos to measure with.
        odds: (N,) of each photo to be drawn; `None`: one after the other. See `TrainingImages`.
        segmenter: from weights to what finds objects with them, those of low scores too.
        save: writes weights to a file.
        file_name: of the best weights.
    """

    network: Trainable
    learn: Dataset
    validate: Dataset
    odds: NDArray[np.float64] | None
    segmenter: Callable[[Weights], Segmenter]
    save: Callable[[Weights, Path], None]
    file_name: str


def train(task: Task, settings: Settings, folder: Path, report: Report, draw: Draw) -> Path:
    """Train until all epochs are done, going on where an earlier call in `folder` stopped.

    Args:
        task: what is learnt.
        settings: must be those of the earlier call when there was one.
        folder: for everything that is written; made if absent.
        report: called with lines for people.
        draw: makes the pictures of what was found in photos of the validation.

    Returns:
        Path of the weights that reached the best mask AP in the validation.

    Raises:
        DataError: a photo cannot be read any more.
        ValueError: `folder` has a run of other settings, or a loss is not finite.
        WeightsError: the weights to begin with cannot be used.
    """
    keras.utils.set_random_seed(settings.seed)
    scope, num_replicas = _devices()
    batch_size = settings.images_per_device * num_replicas
    epoch_steps = -(-len(task.learn.photos) // batch_size)
    num_steps = epoch_steps * settings.epochs
    with scope:
        model = _built(task, settings, num_steps, num_replicas, report, begun=is_begun(folder))
    averages = task.network.training.averages
    run = TrainingRun(
        folder,
        asdict(settings) | {"photos": len(task.learn.photos), "classes": list(task.learn.classes)},
        model,
        model.optimizer,
        Course(num_steps, epoch_steps, ("loss", *LOSSES, "l2"), FIGURES, averages),
        report,
    )
    report(
        f"{len(task.learn.photos)} photos to train on, {len(task.validate.photos)} to validate "
        f"with, {num_steps} steps"
    )
    images = TrainingImages(
        task.learn.photos,
        task.network.network,
        task.network.training,
        settings.seed,
        odds=task.odds,
    )
    best = folder / task.file_name
    finish = partial(_finish_epoch, run, task, model, draw, best)
    if run.is_untouched and settings.start not in KNOW_NO_OBJECTS:
        finish()
    while not run.is_over:
        _train_epoch(run, model, images, batch_size)
        finish()
    return best


def _built(
    task: Task,
    settings: Settings,
    num_steps: int,
    num_replicas: int,
    report: Report,
    *,
    begun: bool,
) -> keras.Model:
    """Make the graph, compiled, with the weights to begin with unless others will be restored."""
    network = task.network
    parts = MaskRCNNParts(
        network.network, num_images=settings.images_per_device, dtype=settings.precision
    )
    model = build_training(parts, network.training, num_replicas=num_replicas)
    if not begun:
        told = set_start_weights(
            model, settings.start, task.learn.classes, backbone=settings.backbone
        )
        report(f"begins with {told}")
    train_layers(model, settings.layers)
    anew = settings.start == "none" or settings.backbone == SMALL
    optimizer = (adamw if anew else sgd)(settings.learning_rate, num_steps)
    optimizer.build(model.trainable_variables)
    # XLA would compile the loops of the proposals for minutes
    model.compile(optimizer, jit_compile=False)
    return model


def _train_epoch(
    run: TrainingRun, model: keras.Model, images: TrainingImages, batch_size: int
) -> None:
    """Take the steps of an epoch that are still to be done."""
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: model.reset_metrics(),
        on_train_batch_end=lambda batch, logs: run.step(logs),
    )
    steps = Steps(images, batch_size, run.num_done, run.epoch_end)
    try:
        model.fit(
            steps,
            initial_epoch=run.epoch,
            epochs=run.epoch + 1,
            shuffle=False,
            verbose=0,
            callbacks=[callback],
        )
    except Exception as error:
        if steps.error is None:
            raise
        raise steps.error from error


def _finish_epoch(run: TrainingRun, task: Task, model: keras.Model, draw: Draw, best: Path) -> None:
    def measured(epoch: int) -> dict[str, float]:
        segmenter = task.segmenter(named_weights(model))
        pictures = best.parent / "pictures" / f"epoch_{epoch:03d}"
        return measure(segmenter, task.validate, pictures, draw)

    run.finish_epoch(measured, lambda path: task.save(named_weights(model), path), best)


def _devices() -> tuple[AbstractContextManager[Any], int]:
    """Return a scope in which variables are on all GPUs there are, and the number of copies."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if len(tf.config.list_logical_devices("GPU")) > 1:
            strategy = tf.distribute.MirroredStrategy()
            return strategy.scope(), strategy.num_replicas_in_sync
    return nullcontext(), 1
