"""When the network runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from segmentation.instances import Instances
from segmentation.tracking.changes import SeenFrame, is_still, new_share
from segmentation.tracking.propagation.propagate import Carrier

#: `Propagation.drift`, and share of the picture with something new, of which either alone, or
#: both in part, make a keyframe due.
MAX_DRIFT = 0.75
MAX_NEW_SHARE = 0.03
#: Longest time without a keyframe while something moves.
MAX_INTERVAL_S = 1.0
#: How strongly the distance of a keyframe from the wanted mean changes what is due.
CORRECTION = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """What happened since the last keyframe.

    Attributes:
        num_frames: from the keyframe to now, at least 1.
        elapsed_s: likewise.
        drift: see `Propagation.drift`.
        new_share: see `changes.new_share`.
    """

    num_frames: int
    elapsed_s: float
    drift: float = 0.0
    new_share: float = 0.0


class Schedule:
    """Decides for each frame of one stream whether it is a keyframe.

    Args:
        keyframe: every so many frames, or "auto": when masks have become uncertain, something
            new is there, or it is time.
        mean_distance: with "auto", frames for each keyframe to spend on the mean, as long as
            something moves; what makes a keyframe due is adapted to it. `None`: no such budget.

    Raises:
        ValueError: `keyframe` is neither a positive number nor "auto".
    """

    def __init__(self, keyframe: int | Literal["auto"], mean_distance: float | None = None) -> None:
        """Begin a stream."""
        if keyframe != "auto" and keyframe < 1:
            raise ValueError(f"keyframe: expected a positive number or 'auto', got {keyframe}")
        self._keyframe = keyframe
        self._mean_distance = mean_distance
        self._patience = 1.0

    @property
    def automatic(self) -> bool:
        """Whether a frame on which nothing moved never is a keyframe."""
        return self._keyframe == "auto"

    def due(self, progress: Progress) -> bool:
        """Return whether this frame shall be a keyframe."""
        if self._keyframe != "auto":
            return progress.num_frames >= self._keyframe
        need = progress.drift / MAX_DRIFT + progress.new_share / MAX_NEW_SHARE
        late = self._mean_distance is None and progress.elapsed_s >= MAX_INTERVAL_S
        due = late or need >= self._patience
        if self._mean_distance is not None:
            due |= progress.num_frames >= 4 * self._mean_distance
            if due:
                self._patience *= (self._mean_distance / progress.num_frames) ** CORRECTION
        return due


class LastKeyframe:
    """The newest frame that the network was given, and what has passed since.

    Args:
        frame: the keyframe.

    Attributes:
        num_frames: from the keyframe to the newest frame.
        time_s: of the keyframe, in seconds.
    """

    def __init__(self, frame: SeenFrame) -> None:
        """Begin at the keyframe."""
        self.num_frames = 0
        self.time_s = frame.time_s
        self._thumbnail = frame.thumbnail
        self._objects = np.zeros((1, 1), np.uint8)

    def found(self, instances: Instances) -> None:
        """Note where the objects of the keyframe are, in pixels of any size."""
        self._objects = instances.union()

    def next_is_due(self, schedule: Schedule, frame: SeenFrame, carrier: Carrier) -> bool:
        """Return whether the newest frame shall be the next keyframe.

        Args:
            schedule: decides.
            frame: the newest.
            carrier: of the objects found on the keyframe, on that frame.
        """
        new = 0.0
        if schedule.automatic:
            if is_still(self._thumbnail, frame.thumbnail):
                return False
            known = cv2.max(self._objects, carrier.instances.union())
            new = new_share(self._thumbnail, frame.thumbnail, np.asarray(known))
        elapsed_s = frame.time_s - self.time_s
        return schedule.due(Progress(self.num_frames, elapsed_s, carrier.drift, new))
