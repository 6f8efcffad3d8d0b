"""Portrait: a small network that tells people from everything else, its weights in the package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.family import check_images
from segmentation.instances import Instances
from segmentation.parts.masks import probability
from segmentation.parts.resample import nearest_aspect, resized
from segmentation.picture import RgbPicture
from segmentation.runtime.devices import check_float32, chosen_place, spare_threads
from segmentation.runtime.keras_network import KerasNetwork
from segmentation.runtime.openvino_network import OpenVINONetwork
from segmentation.segmenter import Options, check_classes
from segmentation.weights.bundled_weights import FOLDER

EXPORT = FOLDER / "portrait.xml"
WEIGHTS = EXPORT.with_suffix(".npz")

# Inputs the network runs on: multiples of its deepest stride, 32, of about equally many pixels.
SIZES_HW = ((352, 192), (288, 224), (256, 256), (224, 288), (192, 352))
#: The same of three times as many pixels, at which outlines and far people are finer.
LARGE_SIZES_HW = ((608, 320), (512, 384), (448, 448), (384, 512), (320, 608))
#: the largest log-odds of one view that count in a mean
_MAX_LOGIT = 12.0


class View(NamedTuple):
    """How the network is shown an image.

    Attributes:
        sizes_hw: of which the one of the nearest aspect is taken.
        mirrored: left to right.
    """

    sizes_hw: tuple[tuple[int, int], ...]
    mirrored: bool


#: What the frames of a camera leave time for, and what photos are worth: the mean of several views
#: is better than each.
LIVE = (View(SIZES_HW, False),)
FINE = (*LIVE, View(SIZES_HW, True), View(LARGE_SIZES_HW, False))


class Portrait:
    """The person segmenter that is the default on a CPU: one instance, the union of all people.

    `Segmenter` over the bundled network. Compiles it for an aspect when the first image of that
    aspect arrives.

    Args:
        network: from (1, H, W, 3) uint8 to (1, H/2, W/2, 1) logits, for any size in `views`.
        views: of an image, the largest last; what the network makes of them counts alike.
        views_of_frames: likewise, of the frames of a video; those of an image without it.
    """

    name = "portrait"
    classes: tuple[str, ...] = ("person",)
    max_images = 1
    separates_objects = False

    def __init__(
        self,
        network: OpenVINONetwork | KerasNetwork,
        views: Sequence[View] = LIVE,
        views_of_frames: Sequence[View] | None = None,
    ) -> None:
        """Take over `network`."""
        self._network = network
        self._views = views
        self._of_frames = None if views_of_frames is None else Portrait(network, views_of_frames)
        self.device = network.device
        self.fast = len(views) == 1
        self.max_input: int | None = max(max(size) for size in views[-1].sizes_hw)

    def for_frames(self) -> Portrait:
        """Return the same network for frames; see `DetailedSegmenter.for_frames`."""
        return self._of_frames or self

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find people; see `Segmenter.segment`. At most one instance, of label 0."""
        check_images(images)
        return [self._segment_one(image) for image in images]

    def _segment_one(self, image: NDArray[np.uint8]) -> Instances:
        logits = _mean([self._logits(image, view) for view in self._views])
        return Instances.of_mask(probability(resized(logits, (image.shape[0], image.shape[1]))))

    def _logits(self, image: NDArray[np.uint8], view: View) -> NDArray[np.float32]:
        """Return (h, w), half the size of the network's input."""
        network_hw = nearest_aspect(view.sizes_hw, (image.shape[0], image.shape[1]))
        small = RgbPicture(image).shrunk(network_hw)
        if view.mirrored:
            small = np.ascontiguousarray(small[:, ::-1])
        (logits,) = self._network(small[None])
        found: NDArray[np.float32] = logits[0, :, :, 0]
        return found[:, ::-1] if view.mirrored else found


def load_portrait(options: Options) -> Portrait:
    """Return the bundled network; see `segmentation.loading.load`."""
    if options.weights or options.size or options.classes or options.min_score is not None:
        raise ValueError(
            "portrait takes no weights, size, classes or least score; mask-rcnn does, and "
            "mask-rcnn-person a least score"
        )
    check_classes(options.keep or (), Portrait.classes)
    views = {"auto": (FINE, LIVE), "live": (LIVE,), "fine": (FINE,)}[options.detail]
    place = chosen_place(options.backend, options.device, prefer_gpu=False)
    if place.backend == "openvino":
        check_float32(options.precision)
        from segmentation.user_folders import user_cache

        cache = user_cache() / "openvino"
        return Portrait(OpenVINONetwork(EXPORT, spare_threads(), cache=cache), *views)

    def make(shapes: tuple[tuple[int, ...], ...], dtype: str) -> object:
        from segmentation.portrait.network import build
        from segmentation.weights.ordered_weights import read_weights

        height, width = shapes[0][1:3]
        network = build((height, width), dtype=dtype)
        network.set_weights(read_weights(WEIGHTS))
        return network

    on_keras = KerasNetwork(make, place.device, options.precision)
    on_keras.device += place.note
    return Portrait(on_keras, *views)


def _mean(logits: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the log-odds of the mean probability of several maps, at the size of the last one."""
    if len(logits) == 1:
        return logits[0]
    size_hw = logits[-1].shape
    total = np.zeros(size_hw, np.float32)
    for each in logits:
        likely = np.clip(each, -_MAX_LOGIT, _MAX_LOGIT)
        total += cv2.resize(1 / (1 + np.exp(-likely)), size_hw[::-1])
    mean = total / len(logits)
    return np.asarray(np.log(mean / (1 - mean)), np.float32)
