"""The network of `mask-rcnn-person`: the small Mask R-CNN, for people and background."""

from __future__ import annotations

from pathlib import Path

import keras

from segmentation.mask_rcnn.config import MaskRCNNConfig
from segmentation.mask_rcnn.network import build_network
from segmentation.mask_rcnn.small import small_config
from segmentation.weights.named_weights import read_named, set_named


def person_config(size_hw: tuple[int, int]) -> MaskRCNNConfig:
    """Return the description of the network for one size of input, multiples of 64."""
    return small_config(size_hw, num_classes=2)


def load_network(
    weights: Path, size_hw: tuple[int, int], *, num_images: int = 1, dtype: str = "float32"
) -> keras.Model:
    """Build the network that finds people in images of `size_hw`, with the weights of a file.

    Of `num_images` and `dtype` see `segmentation.mask_rcnn.network.build_network`.

    Raises:
        WeightsError: the file cannot be read, or is not of this network.
    """
    network = build_network(person_config(size_hw), num_images=num_images, dtype=dtype)
    set_named(network, read_named(weights), weights)
    return network
