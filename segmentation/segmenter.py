"""The one interface of all networks, and how one is loaded by name."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances


class WeightsError(Exception):
    """A weight file cannot be used: one line that names the file, what is wrong and the remedy."""


class Segmenter(Protocol):
    """A network with its weights. Stateless: the same images give the same result.

    Attributes:
        classes: names of what it finds, without background; `Instances.labels` index into it.
        max_input: long side in pixels above which an image carries no more information for the
            network, `None` where every pixel counts. Larger images are taken all the same.
        device: what it runs on, for people ("CPU (OpenVINO)").
    """

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
