"""Masks of a file for less than a run of the network each, where nothing would be learnt by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.picture import half_of
from segmentation.segmenter import Segmenter

#: Frames from one that the network sees to the next at most, a power of two.
SPAN = 4
#: Masks agree where they differ by no more than this, of 255, in any square of 4 x 4 pixels.
MAX_MASK_CHANGE = 96
#: A frame lies between two others if it is by no more than this, of 255, darker or brighter than
#: both, in any square of 8 x 8 pixels.
MAX_LUMA_EXCESS = 8


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame in which the network found what is in `mask`, (H, W), and `coarse`, a quarter."""

    luma: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    coarse: NDArray[np.uint8]
    instances: Instances


class InterpolatingTracker:
    """Gives each frame of a file what one network finds that knows a single object, as portrait.

    The network sees every fourth frame. Where two masks agree and the frames between show
    nothing that neither end shows, they get the mean of both masks, each weighed by how near it
    is; else the network sees the frame in the middle, and the halves are treated alike. So it
    never runs more often than once a frame, and a hand that is up for one frame is seen there,
    unless it is as bright as what it hides.

    `KeyframeTracker` moves masks with the picture instead: far more work than a small network.

    Args:
        segmenter: the network. What it raises is raised.

    Attributes:
        counts: "keyframes", runs of the network; "interpolated", the other frames.
        age_s: `None`: no mask is older than its frame.
        max_images: 1, frames that are given to the network at a time.
        gives_ids: `False`: there is one object, without a number.
    """

    age_s = None
    max_images = 1
    gives_ids = False

    def __init__(self, segmenter: Segmenter) -> None:
        """Start a stream."""
        self.counts = Counter(keyframes=0, interpolated=0)
        self._segmenter = segmenter
        self._last: _Seen | None = None
        self._waiting: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []  # image and luma

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """Take the next frame, (H, W, 3) uint8 RGB; see `KeyframeTracker.push`."""
        luma = _eighth(image)
        is_other = self._last is not None and self._last.mask.shape != image.shape[:2]
        held = self.finish() if is_other else []
        if self._last is None:
            self._last = self._see(image, luma)
            return [*held, self._last.instances]
        self._waiting.append((image, luma))
        return held + self._resolved() if len(self._waiting) == SPAN else held

    def finish(self) -> list[Instances | None]:
        """Return the results still held back. The next frame begins anew."""
        results = self._resolved()
        self._last = None
        return results

    def _resolved(self) -> list[Instances | None]:
        """Return the results of the frames that wait; the last of them is seen."""
        if self._last is None or not self._waiting:
            return []
        *between, (image, luma) = self._waiting
        self._waiting = []
        first, self._last = self._last, self._see(image, luma)
        return [*self._between(first, between, self._last), self._last.instances]

    def _between(
        self,
        first: _Seen,
        frames: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
        last: _Seen,
    ) -> list[Instances]:
        if not frames:
            return []
        if _agree(first, last) and all(_lies_between(first, luma, last) for _, luma in frames):
            self.counts["interpolated"] += len(frames)
            return _interpolated(first.mask, last.mask, len(frames))
        middle = len(frames) // 2
        seen = self._see(*frames[middle])
        before = self._between(first, frames[:middle], seen)
        return [*before, seen.instances, *self._between(seen, frames[middle + 1 :], last)]

    def _see(self, image: NDArray[np.uint8], luma: NDArray[np.uint8]) -> _Seen:
        """Run the network."""
        self.counts["keyframes"] += 1
        (found,) = self._segmenter.segment(image[None])
        mask = found.union()
        return _Seen(luma, mask, half_of(half_of(mask)), found)


def _eighth(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return luma at an eighth of the size of (H, W, 3) RGB."""
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return half_of(half_of(half_of(luma)))


def _agree(first: _Seen, last: _Seen) -> bool:
    return int(cv2.absdiff(first.coarse, last.coarse).max()) <= MAX_MASK_CHANGE


def _lies_between(first: _Seen, luma: NDArray[np.uint8], last: _Seen) -> bool:
    darker = cv2.subtract(cv2.min(first.luma, last.luma), luma)
    brighter = cv2.subtract(luma, cv2.max(first.luma, last.luma))
    return int(cv2.max(darker, brighter).max()) <= MAX_LUMA_EXCESS


def _interpolated(first: NDArray[np.uint8], last: NDArray[np.uint8], num: int) -> list[Instances]:
    """Return what `num` frames show between those of two masks."""
    weights = [index / (num + 1) for index in range(1, num + 1)]
    return [
        Instances.of_mask(np.asarray(cv2.addWeighted(first, 1 - w, last, w, 0), np.uint8))
        for w in weights
    ]
