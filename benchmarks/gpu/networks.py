"""The networks that are measured, with weights of the tests' recipe."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.family import FamilySegmenter
from segmentation.loading import load
from segmentation.runtime.keras_network import KerasNetwork
from segmentation.segmenter import Options, Segmenter, TwofoldSegmenter
from tests.golden.reference import Golden, compact, load_golden
from tests.golden.weights_recipe import manifest, write_recipe_weights


@dataclass(frozen=True, slots=True)
class Network:
    """One of a family.

    Attributes:
        golden: file of what its original finds; `None` for those in the package.
        size: of its input, `None` for the published one.
    """

    golden: str | None
    size: int | None = None


NETWORKS = {
    "portrait": Network(None),
    "mask-rcnn-person": Network(None),
    "rvm-mobilenet": Network("rvm_mobilenetv3"),
    "rvm-resnet50": Network("rvm_resnet50"),
    "rf-detr-seg-nano": Network("rfdetr_seg_nano"),
    "rf-detr-seg-medium": Network("rfdetr_seg_medium"),
    "yolact-resnet50": Network("yolact_resnet50"),
    "yolact-plus-resnet50": Network("yolact_plus_resnet50"),
    "centermask-lite-v39": Network("centermask2_lite_V39"),
    "mask-rcnn": Network("matterport_1024", 1024),
}
#: what runs through on a processor in seconds; RVM's golden numbers are of a small image
SMALL_NETWORKS = {name: NETWORKS[name] for name in ("portrait", "rvm-mobilenet")}
#: long side of RVM's small image in its golden numbers, of a photo of 512: there a quarter
RVM_SIDE = 128


class Loaded:
    """Loads networks on a device, each once.

    Args:
        device: "gpu" or "cpu".
        small: the small ones.
        weights_in: folder in which weights are made and kept; a temporary one without it.
        photo: scikit-image's astronaut, for where that is absent.

    Attributes:
        device: likewise.
        small: likewise.
    """

    def __init__(
        self, device: str, small: bool, weights_in: Path | None, photo: Path | None
    ) -> None:
        """Nothing is loaded yet."""
        self.device, self.small = device, small
        self._photo = photo
        self._temporary = None if weights_in else tempfile.TemporaryDirectory()
        self._folder = Path(weights_in or self._temporary.name)  # type: ignore[union-attr]
        self._folder.mkdir(parents=True, exist_ok=True)
        self.network = cache(self._network)
        self.golden = cache(self._golden)

    def __enter__(self) -> Loaded:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Delete weights that were made for this call."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def _golden(self, name: str) -> Golden | None:
        """Return what a network's original finds."""
        stem = NETWORKS[name].golden
        return None if stem is None else load_golden(compact(stem), _read(self._photo))

    def photo(self, name: str = "rvm-mobilenet") -> NDArray[np.uint8]:
        """Return the photo that a network's golden numbers are of, (H, W, 3)."""
        golden = self.golden(name) or self.golden("rvm-mobilenet")
        assert golden is not None
        image: NDArray[np.uint8] = golden["image"]
        return image

    def _network(self, name: str, precision: str, *, on_cpu: bool = False) -> Segmenter:
        """Return a network, ready to run, as for frames of a video.

        Args:
            name: one of `NETWORKS`.
            precision: see `Options`.
            on_cpu: not on the device.
        """
        network = NETWORKS[name]
        options = Options(
            backend="keras",
            device="cpu" if on_cpu else self.device,
            precision=precision,
            size=RVM_SIDE if name.startswith("rvm") and self.small else network.size,
        )
        golden = self.golden(name)
        if golden is None:
            return load(name, options, detail="live")
        found = load(name, options, weights=self._weights(str(golden["recipe_net"])))
        return found.for_video() if isinstance(found, TwofoldSegmenter) else found

    def _weights(self, recipe: str) -> Path:
        """Return the published file that a recipe makes."""
        ending = ".h5" if manifest(recipe)["layout"] == "keras" else ".pth"
        path = self._folder / f"{recipe}{ending}"
        if not path.exists():
            unfinished = path.with_suffix(f".unfinished{ending}")
            write_recipe_weights(recipe, unfinished).rename(path)
        return path


def keras_network(segmenter: Any) -> KerasNetwork:
    """Return the network that a segmenter is around."""
    inner, place = _place(segmenter)
    network = getattr(inner, place)
    assert isinstance(network, KerasNetwork)
    return network


def inputs_of(segmenter: Any, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[Any]]:
    """Return what a segmenter gives its network for several images in one call."""
    inner, place = _place(segmenter)
    network = getattr(inner, place)
    calls: list[tuple[NDArray[Any], ...]] = []

    def noting(*inputs: NDArray[Any]) -> Any:
        calls.append(inputs)
        return network(*inputs)

    setattr(inner, place, noting)
    try:
        for image in images:
            segmenter.segment(image[None])
    finally:
        setattr(inner, place, network)
    # what is not of single images, as the weights of a resize, is the same in all calls
    return [
        np.concatenate(arrays) if arrays[0].shape[0] == 1 else arrays[0]
        for arrays in zip(*calls[: len(images)], strict=True)
    ]


@contextmanager
def in_batches(segmenter: Any, num: int) -> Iterator[None]:
    """Let a segmenter of a family give its network so many images at a time meanwhile."""
    inner, _ = _place(segmenter)
    if not isinstance(inner, FamilySegmenter):
        yield
        return
    before, inner.max_images = inner.max_images, num
    try:
        yield
    finally:
        inner.max_images = before


def _place(segmenter: Any) -> tuple[Any, str]:
    """Return the object and attribute where a segmenter has its network."""
    inner = getattr(segmenter, "instances", segmenter)
    return inner, "network" if hasattr(inner, "network") else "_network"


def _read(path: Path | None) -> NDArray[np.uint8] | None:
    if path is None:
        return None
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: no photo that can be read")
    return np.ascontiguousarray(image[..., ::-1])
