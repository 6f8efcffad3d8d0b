"""The one interface of all networks, and how one is loaded by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances


class WeightsError(Exception):
    """A weight file cannot be used: one line that names the file, what is wrong and the remedy."""


class Segmenter(Protocol):
    """A network with its weights. Stateless: the same images give the same result.

    Attributes:
        name: of the network, as `load` takes it.
        classes: names of what it finds, without background; `Instances.labels` index into it.
        max_input: long side in pixels above which an image carries no more information for the
            network, `None` where every pixel counts. Larger images are taken all the same.
        device: what it runs on, for people ("CPU (OpenVINO)").
    """

    name: str
    classes: tuple[str, ...]
    max_input: int | None
    device: str

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the objects of N images.

        Args:
            images: (N, H, W, 3) uint8 RGB, any H and W; resizing is done inside.

        Returns:
            N results, boxes and masks in pixels of the images passed in.

        Raises:
            ValueError: `images` has another shape or dtype.
        """


def load(name: str) -> Segmenter:
    """Return the network of a name, ready to run.

    Raises:
        ValueError: there is no network of that name.
        WeightsError: its weights cannot be used.
    """
    if name not in _LOADERS:
        raise ValueError(f"model must be one of {', '.join(_LOADERS)}, got {name!r}")
    return _LOADERS[name]()


def _portrait() -> Segmenter:
    from segmentation.portrait import EXPORT, Portrait
    from segmentation.runtime import OpenVINONetwork, spare_threads

    return Portrait(OpenVINONetwork(EXPORT, spare_threads()))


_LOADERS: dict[str, Callable[[], Segmenter]] = {"portrait": _portrait}
