"""The published networks of CenterMask2's program, and what is read off its weight files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmentation.errors import WeightsError
from segmentation.weights.pth_weights import read_pth
from segmentation.weights.torch_layout import named_tensors


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the published networks.

    Attributes:
        depth: of the VoVNetV2, `None` for MobileNetV2.
        channels: of the feature pyramid and the heads.
        num_convs: convolutions in each tower and head.
        short_side: of the photo in the network's input, in pixels, unless the other side would
            be longer than `long_side`.
        long_side: the most that the other side may have, in pixels.
    """

    depth: int | None
    channels: int
    num_convs: int
    short_side: int
    long_side: int


def _lite(depth: int | None) -> Variant:
    return Variant(depth, channels=128, num_convs=2, short_side=600, long_side=1000)


def _large(depth: int) -> Variant:
    return Variant(depth, channels=256, num_convs=4, short_side=800, long_side=1333)


VARIANTS = {
    "centermask-lite-v19": _lite(19),
    "centermask-lite-v39": _lite(39),
    "centermask-lite-mobilenetv2": _lite(None),
    "centermask-v39": _large(39),
    "centermask-v57": _large(57),
}

#: constants of pre-processing that files of 2020 carry among the weights
_IGNORED = frozenset({"pixel_mean", "pixel_std"})
_CLASS_BIAS = "proposal_generator.fcos_head.cls_logits.bias"


def read_state_dict(path: Path) -> dict[str, object]:
    """Return the tensors of a file of CenterMask2's program by name.

    They are the entry `model` of a dict that may also hold optimizer, scheduler and iteration, or
    the dict itself.

    Raises:
        WeightsError: the file cannot be read, or what is in it has no names.
    """
    saved = read_pth(path)
    tensors = saved.get("model", saved)
    if not isinstance(tensors, dict):
        raise WeightsError(f"{path}: its entry model is no dict of tensors; give a file of weights")
    named = named_tensors(tensors, path)
    return {name: tensor for name, tensor in named.items() if name not in _IGNORED}


def num_foreground_classes(tensors: Mapping[str, object], path: Path) -> int:
    """Return how many classes a file knows.

    Raises:
        WeightsError: it is not one of this network.
    """
    bias = tensors.get(_CLASS_BIAS)
    if not isinstance(bias, np.ndarray) or bias.ndim != 1 or len(bias) < 1:
        raise WeightsError(
            f"{path}: no network of CenterMask2's program ({_CLASS_BIAS} is missing); "
            "give a file saved by it"
        )
    return len(bias)
