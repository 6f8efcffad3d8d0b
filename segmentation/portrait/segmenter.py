"""Portrait: a small network that tells people from everything else, its weights in the package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentation.family import check_images
from segmentation.instances import Instances
from segmentation.parts.resample import nearest_aspect, resized
from segmentation.picture import RgbPicture
from segmentation.runtime.devices import check_float32, chosen_backend, spare_threads
from segmentation.runtime.keras_network import KerasNetwork
from segmentation.runtime.openvino_network import OpenVINONetwork
from segmentation.segmenter import Options, check_classes
from segmentation.weights.bundled_weights import FOLDER

EXPORT = FOLDER / "portrait.xml"
WEIGHTS = EXPORT.with_suffix(".npz")

# Inputs the network runs on: multiples of its deepest stride, 32, of about equally many pixels.
SIZES_HW = ((352, 192), (288, 224), (256, 256), (224, 288), (192, 352))
#: of a photo that are worked on at a time: what lies between the steps stays in the processor
_BLOCK_PIXELS = 1 << 16


class Portrait:
    """The person segmenter that is the default on a CPU: one instance, the union of all people.

    `Segmenter` over the bundled network. Compiles it for an aspect when the first image of that
    aspect arrives.

    Args:
        network: from (1, H, W, 3) uint8 to (1, H/2, W/2, 1) logits, for any of `SIZES_HW`.
    """

    name = "portrait"
    classes: tuple[str, ...] = ("person",)
    max_input: int | None = 352
    max_images = 1
    fast = True
    separates_objects = False

    def __init__(self, network: OpenVINONetwork | KerasNetwork) -> None:
        """Take over `network`."""
        self._network = network
        self.device = network.device

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find people; see `Segmenter.segment`. At most one instance, of label 0."""
        check_images(images)
        return [self._segment_one(image) for image in images]

    def _segment_one(self, image: NDArray[np.uint8]) -> Instances:
        size_hw = (image.shape[0], image.shape[1])
        network_hw = nearest_aspect(SIZES_HW, size_hw)
        small = RgbPicture(image).shrunk(network_hw)
        (logits,) = self._network(small[None])
        return Instances.of_mask(probability(resized(logits[0, :, :, 0], size_hw)))


def load_portrait(options: Options) -> Portrait:
    """Return the bundled network; see `segmentation.loading.load`."""
    if options.weights or options.size or options.classes or options.min_score is not None:
        raise ValueError("portrait takes no weights, size, classes or least score; use mask-rcnn")
    check_classes(options.keep or (), Portrait.classes)
    if chosen_backend(options.backend, options.device, prefer_gpu=False) == "openvino":
        check_float32(options.precision)
        from segmentation.user_folders import user_cache

        cache = user_cache() / "openvino"
        return Portrait(OpenVINONetwork(EXPORT, spare_threads(), cache=cache))

    def make(shapes: tuple[tuple[int, ...], ...], dtype: str) -> object:
        from segmentation.portrait.network import build
        from segmentation.weights.ordered_weights import read_weights

        height, width = shapes[0][1:3]
        network = build((height, width), dtype=dtype)
        network.set_weights(read_weights(WEIGHTS))
        return network

    device = "gpu" if options.device == "gpu" else "cpu"
    return Portrait(KerasNetwork(make, device, options.precision))


def probability(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the logistic function of `logits` (H, W) x 255, rounded: >= 128 where logits >= 0."""
    result = np.empty(logits.shape, np.uint8)
    num_rows = max(1, _BLOCK_PIXELS // max(1, logits.shape[1]))
    for first in range(0, len(logits), num_rows):
        values = np.clip(logits[first : first + num_rows], -80, 80)
        np.exp(np.negative(values, out=values), out=values)
        values += 1
        np.divide(255, values, out=values)
        values += 0.5
        result[first : first + num_rows] = values  # which cuts off
    return result
