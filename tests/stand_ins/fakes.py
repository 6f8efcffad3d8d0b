"""Stand-ins at the seams: a source whose true mask is known, a network that knows it, a list."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.picture import RgbPicture
from stream.errors import StreamError
from stream.frame import Event, Frame, Output, Sink, Source, StreamInfo

ROOM, PERSON = (20, 200, 40), (230, 30, 180)


class MovingSquare(Source):
    """`Source` of a square "person" that moves over a plain "room"."""

    def __init__(
        self,
        num_frames: int = 20,
        *,
        live: bool = False,
        pause_s: float = 0.0,
        fail_at: int | None = None,
        restart_at: int | None = None,
    ) -> None:
        super().__init__()
        self.info = StreamInfo(64, 48, Fraction(25), live=live, num_frames=num_frames)
        self._pause_s = pause_s
        self._fail_at = fail_at
        self._restart_at = restart_at

    def __iter__(self) -> Iterator[Frame]:
        take = 0
        for index in range(self.info.num_frames or 0):
            take += index == self._restart_at
            if index == self._fail_at:
                raise StreamError("square: broke off")
            if self._interrupted.wait(self._pause_s):
                return
            yield Frame(RgbPicture(square(index)), index, index / 25, take=take)


def square(index: int) -> NDArray[np.uint8]:
    image = np.full((48, 64, 3), ROOM, np.uint8)
    image[16:32, 10 + index % 30 : 26 + index % 30] = PERSON
    image.setflags(write=False)
    return image


class Oracle:
    """`Segmenter` that sees the square, fails where told to, and remembers what it saw."""

    name = "oracle"
    classes: tuple[str, ...] = ("person",)
    max_input: int | None = None
    max_images: int = 1
    fast = False
    separates_objects = True
    device = "nowhere"

    def __init__(self, fails: Callable[[int], bool] = lambda call: False) -> None:
        self._fails = fails
        self.seen: list[NDArray[np.uint8]] = []

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        self.seen.extend(images)
        if self._fails(len(self.seen) - 1):
            raise RuntimeError("the network broke")
        return [self._one(image) for image in images]

    def _one(self, image: NDArray[np.uint8]) -> Instances:
        mask = np.where((image == PERSON).all(axis=2), 255, 0).astype(np.uint8)
        rows, columns = np.nonzero(mask)
        if not len(rows):
            return Instances.empty((image.shape[0], image.shape[1]))
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Instances(
            boxes=np.array([box], np.float32),
            scores=np.ones(1, np.float32),
            labels=np.zeros(1, np.int32),
            masks=mask[None],
            ids=np.full(1, -1, np.int32),
        )


class HoldsBack:
    """`Tracker` that gives the oracle's results three frames at a time."""

    gives_ids = False
    max_images = 3

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.age_s: float | None = None
        self._oracle = Oracle()
        self._held: list[Instances | None] = []

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        self._held += self._oracle.segment(image[None])
        return self.finish() if len(self._held) == 3 else []

    def finish(self) -> list[Instances | None]:
        held, self._held = self._held, []
        return held


class ListSink(Sink):
    """`Sink` that keeps what it is given."""

    def __init__(
        self,
        *,
        main_thread: bool = False,
        pause_s: float = 0.0,
        fail_at: int | None = None,
        fail_at_end: bool = False,
        events: dict[int, Event] | None = None,
        watched: bool = False,
        accompanies: bool = False,
        folder: Path | None = None,
        error: Exception | None = None,
    ) -> None:
        self.main_thread, self.watched = main_thread, watched
        self.accompanies, self.folder = accompanies, folder
        self._error = error or StreamError("list: full")
        self.num_closed = 0
        self.outputs: list[Output] = []
        self.finished: list[bool] = []
        self.threads: set[str] = set()
        self._pause_s = pause_s
        self._fail_at = fail_at
        self._fail_at_end = fail_at_end
        self._events = events or {}

    def write(self, output: Output) -> None:
        time.sleep(self._pause_s)
        if output.frame.index == self._fail_at:
            raise self._error
        self.threads.add(threading.current_thread().name)
        self.outputs.append(output)

    def close(self) -> None:
        self.num_closed += 1

    def poll(self) -> list[Event]:
        event = self._events.pop(len(self.outputs), None)
        return [event] if event is not None else []

    def complete(self, *, cut_short: bool) -> None:
        if self._fail_at_end:
            raise StreamError("list: torn")
        self.finished.append(cut_short)

    @property
    def indices(self) -> list[int]:
        return [output.frame.index for output in self.outputs]


def discs(size_hw: tuple[int, int], num: int = 3, *, tracked: bool = False) -> Instances:
    """Instances of labels 0, 1, ... whose soft masks are discs, the last of them a ring."""
    height, width = size_hw
    rows, columns = np.mgrid[:height, :width] + 0.5
    masks, boxes = [], []
    for k in range(num):
        x, y, radius = width * (k + 1) / (num + 1), height / 2, min(size_hw) / (2.2 + 0.3 * k)
        distance = np.hypot(columns - x, rows - y)
        if k == num - 1:
            distance = abs(distance - radius * 0.7) + radius * 0.7
        masks.append(np.clip(128 + 60 * (radius - distance), 0, 255).astype(np.uint8))
        boxes.append([x - radius, y - radius, x + radius, y + radius])
    return Instances(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.linspace(0.98, 0.75, num, dtype=np.float32),
        labels=np.arange(num, dtype=np.int32),
        masks=np.array(masks, np.uint8).reshape(-1, height, width),
        ids=np.arange(num, dtype=np.int32) + 5 if tracked else np.full(num, -1, np.int32),
    )


def output_of(
    image: NDArray[np.uint8],
    index: int = 0,
    time_s: float = 0.0,
    name: str | None = None,
    **more: object,
) -> Output:
    """An output that shows `image`, of a frame without its alpha."""
    frame = Frame(RgbPicture(image[..., :3]), index, time_s, name)
    return Output(frame, RgbPicture(image), **({"alpha": None, "instances": None} | more))
