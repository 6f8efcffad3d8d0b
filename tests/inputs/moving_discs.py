"""A generated scene: textured discs that move over a textured wall, their true masks known."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances

SIZE_HW = (160, 280)
COLOURS = ((200, 60, 40), (40, 90, 210), (60, 190, 60))


def texture(size_hw: tuple[int, int], colour: Sequence[int], seed: int) -> NDArray[np.uint8]:
    """Return smooth noise, (H, W, 3) uint8, around a colour."""
    noise = np.random.default_rng(seed).normal(0, 1, size_hw).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 3)
    noise *= 25 / noise.std()
    return np.clip(np.array(colour) + noise[..., None], 0, 255).astype(np.uint8)


WALL = texture(SIZE_HW, (150, 150, 150), 0)
DISCS = [texture(SIZE_HW, colour, k + 1) for k, colour in enumerate(COLOURS)]


def scene(
    centres_xy: Sequence[tuple[float, float]], radius: int = 28
) -> tuple[NDArray[np.uint8], Instances]:
    """Return a frame and the discs that can be seen on it, the first disc in front.

    Labels are 0 for all; the disc of a mask is told by its colour, `COLOURS`. Masks smaller than
    a tenth of a disc are left out, as a network would.
    """
    image, masks = WALL.copy(), []
    free = np.ones(SIZE_HW, bool)
    for k, (x, y) in enumerate(centres_xy):
        rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
        inside = (np.hypot(columns - x, rows - y) < radius) & free
        move = np.array([[1, 0, x - SIZE_HW[1] / 2], [0, 1, y - SIZE_HW[0] / 2]], np.float32)
        moved = cv2.warpAffine(DISCS[k], move, SIZE_HW[::-1], borderMode=cv2.BORDER_WRAP)
        image[inside] = moved[inside]
        free &= ~inside
        if np.count_nonzero(inside) > 0.1 * np.pi * radius**2:
            masks.append(inside.astype(np.uint8) * 255)
    image.setflags(write=False)
    return image, instances(masks)


def instances(masks: Sequence[NDArray[np.uint8]]) -> Instances:
    """Return untracked objects of full score with tight boxes."""
    boxes = [cv2.boundingRect(mask) for mask in masks]
    return Instances(
        boxes=np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4),
        scores=np.ones(len(masks), np.float32),
        labels=np.zeros(len(masks), np.int32),
        masks=np.array(masks, np.uint8).reshape(-1, *SIZE_HW),
        ids=np.full(len(masks), -1, np.int32),
    )


def colour_index(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> int:
    """Return which of `COLOURS` a mask lies on."""
    mean = image[mask >= 128].mean(axis=0)
    return int(np.argmin([np.abs(mean - colour).sum() for colour in COLOURS]))


class Truth:
    """`Segmenter` that knows the scene of every frame it was told, and fails where told to."""

    name = "truth"
    classes: tuple[str, ...] = ("disc",)
    max_input: int | None = None
    max_images: int = 1
    fast = False
    separates_objects = True
    device = "nowhere"

    def __init__(self, frames: Sequence[tuple[NDArray[np.uint8], Instances]]) -> None:
        """Learn the frames."""
        self._known = {image.tobytes(): found for image, found in frames}
        self._order = {image.tobytes(): index for index, (image, _) in enumerate(frames)}
        self.seen: list[int] = []
        self.sizes: list[int] = []  # of the calls, in images
        self.broken = False

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Return the truth, the discs in an order that changes from image to image."""
        self.sizes.append(len(images))
        return [self._one(image) for image in images]

    def _one(self, image: NDArray[np.uint8]) -> Instances:
        self.seen.append(self._order[image.tobytes()])
        if self.broken:
            raise RuntimeError("the network broke")
        found = self._known[image.tobytes()]
        return found[np.roll(np.arange(len(found)), len(self.seen))]


def other_scene(i: int) -> tuple[np.ndarray, Instances]:
    """Return a frame of a scene with another wall, before which a disc moves."""
    return elsewhere(*scene([(80 + 4 * i, 60)]))


def elsewhere(image: np.ndarray, found: Instances) -> tuple[np.ndarray, Instances]:
    """Return the same discs before another wall."""
    wall = np.ascontiguousarray(texture(SIZE_HW, (60, 120, 60), 9))
    inside = found.union() >= 128
    wall[inside] = image[inside]
    return wall, found
