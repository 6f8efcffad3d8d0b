"""The numbers of Matterport's program, and what is read off weight files of its layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from segmentation.errors import WeightsError

#: the published training: short side enlarged to 800 pixels at most to 1024 in length
PUBLISHED_SIZE = 1024
#: of objects that Matterport's program reports
PUBLISHED_MIN_SCORE = 0.7

#: Matterport's backbones -> layers
RESNET_DEPTHS = {"resnet50": 50, "resnet101": 101}
#: the backbone of `mask-rcnn-person`, for classes of one's own
SMALL = "small"
BACKBONES = (*RESNET_DEPTHS, SMALL)


def num_classes(shapes: Mapping[str, tuple[int, ...]], path: Path) -> int:
    """Return how many classes, background included, a file knows.

    Args:
        shapes: of its tensors, see `segmentation.weights.hdf5_weights.read_shapes`.
        path: of the file, for messages.

    Raises:
        WeightsError: it is not one of this network.
    """
    bias = shapes.get("mrcnn_class_logits/bias", ())
    if len(bias) != 1 or bias[0] < 2:
        raise WeightsError(
            f"{path}: no Mask R-CNN of Matterport's program "
            "(layer mrcnn_class_logits is missing); give a file saved by it"
        )
    return bias[0]


def backbone_of(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return which of `BACKBONES` a file is of.

    Args:
        path: of the file.
        shapes: see `num_classes`.

    Raises:
        WeightsError: it is none that this program knows.
    """
    from segmentation.weights.trained_weights import read_description

    blocks = sum(name.startswith("res4") and name.endswith("2a/kernel") for name in shapes)
    name = read_description(path).backbone or ("resnet50" if blocks == 6 else "resnet101")
    if name not in BACKBONES:
        raise WeightsError(f"{path}: of a backbone {name!r}, which this version does not know")
    return name
