"""Trains a Mask R-CNN on photos of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras

from segmentation.data import Dataset, Photo
from segmentation.errors import DataError
from segmentation.evaluation.average_precision import MIN_SCORE
from segmentation.mask_rcnn.config import MaskRCNNConfig
from segmentation.mask_rcnn.network import build_network
from segmentation.mask_rcnn.segmenter import MaskRCNN
from segmentation.training.mask_rcnn.start_weights import assign
from segmentation.training.mask_rcnn.trainable import Trainable, trainable
from segmentation.training.mask_rcnn.trainer import Settings, Task, train
from segmentation.training.mask_rcnn.validation import Draw
from segmentation.training.training_log import Report
from segmentation.weights.named_weights import Weights
from segmentation.weights.trained_weights import save_trained

#: of the photos, which are not trained on
VALIDATION_SHARE = 0.2


def train_mask_rcnn(
    dataset: Dataset,
    run: Path,
    settings: Settings,
    report: Report,
    draw: Draw,
    validation: Dataset | None = None,
    *,
    make: Callable[..., Trainable] = trainable,
) -> Path:
    """Train until all epochs are done, going on where an earlier call in `run` stopped.

    Args:
        dataset: photos to train on and to validate with.
        run: see `train`, likewise the next three.
        settings: of the run.
        report: called with lines for people.
        draw: makes the pictures.
        validation: photos to validate with, where they are not among the others; classes are
            matched by name.
        make: makes the description of another network from the same arguments.

    Returns:
        Path of the best weights, which `--model mask-rcnn` takes.

    Raises:
        DataError: there are too few photos, or one cannot be read any more.
        ValueError: see `train`, or the network is not like that.
        WeightsError: the weights to begin with cannot be used.
    """
    learn, validate = parts(dataset, validation, settings.seed)
    network = make(
        settings.backbone,
        settings.size,
        len(dataset.classes) + 1,
        train_norm=settings.start == "none",
    )

    def save(weights: Weights, path: Path) -> None:
        classes = dataset.classes
        save_trained(
            path,
            weights,
            classes,
            size=settings.size,
            backbone=settings.backbone,
            category_ids=dataset.numbers,
        )

    segmenter = _segmenters(network.network, dataset.classes)
    task = Task(network, learn, validate, None, segmenter, save, "best.h5")
    return train(task, settings, run, report, draw)


def parts(dataset: Dataset, validation: Dataset | None, seed: int) -> tuple[Dataset, Dataset]:
    """Return what to train on and what to validate with.

    Photos to test with belong to neither. Where nothing says what is to validate with, some
    photos are drawn.

    Args:
        dataset: to train on, and perhaps to validate with.
        validation: to validate with.
        seed: see `Dataset.split`.

    Raises:
        DataError: one of them shows nothing, or a class is only in `validation`.
    """
    photos = tuple(photo for photo in dataset.photos if photo.split != "test")
    rest = replace(dataset, photos=photos)
    if validation is None:
        of_split = tuple(photo for photo in photos if photo.split == "val")
        if not of_split:
            return rest.split(VALIDATION_SHARE, seed)
        learn = tuple(photo for photo in photos if photo.split != "val")
        validate = _with_objects(of_split, rest, "validate with")
        return _with_objects(learn, rest, "train on"), validate
    unknown = [name for name in validation.classes if name not in dataset.classes]
    if unknown:
        raise DataError(
            f"the photos to validate with show {', '.join(unknown)}, which those to train on do not"
        )
    labels = {old: dataset.classes.index(name) for old, name in enumerate(validation.classes)}
    matched = validation.with_classes(dataset.classes, labels)
    validate = _with_objects(matched.photos, rest, "validate with")
    return _with_objects(photos, rest, "train on"), validate


def _with_objects(photos: tuple[Photo, ...], dataset: Dataset, purpose: str) -> Dataset:
    if all(each.is_crowd for photo in photos for each in photo.annotations):
        raise DataError(f"no photos are left to {purpose}: none of them shows an object")
    return Dataset(dataset.classes, photos, category_ids=dataset.category_ids)


def _segmenters(config: MaskRCNNConfig, classes: tuple[str, ...]) -> Callable[[Weights], MaskRCNN]:
    """Return what makes a segmenter of weights, all of them around one network."""
    network = build_network(config)

    def segmenter(weights: Weights) -> MaskRCNN:
        assign(network, weights)
        return MaskRCNN(
            lambda *arrays: network.predict_on_batch(list(arrays)),
            size=config.size_hw[0],
            classes=classes,
            min_score=MIN_SCORE,
            device="",
        )

    return segmenter


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
