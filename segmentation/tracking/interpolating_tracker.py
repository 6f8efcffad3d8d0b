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
class _Keyframe:
    """A frame that the network saw.

    Attributes:
        luma: (H / 8, W / 8) uint8, rounded up.
        mask: (H, W) uint8, probability x 255 of the object it found.
        coarse: (H / 4, W / 4) uint8, the mask shrunk, rounded up.
        instances: what it found.
    """

    luma: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    coarse: NDArray[np.uint8]
    instances: Instances


class InterpolatingTracker:
    """`Tracker` of a file for a fast network that finds a single object, such as portrait.

    The network sees every fourth frame. Where two masks agree and the frames between show
    nothing that neither end shows, they get the mean of both masks, each weighed by how near it
    is; else the network sees the frame in the middle, and the halves are treated alike. So it
    never runs more often than once a frame, and a hand that is up for one frame is seen there,
    unless it is as bright as what it hides.

    `KeyframeTracker` moves masks with the picture instead: far more work than a small network.

    Args:
        segmenter: the network. What it raises is raised.

    Attributes:
        counts: see `Tracker`; "keyframes" and "interpolated", all other frames.
    """

    age_s = None
    max_images = 1
    gives_ids = False

    def __init__(self, segmenter: Segmenter) -> None:
        """Start a stream."""
        self.counts = Counter(keyframes=0, interpolated=0)
        self._segmenter = segmenter
        self._last: _Keyframe | None = None
        self._waiting: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []  # image and luma

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """See `Tracker.push`; a frame of another size begins anew."""
        luma = _eighth(image)
        is_other = self._last is not None and self._last.mask.shape != image.shape[:2]
        held = self.finish() if is_other else []
        if self._last is None:
            self._last = self._see(image, luma)
            return [*held, self._last.instances]
        self._waiting.append((image, luma))
        return held + self._resolved() if len(self._waiting) == SPAN else held

    def finish(self) -> list[Instances | None]:
        """See `Tracker.finish`."""
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
        first: _Keyframe,
        frames: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
        last: _Keyframe,
    ) -> list[Instances]:
        """Return the results of frames between two keyframes; `frames`: image and luma of each."""
        if not frames:
            return []
        if _agree(first, last) and all(_lies_between(first, luma, last) for _, luma in frames):
            self.counts["interpolated"] += len(frames)
            return _interpolated(first.mask, last.mask, len(frames))
        middle = len(frames) // 2
        seen = self._see(*frames[middle])
        before = self._between(first, frames[:middle], seen)
        return [*before, seen.instances, *self._between(seen, frames[middle + 1 :], last)]

    def _see(self, image: NDArray[np.uint8], luma: NDArray[np.uint8]) -> _Keyframe:
        """Run the network."""
        self.counts["keyframes"] += 1
        (found,) = self._segmenter.segment(image[None])
        mask = found.union()
        return _Keyframe(luma, mask, half_of(half_of(mask)), found)


def _eighth(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return luma of (H, W, 3) RGB at an eighth of its size, rounded up."""
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return half_of(half_of(half_of(luma)))


def _agree(first: _Keyframe, last: _Keyframe) -> bool:
    """Return whether the object is the same in both."""
    return int(cv2.absdiff(first.coarse, last.coarse).max()) <= MAX_MASK_CHANGE


def _lies_between(first: _Keyframe, luma: NDArray[np.uint8], last: _Keyframe) -> bool:
    """Return whether a frame shows nothing that neither of the two shows."""
    darker = cv2.subtract(cv2.min(first.luma, last.luma), luma)
    brighter = cv2.subtract(luma, cv2.max(first.luma, last.luma))
    return int(cv2.max(darker, brighter).max()) <= MAX_LUMA_EXCESS


def _interpolated(first: NDArray[np.uint8], last: NDArray[np.uint8], num: int) -> list[Instances]:
    """Return the results of `num` frames between those of two masks, (H, W) uint8 each."""
    weights = [index / (num + 1) for index in range(1, num + 1)]
    return [
        Instances.of_mask(np.asarray(cv2.addWeighted(first, 1 - w, last, w, 0), np.uint8))
        for w in weights
    ]
