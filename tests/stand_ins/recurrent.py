"""Stands in for a network of video: its matte tells how many frames it remembers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances, Matte
from segmentation.segmenter import Memory
from tests.stand_ins.fakes import Oracle

#: Alpha of a person of whom no frame before is known; one more for each that is.
FIRST = 200
#: What the person is made of, which is not what is seen of them.
OWN = (3, 60, 90)


class Remembers(Oracle):
    """`RecurrentSegmenter` that sees the square, half transparent, and counts frames."""

    separates_objects = False

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        return [self.follow(image, None)[0] for image in images]

    def follow(self, image: NDArray[np.uint8], memory: Memory | None) -> tuple[Instances, Memory]:
        num = 0 if memory is None else int(memory[0][0])
        (truth,) = super().segment(image[None])
        alpha = np.where(truth.union() > 0, np.uint8(FIRST + num), np.uint8(0))
        colours = np.full(image.shape, OWN, np.uint8)
        return Instances.of_matte(Matte(alpha, colours)), [np.array([num + 1], np.float32)]


def num_remembered(found: Instances | None) -> int:
    """Return how many frames the network knew of before it saw this one."""
    assert found is not None
    assert found.matte is not None
    return int(found.matte.alpha.max()) - FIRST
