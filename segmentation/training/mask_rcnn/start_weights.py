"""The weights that a training of Mask R-CNN begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from segmentation import coco
from segmentation.errors import WeightsError
from segmentation.mask_rcnn.published import SMALL
from segmentation.person import segmenter as person
from segmentation.portrait import network as portrait_network
from segmentation.portrait.segmenter import WEIGHTS as PORTRAIT_WEIGHTS
from segmentation.weights.hdf5_weights import read_tensors
from segmentation.weights.named_weights import named_weights, read_named
from segmentation.weights.ordered_weights import read_weights
from segmentation.weights.presets import IMAGENET_RESNET50, PRESETS
from segmentation.weights.store import locate
from segmentation.weights.strict_match import match_shapes, tensor_name
from segmentation.weights.trained_weights import read_description

Tensors = dict[str, NDArray[Any]]

#: beginnings that know nothing of objects: their heads are random
KNOW_NO_OBJECTS = ("none", "imagenet", "portrait")
#: names of tensors in the file of the backbone -> ours
_IMAGENET_NAMES = {
    "_W_1": "kernel",
    "_b_1": "bias",
    "_gamma_1": "gamma",
    "_beta_1": "beta",
    "_running_mean_1": "moving_mean",
    "_running_std_1": "moving_variance",  # that is what it holds
}
#: layers whose outputs are those of the classes -> numbers that each class has
CLASS_LAYERS = {"mrcnn_class_logits": 1, "mrcnn_bbox_fc": 4, "mrcnn_mask": 1}


def set_start_weights(
    network: keras.Model, start: str, classes: Sequence[str], *, backbone: str
) -> str:
    """Give a fresh network weights to begin with.

    Args:
        network: layers named as Matterport's.
        start: "coco", "imagenet", "person" (the bundled weights of `mask-rcnn-person`),
            "portrait" (those of the portrait network, whose encoder and decoder are the small
            backbone), "none" or the path of a file of this network's family.
        classes: names of what the network shall find. Those the weights know too, by name, keep
            what they learnt; others begin anew.
        backbone: one of `segmentation.mask_rcnn.published.BACKBONES`.

    Returns:
        What was done, for people.

    Raises:
        WeightsError: the weights are not there, or not of this network.
    """
    if start == "none":
        return "random weights"
    own = named_weights(network)
    if start in KNOW_NO_OBJECTS:
        if start == "imagenet":
            path, text = Path(IMAGENET_RESNET50.file_name), "a ResNet-50 trained on ImageNet"
            tensors = _imagenet(backbone)
        else:
            path, text = PORTRAIT_WEIGHTS, "the portrait network"
            tensors = _portrait(backbone, own)
        wanted = {name: values for name, values in own.items() if name in tensors}
    else:
        path = _path(start)
        tensors, known = _with_classes(path, own, classes)
        wanted = own
        text = f"{path}, which knows {known} of the {len(classes)} classes"
    try:
        match_shapes(
            {name: values.shape for name, values in tensors.items()},
            {name: values.shape for name, values in wanted.items()},
        )
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}, or another --backbone") from error
    assign(network, tensors)
    return text


def assign(network: keras.Model, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Set those variables of a network that `tensors` names."""
    for variable in network.variables:
        values = tensors.get(tensor_name(variable))
        if values is not None:
            variable.assign(values)


def _with_classes(path: Path, own: Tensors, classes: Sequence[str]) -> tuple[Tensors, int]:
    """Return a file's tensors for other classes, and how many of them it knows by name.

    Args:
        path: of the file.
        own: tensors of the network, from which classes begin that the file does not know.
        classes: of the network.
    """
    tensors = read_named(path) if path.suffix == ".npz" else read_tensors(path)
    known = _classes_of(path, tensors)
    pairs = [(0, 0)]  # the background is always known
    pairs += [
        (known.index(name) + 1, index)
        for index, name in enumerate(classes, start=1)
        if name in known
    ]
    there, here = (list(column) for column in zip(*pairs, strict=True))
    for layer, width in CLASS_LAYERS.items():
        for name in (f"{layer}/kernel", f"{layer}/bias"):
            if own[name].shape[:-1] != tensors[name].shape[:-1]:
                raise WeightsError(f"{path}: has the heads of another backbone; see --backbone")
            values = _per_class(own[name], len(classes) + 1, width).copy()
            values[..., here, :] = _per_class(tensors[name], len(known) + 1, width)[..., there, :]
            tensors[name] = values.reshape(own[name].shape)
    return tensors, len(pairs) - 1


def _per_class(values: NDArray[Any], num_classes: int, width: int) -> NDArray[Any]:
    return values.reshape(*values.shape[:-1], num_classes, width)


def _classes_of(path: Path, tensors: Tensors) -> tuple[str, ...]:
    """Return the classes a file knows, without background."""
    bias = tensors.get("mrcnn_class_logits/bias", np.zeros(0))
    num = len(bias) - 1
    told = person.CLASSES if path.suffix == ".npz" else read_description(path).classes
    names = told if told is not None else coco.NAMES if num == len(coco.NAMES) else ("",) * num
    missing = [
        layer
        for layer, width in CLASS_LAYERS.items()
        for tensor in ("kernel", "bias")
        if tensors.get(f"{layer}/{tensor}", np.zeros(0)).shape[-1:] != ((num + 1) * width,)
    ]
    if num < 1 or missing or len(names) != num:
        raise WeightsError(f"{path}: no Mask R-CNN of Matterport's layout; give another file")
    return names


def _path(start: str) -> Path:
    if start == "coco":
        return locate(PRESETS["mask-rcnn"])
    return person.WEIGHTS if start == "person" else Path(start)


def _imagenet(backbone: str) -> Tensors:
    """Return the tensors of a ResNet trained on ImageNet, for RGB."""
    if backbone != "resnet50":
        raise WeightsError("weights imagenet: of resnet50 only; use --backbone resnet50, or coco")
    path = locate(IMAGENET_RESNET50)
    tensors: Tensors = {}
    for name, values in read_tensors(path).items():
        layer, tensor = name.split("/")
        tensors[f"{layer}/{_IMAGENET_NAMES.get(tensor.removeprefix(layer), tensor)}"] = values
    if "conv1/kernel" not in tensors:
        raise WeightsError(f"{path}: no ResNet-50; run.py models remove {IMAGENET_RESNET50.name}")
    # it was trained on BGR
    tensors["conv1/kernel"] = tensors["conv1/kernel"][:, :, ::-1]
    return tensors


def _portrait(backbone: str, own: Tensors) -> Tensors:
    """Return those tensors of the portrait network that a network has too."""
    if backbone != SMALL:
        raise WeightsError("weights portrait: of the small backbone only; use --backbone small")
    portrait = portrait_network.build((64, 64))
    portrait.set_weights(read_weights(PORTRAIT_WEIGHTS))
    return {name: values for name, values in named_weights(portrait).items() if name in own}
