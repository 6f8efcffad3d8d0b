"""The published networks of RF-DETR's program that give masks, and what their files say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segmentation.errors import WeightsError
from segmentation.rf_detr.positions import positions_for
from segmentation.segmenter import composed
from segmentation.weights.pth_weights import read_pth
from segmentation.weights.torch_layout import named_tensors

#: side of the square that becomes one place of the map, in pixels
PATCH = 12


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the published networks.

    Attributes:
        size: side of the square input, in pixels.
        num_windows: along a side; three of four blocks of the encoder see one window each.
        num_layers: of the decoder.
        num_queries: objects looked for, and the most that are reported.
    """

    size: int
    num_windows: int
    num_layers: int
    num_queries: int

    @property
    def step(self) -> int:
        """What sides of an input are multiples of, in pixels."""
        return PATCH * self.num_windows

    @property
    def min_size(self) -> int:
        """Smallest side of an input that has a place for each query, in pixels."""
        places = math.isqrt(self.num_queries - 1) + 1
        return -(-places // self.num_windows) * self.step


VARIANTS = {
    "rf-detr-seg-nano": Variant(312, 1, 4, 100),
    "rf-detr-seg-small": Variant(384, 2, 4, 100),
    "rf-detr-seg-medium": Variant(432, 2, 5, 200),
    "rf-detr-seg-large": Variant(504, 2, 5, 200),
    "rf-detr-seg-xlarge": Variant(624, 2, 6, 300),
    "rf-detr-seg-2xlarge": Variant(768, 2, 6, 300),
}

#: the threshold of the program
PUBLISHED_MIN_SCORE = 0.5
#: outputs of a file trained on COCO: one for each of its ids, gaps included
NUM_COCO_OUTPUTS = 91
#: side of the largest input in pixels that a file may ask for
MAX_SIZE = 4096

#: what files have beside the network's own tensors: twelve more groups of queries, used in training
#: alone as the token that hides patches is, and an empty buffer
_IGNORED = re.compile(
    r"transformer\.enc_out\w+\.(?!0\.)\d+\..*|.*\.mask_token|(.*\.)?_kp_active_mask"
)
_CLASS_BIAS = "class_embed.bias"
_MASK_BIAS = "segmentation_head.bias"
_POSITIONS = "backbone.0.encoder.encoder.embeddings.position_embeddings"
#: tables with a row for each query, those of the other groups behind
_QUERY_TABLES = ("refpoint_embed.weight", "query_feat.weight")
_LAYER = re.compile(r"transformer\.decoder\.layers\.(\d+)\.norm1\.weight")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is in a file of RF-DETR's program.

    Attributes:
        tensors: by name, without those that may be ignored.
        size: side of the input that it was trained for, in pixels.
        num_outputs: of the layer of classes.
        classes: names that a file trained on other data has, `None` where it has none.
    """

    tensors: Mapping[str, object]
    size: int
    num_outputs: int
    classes: tuple[str, ...] | None


def read_checkpoint(path: Path, name: str) -> Checkpoint:
    """Return what is in a file.

    Its tensors are the entry `model` of a dict, as the program saves them, or `state_dict`, each
    name behind `model.`, as PyTorch Lightning does.

    Args:
        path: of the file.
        name: of the network it should be of, a key of `VARIANTS`.

    Raises:
        WeightsError: it cannot be read, or is not of this network as far as names and a few shapes
            tell; who builds the network checks all.
    """
    saved = read_pth(path)
    inner = saved.get("model", saved.get("state_dict", saved))
    if not isinstance(inner, dict):
        raise WeightsError(f"{path}: its entry model is no dict of tensors; give a file of weights")
    named = named_tensors(inner, path)
    if "model" not in saved and "state_dict" in saved:
        named = {key.removeprefix("model."): tensor for key, tensor in named.items()}
    tensors = {key: value for key, value in named.items() if not _IGNORED.fullmatch(key)}
    bias = tensors.get(_CLASS_BIAS)
    if not isinstance(bias, np.ndarray) or bias.ndim != 1 or len(bias) < 1:
        raise WeightsError(
            f"{path}: no network of RF-DETR's program ({_CLASS_BIAS} is missing); "
            "give a file of it, or the --model it is of"
        )
    if _MASK_BIAS not in tensors:
        raise WeightsError(
            f"{path}: an RF-DETR that finds boxes alone ({_MASK_BIAS} is missing); "
            "give one of the networks with masks"
        )
    size = PATCH * _places(tensors.get(_POSITIONS), path)
    _check_variant(tensors, size, len(bias), name, path)
    return Checkpoint(tensors, size, len(bias), _class_names(saved.get("args")))


def _places(table: object, path: Path) -> int:
    """Return how many places along a side a table of positions is for."""
    if isinstance(table, np.ndarray) and table.ndim == 3 and table.shape[1] > 1:
        places = math.isqrt(table.shape[1] - 1)
        if places**2 + 1 == table.shape[1] and PATCH * places <= MAX_SIZE:
            return places
    raise WeightsError(
        f"{path}: {_POSITIONS} is missing or for no square input of up to {MAX_SIZE} pixels; give "
        "a file of RF-DETR's program"
    )


def _check_variant(
    tensors: Mapping[str, object], size: int, num_outputs: int, name: str, path: Path
) -> None:
    """Raise `WeightsError` where a file is plainly of another network.

    That is where its decoder has another number of layers, or where another published network was
    trained on COCO at this size.
    """
    num_layers = len([key for key in tensors if _LAYER.fullmatch(key)])
    alike = [key for key, other in VARIANTS.items() if other.num_layers == num_layers]
    same_size = [key for key in alike if VARIANTS[key].size == size]
    if num_outputs == NUM_COCO_OUTPUTS and same_size:
        alike = same_size
    if name not in alike:
        hint = f"use --model {' or '.join(alike)}" if alike else "give a file of a published one"
        raise WeightsError(
            f"{path}: weights of another network than {name}, with {num_layers} layers in its "
            f"decoder, for {size} pixels; {hint}"
        )


def _class_names(arguments: Any) -> tuple[str, ...] | None:
    """Return the names that the program noted when it was trained, where they can be read."""
    names = arguments.get("class_names") if isinstance(arguments, dict) else None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return None
    classes = tuple(map(composed, names))
    is_right = classes and "" not in classes and len(set(classes)) == len(classes)
    return classes if is_right else None


def fitted(
    tensors: Mapping[str, object], variant: Variant, grid_hw: tuple[int, int]
) -> dict[str, object]:
    """Return a file's tensors as the network for one size of input has them.

    Tables of queries lose the rows of the groups that are for training, the table of positions is
    resized where it is for another input.

    Args:
        tensors: of a `Checkpoint`.
        variant: which network.
        grid_hw: places of the map.
    """
    changed = dict(tensors)
    for name in _QUERY_TABLES:
        table = changed.get(name)
        if isinstance(table, np.ndarray) and table.ndim == 2:
            changed[name] = table[: variant.num_queries]
    table = changed.get(_POSITIONS)
    if isinstance(table, np.ndarray):
        changed[_POSITIONS] = positions_for(table, grid_hw)
    return changed
