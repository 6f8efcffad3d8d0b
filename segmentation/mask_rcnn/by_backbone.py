"""The networks by the name of their backbone, and the one that a weight file belongs to."""

from __future__ import annotations

from pathlib import Path

import keras

from segmentation.mask_rcnn.config import MaskRCNNConfig, matterport_config
from segmentation.mask_rcnn.network import build_network
from segmentation.mask_rcnn.published import (
    PUBLISHED_SIZE,
    RESNET_DEPTHS,
    SMALL,
    backbone_of,
    num_classes,
)
from segmentation.mask_rcnn.small import small_config
from segmentation.weights.hdf5_weights import load_tensors, read_shapes


def network_config(
    backbone: str, size: int, num_classes: int, *, train_norm: bool = False
) -> MaskRCNNConfig:
    """Return the network of a backbone.

    Args:
        backbone: one of `segmentation.mask_rcnn.published.BACKBONES`.
        size: side of the square input in pixels, a multiple of 64.
        num_classes: C, with the background.
        train_norm: see `segmentation.mask_rcnn.resnet.resnet`; the small one always does.

    Raises:
        ValueError: `size` is no multiple of 64.
    """
    if backbone == SMALL:
        return small_config((size, size), num_classes)
    depth = RESNET_DEPTHS[backbone]
    return matterport_config(size, num_classes=num_classes, depth=depth, train_norm=train_norm)


def load_network(
    weights: Path, size: int = PUBLISHED_SIZE, *, num_images: int = 1, dtype: str = "float32"
) -> keras.Model:
    """Build the network that a weight file belongs to and load it.

    The file says what its backbone is and how many classes it knows.

    Args:
        weights: an HDF5 file of Matterport's program, of weights alone or of a whole model, or
            of `run.py train mask-rcnn`.
        size: side of the network's input in pixels.
        num_images: images in one call.
        dtype: see `build_network`.

    Raises:
        WeightsError: the file is not one of this network.
        ValueError: `size` is no multiple of 64.
    """
    shapes = read_shapes(weights)
    config = network_config(backbone_of(weights, shapes), size, num_classes(shapes, weights))
    network = build_network(config, num_images=num_images, dtype=dtype)
    load_tensors(network, weights)
    return network
