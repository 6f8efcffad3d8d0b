"""Masks of one frame carried to the frames after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.tracking.propagation.appearance import Appearance
from segmentation.tracking.propagation.flow import OpticalFlow, mismatch, warp
from segmentation.tracking.propagation.outline import correct_outline

#: Long side in pixels at which masks are carried unless told otherwise.
WORK_SIDE = 427
#: Flow is computed this far around the objects, as a share of the long side: what an object may
#: move from one frame to the next.
REACH = 1 / 12


@dataclass(frozen=True, slots=True)
class SmallPicture:
    """A frame at the size masks are carried at.

    Attributes:
        ycc: (h, w, 3) uint8, Y Cr Cb.
        size_hw: of the frame.
    """

    ycc: NDArray[np.uint8]
    size_hw: tuple[int, int]

    @classmethod
    def of(cls, image: NDArray[np.uint8], work_side: int = WORK_SIDE) -> Self:
        """Shrink (H, W, 3) uint8 RGB to a long side of at most `work_side` pixels."""
        height, width = image.shape[:2]
        scale = min(1.0, work_side / max(height, width))
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        return cls(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), np.uint8), (height, width))

    @property
    def long_side(self) -> int:
        """Of the shrunk frame, in pixels."""
        return int(max(self.ycc.shape[:2]))


class Carrier(Protocol):
    """Takes the instances of a keyframe from frame to frame.

    Attributes:
        instances: of the newest frame, in pixels of any size.
        drift: how uncertain they have become since the keyframe, see `Propagation`.
    """

    instances: Instances
    drift: float

    def step(self, picture: SmallPicture) -> Instances:
        """Move on to the next frame and return its instances."""


class Holding:
    """Leaves instances where they were on the keyframe, as programs do that do not move masks."""

    def __init__(self, picture: SmallPicture, instances: Instances) -> None:
        """Remember the instances; see `Propagation`."""
        del picture
        self.instances = instances
        self.drift = 0.0

    def step(self, picture: SmallPicture) -> Instances:
        """Return the keyframe's instances."""
        del picture
        return self.instances


class Propagation:
    """Carries the instances of a keyframe from frame to frame, forwards or backwards in time.

    Each mask is warped along the optical flow since the frame before, which is computed around
    the objects only, and its outline is put right by the colours that object and surroundings
    had on the keyframe. An object that has left the picture is dropped.

    Args:
        picture: the keyframe.
        instances: found on it, in pixels of the frame `picture` was made of.

    Attributes:
        instances: of the newest frame, in pixels of the shrunk frame.
        drift: how much was uncertain since the keyframe: the share of the objects' area that
            changed sides in the corrections, and the spread of the motion within the objects in
            units of their size, both summed over the frames. About 0.1 a frame where people
            walk; 0 where nothing moves.
    """

    def __init__(self, picture: SmallPicture, instances: Instances) -> None:
        """Learn the objects' appearance."""
        self._flow = OpticalFlow()
        self._picture = picture
        self.instances = instances.scaled_to((picture.ycc.shape[0], picture.ycc.shape[1]))
        self.drift = 0.0
        # where flow has failed since the keyframe: what went wrong there is still wrong
        self._failed = np.zeros(self.instances.size_hw, np.uint8)
        self._appearances = [self._learned(mask) for mask in self.instances.masks]

    def step(self, picture: SmallPicture) -> Instances:
        """Move on to the next frame and return its instances, in pixels of the shrunk frame.

        Raises:
            ValueError: the frame has another size than the one before.
        """
        past = self._picture
        if picture.ycc.shape != past.ycc.shape:
            raise ValueError(f"picture: expected {past.ycc.shape}, got {picture.ycc.shape}")
        self._picture = picture
        part = self._around(self.instances.union())
        if part is not None:
            now, before = picture.ycc[part], past.ycc[part]
            flow = self._flow.backward(cv2.extractChannel(now, 0), cv2.extractChannel(before, 0))
            failed = np.zeros_like(self._failed)
            failed[part] = cv2.max(
                warp(self._failed[part], flow), mismatch(now, warp(before, flow))
            )
            self._failed = failed
            self._move(part, flow)
        return self.instances

    def _move(self, part: tuple[slice, slice], flow: NDArray[np.float32]) -> None:
        """Carry every mask along the flow in a part of the picture; drop what is gone."""
        old, ycc, long_side = self.instances, self._picture.ycc[part], self._picture.long_side
        masks = np.zeros_like(old.masks)
        for mask, before, appearance in zip(masks, old.masks, self._appearances, strict=True):
            moved = warp(before[part], flow)
            mask[part] = correct_outline(ycc, moved, self._failed[part], appearance, long_side)
            self.drift += _uncertainty(moved, mask[part], flow) / len(old)
        left = np.array([bool((mask >= 128).any()) for mask in masks], bool)
        boxes = np.array(
            [
                moved_box(box, before, mask)
                for box, before, mask in zip(old.boxes, old.masks, masks, strict=True)
            ],
            np.float32,
        ).reshape(-1, 4)
        self.instances = Instances(boxes, old.scores, old.labels, masks, old.ids)[left]
        self._appearances = [
            appearance for appearance, here in zip(self._appearances, left, strict=True) if here
        ]

    def _learned(self, mask: NDArray[np.uint8]) -> Appearance:
        part = self._around(mask)
        part = part if part is not None else (slice(None), slice(None))
        return Appearance(self._picture.ycc[part], mask[part], self._picture.long_side)

    def _around(self, mask: NDArray[np.uint8]) -> tuple[slice, slice] | None:
        """Return the rows and columns an object may be in next; `None` where there is none."""
        left, top, width, height = cv2.boundingRect((mask >= 128).astype(np.uint8))
        if width == 0:
            return None
        reach = round(REACH * self._picture.long_side)
        rows = slice(max(0, top - reach), min(mask.shape[0], top + height + reach))
        columns = slice(max(0, left - reach), min(mask.shape[1], left + width + reach))
        return rows, columns


@dataclass(frozen=True, slots=True)
class Carrying:
    """How the masks of a keyframe are used again on the frames after it.

    Attributes:
        reuse: "hold" leaves them where they were, "flow" moves them with the picture.
        work_side: long side in pixels of the frames they are moved by: quality against time.

    Raises:
        ValueError: `reuse` is neither.
    """

    reuse: Literal["hold", "flow"] = "flow"
    work_side: int = WORK_SIDE

    def __post_init__(self) -> None:
        """Check `reuse`."""
        if self.reuse not in ("hold", "flow"):
            raise ValueError(f"reuse: expected hold or flow, got {self.reuse!r}")

    def start(self, picture: SmallPicture, found: Instances) -> Carrier:
        """Return what carries on the objects found on a keyframe; see `Propagation`."""
        return (Holding if self.reuse == "hold" else Propagation)(picture, found)


#: Masks stay where they were, or move with the picture.
HOLD, FLOW = Carrying("hold"), Carrying("flow")


def _uncertainty(
    moved: NDArray[np.uint8], corrected: NDArray[np.uint8], flow: NDArray[np.float32]
) -> float:
    """Return what one step adds to `Propagation.drift` for one object."""
    inside = (moved >= 128).astype(np.uint8)
    area = cv2.countNonZero(inside)
    if area == 0:
        return 0.0
    flipped = cv2.countNonZero(cv2.bitwise_xor(inside, (corrected >= 128).astype(np.uint8)))
    spread = np.linalg.norm(cv2.meanStdDev(flow, mask=inside)[1])
    return flipped / area + float(spread) / float(np.sqrt(area))


def moved_box(
    box: NDArray[np.float32], before: NDArray[np.uint8], mask: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return a box whose sides went as far as those of its mask did, within the image.

    Args:
        box: (4,) float32, x1 y1 x2 y2 in pixels of the masks.
        before: (h, w) uint8, the mask of the frame before.
        mask: (h, w) uint8, that of this one.
    """
    sides = []
    for each in (before, mask):
        left, top, width, height = cv2.boundingRect((each >= 128).astype(np.uint8))
        sides.append([left, top, left + width, top + height])
    height, width = mask.shape
    moved = box + (np.array(sides[1]) - np.array(sides[0]))
    inside = np.clip(moved, 0, [width, height, width, height])
    return np.asarray(inside, np.float32)
