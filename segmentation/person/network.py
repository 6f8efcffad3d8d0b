"""The network of `mask-rcnn-person`: Mask R-CNN on the portrait network, for one class."""

from __future__ import annotations

from pathlib import Path

import keras

from segmentation.mask_rcnn.network import build_network
from segmentation.mask_rcnn.small import person_config
from segmentation.weights.named_weights import read_named, set_named


def load_network(weights: Path, size_hw: tuple[int, int]) -> keras.Model:
    """Build the network that finds people in one image of `size_hw`, with the weights of a file.

    Raises:
        WeightsError: the file cannot be read, or is not of this network.
    """
    network = build_network(person_config(size_hw))
    set_named(network, read_named(weights), weights)
    return network
