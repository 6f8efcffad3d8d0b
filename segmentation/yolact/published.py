"""The published networks of YOLACT's program, and what is read off its weight files."""

from __future__ import annotations

import re
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
        depth: of the ResNet, `None` for Darknet-53.
        size: side of the square input, in pixels.
        deformable_every: of YOLACT++, see `segmentation.yolact.backbones.resnet`; 0 for YOLACT.
    """

    depth: int | None
    size: int
    deformable_every: int = 0

    @property
    def is_plus(self) -> bool:
        """Whether it is YOLACT++."""
        return self.deformable_every > 0

    @property
    def min_size(self) -> int:
        """Smallest side of an input that leaves every convolution something to look at."""
        return 256 if self.is_plus else 64

    @property
    def num_priors(self) -> int:
        """Priors at each place of the feature maps."""
        return 9 if self.is_plus else 3


VARIANTS = {
    "yolact-base": Variant(101, 550),
    "yolact-resnet50": Variant(50, 550),
    "yolact-darknet53": Variant(None, 550),
    "yolact-im700": Variant(101, 700),
    "yolact-plus-base": Variant(101, 550, deformable_every=3),
    "yolact-plus-resnet50": Variant(50, 550, deformable_every=1),
}

#: the threshold that the program's documentation gives for images and video
PUBLISHED_MIN_SCORE = 0.15

#: what files have beside the weights: counters, a part used in training alone, and the names that
#: two older versions of the program gave to some tensors
_IGNORED = re.compile(
    r".*\.num_batches_tracked|semantic_seg_conv\..*|backbone\.layer(?!s).*"
    r"|fpn\.downsample_layers\.([2-9]|\d\d+)\..*"
)
_CLASS_BIAS = "prediction_layers.0.conf_layer.bias"
_BOX_BIAS = "prediction_layers.0.bbox_layer.bias"


def read_state_dict(path: Path) -> dict[str, object]:
    """Return the tensors of a file of YOLACT's program by name, without those that may be ignored.

    Raises:
        WeightsError: the file cannot be read.
    """
    tensors = named_tensors(read_pth(path), path)
    return {name: tensor for name, tensor in tensors.items() if not _IGNORED.fullmatch(name)}


def num_foreground_classes(tensors: Mapping[str, object], variant: Variant, path: Path) -> int:
    """Return how many classes, without background, a file knows.

    Raises:
        WeightsError: it is not one of this network.
    """
    biases = [tensors.get(name) for name in (_CLASS_BIAS, _BOX_BIAS)]
    rows, sides = (
        len(bias) if isinstance(bias, np.ndarray) and bias.ndim == 1 else 0 for bias in biases
    )
    if sides != 4 * variant.num_priors or rows < 2 * variant.num_priors:
        raise WeightsError(
            f"{path}: no such network of YOLACT's program ({_BOX_BIAS} is missing or not for "
            f"{variant.num_priors} priors); give a file saved by it, or the --model it is of"
        )
    return rows // variant.num_priors - 1
