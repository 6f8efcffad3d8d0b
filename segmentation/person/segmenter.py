"""`mask-rcnn-person`: a small Mask R-CNN for people, its weights in the package."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.family import Network
from segmentation.mask_rcnn.segmenter import MaskRCNN
from segmentation.parts.resample import nearest_aspect
from segmentation.person.outlines import SharpPeople
from segmentation.person.several_sizes import SeveralSizes
from segmentation.picture import RgbPicture
from segmentation.portrait.segmenter import load_portrait
from segmentation.runtime.compiling import exported
from segmentation.runtime.devices import check_float32, chosen_place, spare_threads
from segmentation.runtime.export_cache import Origin
from segmentation.runtime.keras_network import KerasNetwork
from segmentation.runtime.openvino_network import OpenVINONetwork, openvino_device
from segmentation.segmenter import Options, Segmenter, check_classes
from segmentation.weights.bundled_weights import FOLDER

#: where the network is built, see `Origin`: it is a small Mask R-CNN
FAMILIES = ("person", "mask_rcnn", "portrait")
CLASSES = ("person",)
#: of people that are reported unless told otherwise
MIN_SCORE = 0.5
# Inputs the network runs on: multiples of its deepest stride, 64, of about equally many pixels.
SIZES_HW = ((448, 256), (384, 320), (320, 384), (256, 448))
#: The same of some 2.2 times as many pixels, at which small people are found.
LARGE_SIZES_HW = ((640, 384), (576, 448), (448, 576), (384, 640))
WEIGHTS = FOLDER / "person.npz"
EXPORTED_WEIGHTS = WEIGHTS.with_suffix(".bin")  # of the models of all sizes


def export_path(size_hw: tuple[int, int]) -> Path:
    """Return where the OpenVINO model for one of `SIZES_HW` or `LARGE_SIZES_HW` lies."""
    return WEIGHTS.with_name("person_{}x{}.xml".format(*size_hw))


def from_network(
    network: Network,
    *,
    min_score: float,
    device: str,
    sizes_hw: Sequence[tuple[int, int]] = SIZES_HW,
) -> MaskRCNN:
    """Return the segmenter around a network.

    Args:
        network: takes and returns what `segmentation.mask_rcnn.network.build_network` describes,
            for one image of any of `sizes_hw`.
        min_score: people less certain are not reported.
        device: what it runs on, for people.
        sizes_hw: of inputs, of which the one of the nearest aspect is taken.
    """
    return MaskRCNN(
        network,
        name="mask-rcnn-person",
        size=max(max(size) for size in sizes_hw),
        classes=CLASSES,
        min_score=min_score,
        prepare=partial(inputs, sizes_hw),
        device=device,
    )


def inputs(
    sizes_hw: Sequence[tuple[int, int]], images: NDArray[np.uint8], _: int
) -> list[NDArray[Any]]:
    """Return images (N, h, w, 3) at the size that suits them, and windows (N, 4): all of it."""
    size_hw = nearest_aspect(sizes_hw, images.shape[1:3])
    small = np.stack([RgbPicture(image).shrunk(size_hw) for image in images])
    return [small, np.tile(np.array([0, 0, 1, 1], np.float32), (len(images), 1))]


def load_person(options: Options) -> Segmenter:
    """Return the bundled network, outlines from portrait; see `segmentation.loading.load`.

    Args:
        options: `weights` are those of `run.py train mask-rcnn-person`.

    Raises:
        ValueError: the options ask for a size or classes; the network has its own.
        WeightsError: the weights are not of this network.
    """
    if options.size or options.classes:
        raise ValueError("mask-rcnn-person takes no size or classes; use mask-rcnn")
    check_classes(options.keep or (), CLASSES)
    if options.weights:
        _check_weights(options.weights)
    network = _network(options)
    min_score = MIN_SCORE if options.min_score is None else options.min_score
    small, large = (
        from_network(network, min_score=min_score, device=network.device, sizes_hw=each)
        for each in (SIZES_HW, LARGE_SIZES_HW)
    )
    portrait = load_portrait(
        Options(
            backend=options.backend,
            device=options.device,
            precision=options.precision,
            detail=options.detail,
        )
    )
    if options.detail == "live":
        return SharpPeople(small, portrait, min_score)
    fine = SeveralSizes((small, large))
    of_frames = None
    if options.detail == "auto":
        of_frames = SharpPeople(small, portrait.for_frames(), min_score)
    return SharpPeople(fine, portrait, min_score, of_frames)


def _network(options: Options) -> _OpenVINONetworks | KerasNetwork:
    """Return the network for images of any size, on the device that is chosen."""
    place = chosen_place(options.backend, options.device, prefer_gpu=False)
    if place.backend == "openvino":
        check_float32(options.precision)
        network: _OpenVINONetworks | KerasNetwork = _OpenVINONetworks(options)
    else:
        weights = options.weights or WEIGHTS

        def make(shapes: tuple[tuple[int, ...], ...], dtype: str) -> Any:
            from segmentation.person.network import load_network

            num_images, height, width, _ = shapes[0]
            return load_network(weights, (height, width), num_images=num_images, dtype=dtype)

        network = KerasNetwork(make, place.device, options.precision)
    network.device += place.note
    return network


def _check_weights(path: Path) -> None:
    """Raise `WeightsError` unless a file's tensors are those of this network.

    Which these are the bundled ones tell, sooner than a network that is built for it.
    """
    from segmentation.weights.named_weights import matching, read_named

    shapes = {name: value.shape for name, value in read_named(WEIGHTS).items()}
    matching(read_named(path), shapes, path)


class _OpenVINONetworks:
    """A model for each size of input, made ready when the first image of that size comes."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._num_threads = spare_threads()
        self._of_size: dict[tuple[int, int], OpenVINONetwork] = {}
        self.device = openvino_device(self._num_threads)

    def _read(self, size_hw: tuple[int, int]) -> OpenVINONetwork:
        weights = self._options.weights
        if weights is None:
            return OpenVINONetwork(export_path(size_hw), self._num_threads, EXPORTED_WEIGHTS)

        def build() -> Any:
            from segmentation.person.network import load_network

            return load_network(weights, size_hw)

        origin = Origin(weights, "mask-rcnn-person {}x{}".format(*size_hw), FAMILIES)
        return OpenVINONetwork(exported(build, origin, self._options), self._num_threads)

    def __call__(self, image: NDArray[np.uint8], *others: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model of the image's size."""
        size_hw = (image.shape[1], image.shape[2])
        if size_hw not in self._of_size:
            self._of_size[size_hw] = self._read(size_hw)
        return self._of_size[size_hw](image, *others)
