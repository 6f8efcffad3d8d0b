"""What trained networks see in a crop: masks that are soft where an outline is in doubt.

Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", has what is learned from such
masks beside true ones; Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and
consistent", that teacher and student are to see the same crop.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.loading import load
from segmentation.segmenter import DetailedSegmenter, Segmenter

Image = NDArray[np.uint8]


class Teacher:
    """Networks that are asked about a crop; whoever is nearer to the truth is believed.

    Args:
        networks: names of networks or files, as `segmentation.load` takes them.

    Raises:
        ValueError: there is no such network, it needs to be told more or finds other things.
        WeightsError: a file cannot be used.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [_network(name) for name in networks]

    def __call__(self, image: Image, mask: Image, weights: Image) -> Image:
        """Return what one of the networks sees, or all of them on average.

        Args:
            image: (H, W, 3) uint8 RGB.
            mask: (H, W) uint8, 255 where people are; decides who is believed.
            weights: (H, W) uint8, what each pixel counts in that.

        Returns:
            (H, W) uint8, the probability of a person x 255.
        """
        seen = [_seen(network, image) for network in self._networks]
        if len(seen) > 1:
            seen.append(np.mean(seen, axis=0, dtype=np.float32))
        errors = [float((np.abs(each - mask) * weights).sum()) for each in seen]
        return np.rint(seen[int(np.argmin(errors))]).astype(np.uint8)


def _network(name: str) -> Segmenter:
    network = load(name)
    if len(network.classes) != 1:
        raise ValueError(f"{name} finds other things than people: it cannot teach portrait")
    return network.for_frames() if isinstance(network, DetailedSegmenter) else network


def _seen(network: Segmenter, image: Image) -> NDArray[np.float32]:
    """Return the mean of what a network sees in an image and in its mirror image, 0 to 255."""
    straight, mirrored = (
        network.segment(np.ascontiguousarray(each)[None])[0].union()
        for each in (image, cv2.flip(image, 1))
    )
    return (straight.astype(np.float32) + mirrored[:, ::-1]) / np.float32(2)
