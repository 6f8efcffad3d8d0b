"""What a network found in one image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


class Matte:
    """How much of each pixel is foreground, hair and all, and what colour that part has.

    Args:
        alpha: (H, W) uint8, 255 = foreground.
        foreground: see below, or what computes it once it is asked for: few effects do.

    Attributes:
        alpha: see above.

    Raises:
        ValueError: the arrays do not agree in shape or dtype.
    """

    __slots__ = ("_foreground", "alpha")

    def __init__(
        self,
        alpha: NDArray[np.uint8],
        foreground: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]] | None = None,
    ) -> None:
        """Check shapes and dtypes once."""
        _check_plane("alpha", alpha)
        if isinstance(foreground, np.ndarray):
            _check("foreground", foreground, (*alpha.shape, 3))
        self.alpha = alpha
        self._foreground = foreground

    @property
    def foreground(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 sRGB, the foreground's own colours where alpha is above 0.

        They are without those of what is behind it; `None` where a network does not tell them.
        """
        if callable(self._foreground):
            colours = self._foreground()
            _check("foreground", colours, (*self.alpha.shape, 3))
            self._foreground = colours
        return self._foreground

    def __reduce__(self) -> tuple[Any, ...]:
        """Compute the colours for a copy, or another process: what does so cannot go there."""
        return Matte, (self.alpha, self.foreground)


def _check_plane(name: str, array: NDArray[Any]) -> None:
    if not isinstance(array, np.ndarray) or array.ndim != 2 or not array.size:
        found = getattr(array, "shape", type(array).__name__)
        raise ValueError(f"{name}: expected uint8 (H, W), got {found}")
    _check(name, array, array.shape)


def _check(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape or array.dtype != np.uint8:
        raise ValueError(f"{name}: expected uint8 {shape}, got {array.dtype} {array.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """K objects of one image, best first; no padded rows. Equal to itself alone.

    Attributes:
        boxes: (K, 4) float32, x1 y1 x2 y2 in pixels of the image passed in, x2 and y2 exclusive.
        scores: (K,) float32 in [0, 1].
        labels: (K,) int32, index into the segmenter's `classes`, which has no background.
        masks: (K, H, W) uint8, probability x 255, rounded; inside is >= 128.
        ids: (K,) int32, the same object has the same id from frame to frame; -1 = not tracked.
        matte: of all of them together, finer than their masks, of the masks' size; `None` where
            the network gives none.

    Raises:
        ValueError: the arrays do not agree in shape or dtype.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int32]
    masks: NDArray[np.uint8]
    ids: NDArray[np.int32]
    matte: Matte | None = None

    def __post_init__(self) -> None:
        """Check shapes and dtypes once, so that nothing after needs to."""
        num = len(self.scores)
        wanted = {
            "boxes": ((num, 4), np.float32),
            "scores": ((num,), np.float32),
            "labels": ((num,), np.int32),
            "masks": ((num, *self.masks.shape[-2:]), np.uint8),
            "ids": ((num,), np.int32),
        }
        for name, (shape, dtype) in wanted.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"{name}: expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}"
                )
        if self.matte is not None and self.matte.alpha.shape != self.size_hw:
            raise ValueError(f"matte: expected {self.size_hw}, got {self.matte.alpha.shape}")

    @classmethod
    def empty(cls, size_hw: tuple[int, int]) -> Instances:
        """Return no objects of an image of `size_hw`."""
        return cls(
            boxes=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            labels=np.zeros(0, np.int32),
            masks=np.zeros((0, *size_hw), np.uint8),
            ids=np.zeros(0, np.int32),
        )

    @classmethod
    def of_mask(cls, mask: NDArray[np.uint8]) -> Instances:
        """Return the one object, of label 0, whose mask is (H, W) uint8; none if nothing is inside.

        Its score is the mean probability inside.

        Raises:
            ValueError: the mask has another shape or dtype.
        """
        _check_plane("mask", mask)
        inside = cv2.inRange(mask, 128, 255)
        left, top, width, height = cv2.boundingRect(inside)
        if not width:
            return cls.empty((mask.shape[0], mask.shape[1]))
        return cls(
            boxes=np.array([[left, top, left + width, top + height]], np.float32),
            scores=np.array([cv2.mean(mask, inside)[0] / 255], np.float32),
            labels=np.zeros(1, np.int32),
            masks=mask[None],
            ids=np.full(1, -1, np.int32),
        )

    @classmethod
    def of_matte(cls, matte: Matte) -> Instances:
        """Return the one object of a matte, of label 0, its mask alpha; see `of_mask`.

        Where alpha is nowhere 128 or more there is no object, and the matte all the same.
        """
        return replace(cls.of_mask(matte.alpha), matte=matte)

    @classmethod
    def untracked(
        cls,
        boxes: NDArray[Any],
        scores: NDArray[Any],
        labels: NDArray[Any],
        masks: NDArray[np.uint8],
    ) -> Instances:
        """Return objects without ids, as networks find them.

        Args:
            boxes: (K, 4) y1, x1, y2, x2 in pixels.
            scores: (K,), see above, likewise `labels` and `masks`.
            labels: (K,)
            masks: (K, H, W)
        """
        return cls(
            boxes=boxes[:, [1, 0, 3, 2]].astype(np.float32),
            scores=scores.astype(np.float32),
            labels=labels.astype(np.int32),
            masks=masks,
            ids=np.full(len(scores), -1, np.int32),
        )

    def __len__(self) -> int:
        """Return K."""
        return len(self.scores)

    def __getitem__(
        self, chosen: int | np.integer | slice | NDArray[np.bool_] | NDArray[np.intp]
    ) -> Instances:
        """Return the objects that a slice, a boolean (K,) array or an array of indices chooses.

        A single index gives `Instances` of that one, so that a loop meets them one by one. Only
        all of them have the matte.

        Raises:
            IndexError: there is no such object.
        """
        if isinstance(chosen, int | np.integer):
            number = range(len(self))[chosen]
            chosen = slice(number, number + 1)
        scores = self.scores[chosen]
        return Instances(
            boxes=self.boxes[chosen],
            scores=scores,
            labels=self.labels[chosen],
            masks=self.masks[chosen],
            ids=self.ids[chosen],
            matte=self.matte if len(scores) == len(self) else None,
        )

    def mirrored(self) -> Instances:
        """Return the same objects in the image with left and right exchanged, without a matte."""
        boxes = self.boxes.copy()
        boxes[:, [0, 2]] = self.size_hw[1] - self.boxes[:, [2, 0]]
        return replace(self, boxes=boxes, masks=self.masks[:, :, ::-1], matte=None)

    def without_matte(self) -> Instances:
        """Return the same objects, of which only the masks are known."""
        return self if self.matte is None else replace(self, matte=None)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the masks, in pixels."""
        return self.masks.shape[1], self.masks.shape[2]

    def union(self) -> NDArray[np.uint8]:
        """Return (H, W) uint8: the highest probability x 255 of any object, 0 without objects."""
        if len(self) == 0:
            return np.zeros(self.size_hw, np.uint8)
        return np.asarray(self.masks.max(axis=0), np.uint8)

    def scaled_to(self, size_hw: tuple[int, int]) -> Instances:
        """Return the same objects in an image of `size_hw`, masks resized bilinearly.

        A matte is of one size and is left out at another.
        """
        if size_hw == self.size_hw:
            return self
        height, width = size_hw
        scale = np.array([width / self.size_hw[1], height / self.size_hw[0]] * 2, np.float32)
        masks = np.zeros((len(self), height, width), np.uint8)
        for resized, mask in zip(masks, self.masks, strict=True):
            cv2.resize(mask, (width, height), dst=resized, interpolation=cv2.INTER_LINEAR)
        return Instances(self.boxes * scale, self.scores, self.labels, masks, self.ids)
