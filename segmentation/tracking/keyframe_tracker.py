"""All temporal state of masks: which frames the network sees and what the others get."""

from __future__ import annotations

import copy
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from segmentation.tracking.between import blend, blend_in, carried_over
from segmentation.tracking.changes import Thumbnail, is_cut, is_still, new_share
from segmentation.tracking.identify import Identities
from segmentation.tracking.late import LateRun
from segmentation.tracking.merged import take_apart
from segmentation.tracking.propagate import WORK_SIDE, Carrier, Holding, Propagation, SmallPicture
from segmentation.tracking.schedule import Progress, Schedule

Reuse = Literal["hold", "forward", "both"]
#: How long the network may take for a frame before what it found last is no longer shown.
MAX_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame and what is needed of it."""

    image: NDArray[np.uint8]
    picture: SmallPicture
    thumbnail: Thumbnail
    time_s: float


class KeyframeTracker:
    """Gives each frame of one stream its instances; the network sees keyframes only.

    Without `reuse` every frame is a keyframe and none knows of another. With it, masks are
    carried over the frames between, objects have ids that stay, and nothing is carried across a
    cut: the frame after it is a keyframe.

    Without an executor `push` waits for the network. With one it never does: the network runs
    there, on the newest frame whenever it is free and a keyframe is due, and its result is
    carried to the frame that is shown by then. Each push then gives one result, `None` until the
    first mask, after a cut or a failure, and while the network hangs.

    Args:
        segmenter: the network.
        on_failure: called with the error when the network fails, and the frame's result is
            `None`; without it the error is raised.
        max_images: frames that are given to the network at a time, where it sees every frame;
            results are held back until there are so many.
        reuse: what frames between keyframes get: "hold", the masks of the keyframe before where
            they were; "forward", those moved with the picture; "both", those of the keyframes
            before and after moved, for which results are held back until the next keyframe.
        keyframe: every so many frames, or "auto": see `Schedule`. A frame on which nothing has
            moved since the keyframe costs almost nothing and is none.
        mean_distance: see `Schedule`.
        max_held: results held back at most: a keyframe is due when there are so many.
        work_side: long side in pixels at which masks are carried: quality against time.
        executor: of one thread; whoever made it shuts it down.

    Attributes:
        counts: "keyframes", runs of the network; "carried", frames with moved masks; "still",
            frames on which nothing moved; "cuts".
        max_images: frames that are given to the network at a time.
        age_s: time from the keyframe of the newest masks to their frame, `None` without masks.

    Raises:
        ValueError: an unknown `reuse` or `keyframe`, results held back despite an executor, or
            several frames at a time though not all are keyframes.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        on_failure: Callable[[Exception], None] | None = None,
        *,
        max_images: int = 1,
        reuse: Reuse | None = None,
        keyframe: int | Literal["auto"] = 1,
        mean_distance: float | None = None,
        max_held: int | None = None,
        work_side: int = WORK_SIDE,
        executor: Executor | None = None,
    ) -> None:
        """Start a stream."""
        if reuse not in (None, "hold", "forward", "both"):
            raise ValueError(f"reuse: expected hold, forward or both, got {reuse!r}")
        if executor is not None and reuse not in ("hold", "forward"):
            raise ValueError(f"reuse: expected hold or forward with an executor, got {reuse!r}")
        if max_images > 1 and (executor is not None or (reuse is not None and keyframe != 1)):
            raise ValueError(f"max_images: expected 1 unless every frame waits, got {max_images}")
        self.counts = Counter(keyframes=0, carried=0, still=0, cuts=0)
        self.age_s: float | None = None
        self._segmenter = segmenter
        self._batch: list[tuple[NDArray[np.uint8], float]] = []  # frames that wait for the network
        self._found: deque[Instances | None] = deque()  # of the frames that are taken next
        self.max_images = max_images
        self._on_failure = on_failure
        self._reuse = reuse
        self._schedule = Schedule(keyframe, mean_distance)
        self._max_held = max_held
        self._work_side = work_side
        self._executor = executor
        self._identities = Identities()
        self._late: tuple[LateRun, Future[Carrier]] | None = None
        self._forget()

    def _forget(self) -> None:
        """Be as at the start, ids aside."""
        self._carrier: Carrier | None = None
        self._key: _Seen | None = None  # the newest frame given to the network
        self._key_objects = np.zeros((1, 1), np.uint8)
        self._since_key = 0
        self._shown_key_s = 0.0  # the time of the frame the masks shown were found on
        self._previous: Thumbnail | None = None
        self._settled: Thumbnail | None = None  # of the frame that masks were carried to last
        self._waiting: list[tuple[SmallPicture, Instances]] = []
        if self._late is not None:
            self._late[1].cancel()
        self._late = None

    @property
    def gives_ids(self) -> bool:
        """Whether objects get ids that stay."""
        return self._reuse is not None

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """Take the next frame, (H, W, 3) uint8 RGB.

        Returns:
            Results in the order of the frames, as they become available; `None` where no mask
            is known, which is not the same as nothing found.
        """
        is_other = bool(self._batch) and self._batch[0][0].shape != image.shape
        results = self._run_batch() if is_other else []
        self._batch.append((image, time_s))
        return results + self._run_batch() if len(self._batch) >= self.max_images else results

    def _run_batch(self) -> list[Instances | None]:
        """Return what is available after the frames that wait for the network."""
        batch, self._batch = self._batch, []
        if len(batch) > 1:
            self._found.extend(self._run(np.stack([image for image, _ in batch])))
        return [each for image, time_s in batch for each in self._take(image, time_s)]

    def _take(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """Return what is available after one more frame."""
        if self._reuse is None:
            return [self._find(image)]
        picture = SmallPicture.of(image, self._work_side)
        seen = _Seen(image, picture, Thumbnail.of(picture), time_s)
        held = self._held_before_cut(seen)
        moved = self._settled is None or not is_still(self._settled, seen.thumbnail)
        if moved:
            self._settled = seen.thumbnail
        else:
            self.counts["still"] += 1
        self._previous = seen.thumbnail
        self._since_key += 1
        results = self._live(seen, moved) if self._executor else self._waited(seen, moved)
        self.age_s = time_s - self._shown_key_s if self._carrier is not None else None
        return held + results

    def finish(self) -> list[Instances | None]:
        """Return the results still held back. The next frame begins anew, ids aside."""
        results = self._run_batch()
        results += [mine.scaled_to(picture.size_hw) for picture, mine in self._waiting]
        self._forget()
        return results

    def _held_before_cut(self, seen: _Seen) -> list[Instances | None]:
        """Forget everything at a cut, and return what was held back for the scene before."""
        if self._previous is None or not is_cut(self._previous, seen.thumbnail):
            return []
        self.counts["cuts"] += 1
        return self.finish()

    def _find(self, image: NDArray[np.uint8]) -> Instances | None:
        """Return what the network finds on the frame that is taken, or found already."""
        return self._found.popleft() if self._found else self._run(image[None])[0]

    def _run(self, images: NDArray[np.uint8]) -> list[Instances | None]:
        """Return what the network finds, `None` if it fails and that is let pass."""
        self.counts["keyframes"] += len(images)
        try:
            return list(self._segmenter.segment(images))
        except Exception as error:
            self._failed(error)
            return [None] * len(images)

    def _failed(self, error: Exception) -> None:
        # whatever a network dies of, a live output goes on, covered
        if self._on_failure is None:
            raise error
        self._on_failure(error)

    def _carrying(self, picture: SmallPicture, found: Instances) -> Carrier:
        return (Holding if self._reuse == "hold" else Propagation)(picture, found)

    def _due(self, seen: _Seen) -> bool:
        """Return whether the network shall see this frame."""
        if self._carrier is None or self._key is None or len(self._waiting) == self._max_held:
            return True
        new = 0.0
        if self._schedule.automatic:
            if is_still(self._key.thumbnail, seen.thumbnail):
                return False
            known = cv2.max(self._key_objects, self._carrier.instances.union())
            new = new_share(self._key.thumbnail, seen.thumbnail, np.asarray(known))
        elapsed_s = seen.time_s - self._key.time_s
        return self._schedule.due(Progress(self._since_key, elapsed_s, self._carrier.drift, new))

    def _begin_key(self, seen: _Seen) -> None:
        self._key, self._since_key = seen, 0

    def _waited(self, seen: _Seen, moved: bool) -> list[Instances | None]:
        """Return what is available after one more frame when the network is waited for."""
        if self._carrier is not None and moved:
            self._carrier.step(seen.picture)
        if self._due(seen):
            return self._keyframe(seen)
        assert self._carrier is not None
        self.counts["carried"] += moved
        if self._reuse == "both" and (self._waiting or moved):
            self._waiting.append((seen.picture, self._carrier.instances))
            return []
        return [self._carrier.instances.scaled_to(seen.picture.size_hw)]

    def _keyframe(self, seen: _Seen) -> list[Instances | None]:
        """Return what was held back until this keyframe, and what the network finds on it."""
        found = self._find(seen.image)
        carried = self._carrier.instances if self._carrier is not None else None
        if found is None:
            held = self.finish()
            self._previous = seen.thumbnail
            return [*held, None]
        found = take_apart(found, carried)
        found = self._identities.name(found, carried, seen.picture, seen.time_s)
        self._carrier = self._carrying(seen.picture, found)
        if carried is not None and self._reuse == "forward" and self._since_key > 1:
            self._carrier.instances = blend_in(carried, self._carrier.instances)
            found = self._carrier.instances.scaled_to(seen.picture.size_hw)
        self._key_objects = self._carrier.instances.union()
        self._shown_key_s = seen.time_s
        self._begin_key(seen)
        return [*self._between(), found]

    def _between(self) -> list[Instances]:
        """Return the results held back, now that the keyframe after them is known."""
        pictures = [picture for picture, _ in self._waiting]
        forward = [mine for _, mine in self._waiting]
        self._waiting = []
        if not pictures:
            return []
        assert self._carrier is not None
        backward = carried_over(copy.copy(self._carrier), reversed(pictures))[::-1]
        blended = blend(forward, backward)
        return [
            mine.scaled_to(picture.size_hw) for picture, mine in zip(pictures, blended, strict=True)
        ]

    def _live(self, seen: _Seen, moved: bool) -> list[Instances | None]:
        """Return the one result of this frame when the network runs beside."""
        if moved:
            if self._carrier is not None:
                self._carrier.step(seen.picture)
                self.counts["carried"] += 1
            if self._late is not None:
                self._late[0].passed(seen.picture)
        if self._late is not None:
            self._receive(seen)
        if self._late is None and self._due(seen):
            self._send(seen)
        if self._carrier is None:
            return [None]
        return [self._carrier.instances.scaled_to(seen.picture.size_hw)]

    def _send(self, seen: _Seen) -> None:
        """Give a frame to the network."""
        assert self._executor is not None
        self.counts["keyframes"] += 1
        known = self._carrier.instances if self._carrier is not None else None
        run = LateRun(seen.picture, seen.time_s, known, self._carrying)
        self._late = run, self._executor.submit(run.work, self._segmenter, seen.image)
        self._begin_key(seen)

    def _receive(self, seen: _Seen) -> None:
        """Show what the network found on a frame of the past, if it is done."""
        assert self._late is not None
        run, future = self._late
        if not future.done():
            if seen.time_s - run.time_s > MAX_WAIT_S:
                self._carrier = None
            return
        self._late = None
        try:
            carrier = future.result()
        except Exception as error:
            self._carrier = None
            self._failed(error)
            return
        run.catch_up(carrier)
        shown = self._carrier.instances if self._carrier is not None else None
        arrived = self._identities.name(carrier.instances, shown, seen.picture, seen.time_s)
        if shown is not None and self._reuse == "forward":
            arrived = blend_in(shown, arrived)
        carrier.instances = arrived
        self._carrier, self._shown_key_s = carrier, run.time_s
        self._key_objects = carrier.instances.union()
