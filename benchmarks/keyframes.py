"""Masks on the frames between keyframes: quality against distance, delay and time.

python -m benchmarks.keyframes ../shared/data/davis [--mode hold forward both]
    [--keyframe 1 2 5 10 15 30 auto] [--delay 1 3 5 10 20] [--side 427] [--each]
python -m benchmarks.keyframes ../shared/data/clips --portrait 'webcam_asl_*.mkv'

The first prints a JSON object for every mode and distance of keyframes, with the true masks as
what a network finds there, and one for every mode and delay: the network is always busy and what
it finds on a frame is there so many frames later. The folder holds a folder for each sequence,
with `JPEGImages` and `Annotations` in it, or the other way round, as DAVIS does.

J is the overlap of what is shown with the truth, F that of the outlines (Perazzi et al. 2016), in
per cent, over the frames between keyframes (of a delay: all frames with a mask); `flicker` is the
area that changes between two frames unlike the truth's, in per cent of the truth's. All are means
over the sequences. `J_same_age` is what forward reuse without a delay reaches with masks of the
same age. `ms` is the processor's time for a frame in one thread, the network's not counted.

The second compares the portrait network with itself on every frame: where it sees every fifth
frame, and where it sees those that `InterpolatingTracker` lets it see (`between`; `runs` a frame).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from segmentation.data.mask_frames import find_sequences, read_frame
from segmentation.evaluation.mask_agreement import boundary_f, intersection_over_union
from segmentation.instances import Instances
from segmentation.loading import load
from segmentation.segmenter import Segmenter
from segmentation.tracking.interpolating_tracker import InterpolatingTracker
from segmentation.tracking.keyframe_tracker import KeyframeTracker
from segmentation.tracking.live_tracker import LiveTracker
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from segmentation.tracking.propagation.flow import OpticalFlow, warp
from segmentation.tracking.propagation.propagate import (
    WORK_SIDE,
    Carrying,
    Propagation,
    SmallPicture,
)
from segmentation.tracking.schedule import Schedule
from segmentation.tracking.tracker import Tracker

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
DISTANCES = ("1", "2", "5", "10", "15", "30")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mode", nargs="*", default=["hold", "forward", "both"])
    parser.add_argument("--keyframe", nargs="*", default=list(DISTANCES))
    parser.add_argument("--delay", nargs="*", type=int, default=[1, 3, 5, 10, 20])
    parser.add_argument("--side", type=int, default=WORK_SIDE, help="that masks are carried at")
    parser.add_argument("--each", action="store_true", help="a line for each sequence too")
    parser.add_argument("--portrait", help="pattern of clips in the folder")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.portrait:
        for path in sorted(options.folder.glob(options.portrait)):
            print(json.dumps(portrait(path)), flush=True)
        return
    sequences = list(read_sequences(options.folder))
    runs = [(mode, keyframe, 0) for mode in options.mode for keyframe in options.keyframe]
    runs += [(mode, "1", delay) for mode in options.mode for delay in options.delay]
    for mode, keyframe, delay in runs:
        if mode == "both" and delay:
            continue
        lines = [measured(each, mode, keyframe, delay, options.side) for each in sequences]
        head = {"mode": mode, "keyframe": keyframe if keyframe == "auto" else int(keyframe)}
        head |= {"delay": delay, "side": options.side}
        for sequence, line in zip(sequences, lines, strict=True):
            if options.each:
                print(json.dumps(head | {"sequence": sequence.name} | rounded(line)), flush=True)
        mean = {key: float(np.mean([line[key] for line in lines])) for key in lines[0]}
        print(json.dumps(head | rounded(mean)), flush=True)


def rounded(line: dict[str, float]) -> dict[str, float]:
    """Return the numbers with two decimals."""
    return {key: round(value, 2) for key, value in line.items()}


@dataclass(frozen=True, slots=True)
class Sequence:
    """Frames, (H, W, 3) RGB, and what is truly on them."""

    name: str
    images: list[Image]
    truths: list[Instances]


def read_sequences(folder: Path) -> Iterator[Sequence]:
    """Yield the sequences of a folder laid out as DAVIS is, or with a folder for each."""
    for each in find_sequences(folder):
        pairs = [read_frame(*files) for files in each.frames]
        truths = [objects(colours) for _, colours in pairs]
        yield Sequence(each.name, [image for image, _ in pairs], truths)


def objects(annotation: Image) -> Instances:
    """Return one object for each colour of (H, W, 3) but black."""
    colours = annotation.astype(np.int32) @ np.array([1, 256, 65536])
    masks = [np.where(colours == each, 255, 0) for each in np.unique(colours) if each]
    size_hw = (annotation.shape[0], annotation.shape[1])
    boxes = [cv2.boundingRect(mask.astype(np.uint8)) for mask in masks]
    return Instances(
        boxes=np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4),
        scores=np.ones(len(masks), np.float32),
        labels=np.zeros(len(masks), np.int32),
        masks=np.array(masks, np.uint8).reshape(-1, *size_hw),
        ids=np.full(len(masks), -1, np.int32),
    )


class Oracle:
    """`Segmenter` that knows the truth of each image by where it lies in memory."""

    name = "oracle"
    classes: tuple[str, ...] = ("object",)
    max_input: int | None = None
    max_images: int = 1
    fast = False
    separates_objects = True
    device = "nowhere"

    def __init__(self, sequence: Sequence) -> None:
        """Learn the sequence."""
        pairs = zip(sequence.images, sequence.truths, strict=True)
        self._truths = {image.ctypes.data: truth for image, truth in pairs}

    def segment(self, images: Image) -> list[Instances]:
        """Return the truth."""
        return [self._truths[image.ctypes.data] for image in images]


class DelayedExecutor(Executor):
    """Runs what it is given after `delay` ticks, in the thread that ticks."""

    def __init__(self, delay: int) -> None:
        """Begin at tick 0."""
        self._delay = delay
        self._now = 0
        self._waiting: list[tuple[int, Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep a call until its time has come."""
        future: Future[Any] = Future()
        self._waiting.append((self._now + self._delay, future, lambda: fn(*args, **kwargs)))
        return future

    def tick(self) -> None:
        """Let one unit of time pass."""
        self._now += 1
        due = [entry for entry in self._waiting if entry[0] <= self._now]
        self._waiting = [entry for entry in self._waiting if entry[0] > self._now]
        for _, future, call in due:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except Exception as error:
                future.set_exception(error)


def measured(
    sequence: Sequence, mode: str, keyframe: str, delay: int, side: int
) -> dict[str, float]:
    """Return what one way of reuse gives on one sequence."""
    executor = DelayedExecutor(delay) if delay else None
    schedule = Schedule("auto" if keyframe == "auto" else int(keyframe))
    tracker = tracker_of(Oracle(sequence), mode, schedule, executor, side)
    shown: list[Instances | None] = []
    is_key = []
    started = time.process_time()
    for index, image in enumerate(sequence.images):
        if executor is not None:
            executor.tick()
        before = tracker.counts["keyframes"]
        shown += tracker.push(image, index / 25)
        is_key.append(tracker.counts["keyframes"] > before and not delay)
    shown += tracker.finish()
    ms = (time.process_time() - started) / len(sequence.images) * 1e3
    line = quality(shown, sequence.truths, is_key if not all(is_key) else [False] * len(is_key))
    line |= {"ms": ms, "keyframes": float(tracker.counts["keyframes"])}
    if delay:
        line["J_same_age"] = same_age(sequence, delay, side)
    return line


def tracker_of(
    segmenter: Segmenter, mode: str, schedule: Schedule, executor: Executor | None, side: int
) -> Tracker:
    """Return the tracker for one way of reuse."""
    carrying = Carrying("hold" if mode == "hold" else "flow", side)
    if executor is not None:
        return LiveTracker(segmenter, schedule, executor, carrying=carrying)
    max_held = None if mode == "both" else 0
    return KeyframeTracker(segmenter, schedule, carrying=carrying, max_held=max_held)


def quality(
    shown: list[Instances | None], truths: list[Instances], skip: list[bool]
) -> dict[str, float]:
    """Return J, F and flicker of the frames not to be skipped that have a mask."""
    masks = [None if each is None else each.union() >= 128 for each in shown]
    targets = [each.union() >= 128 for each in truths]
    overlaps, outlines, flickers = [], [], []
    for index, (mask, target) in enumerate(zip(masks, targets, strict=True)):
        if mask is None:
            continue
        if not skip[index]:
            overlaps.append(intersection_over_union(mask, target))
            outlines.append(boundary_f(mask, target))
        before = masks[index - 1] if index else None
        if before is not None:
            changes = mask.astype(np.int8) - before - target + targets[index - 1]
            flickers.append(np.count_nonzero(changes) / max(1, np.count_nonzero(target)))
    means = (float(np.mean(each)) * 100 for each in (overlaps, outlines, flickers))
    return dict(zip(("J", "F", "flicker"), means, strict=True))


def same_age(sequence: Sequence, delay: int, side: int) -> float:
    """Return J of forward reuse with masks as old as those of a network always busy."""
    pictures = [SmallPicture.of(image, side) for image in sequence.images]
    overlaps = []
    for key in range(0, len(pictures), delay):
        carrier = Propagation(pictures[key], sequence.truths[key])
        for index in range(key + 1, min(key + 2 * delay, len(pictures))):
            carried = carrier.step(pictures[index])
            if index >= key + delay:
                mask = carried.scaled_to(pictures[index].size_hw).union() >= 128
                truth = sequence.truths[index].union() >= 128
                overlaps.append(intersection_over_union(mask, truth))
    return float(np.mean(overlaps)) * 100


def portrait(path: Path) -> dict[str, object]:
    """Return how the portrait network on some frames compares with every frame."""
    from stream.pipeline import shrunk
    from stream.sources import open_source

    segmenter = load("portrait", detail="live")
    with open_source(str(path), on_message=print) as source:
        images = [shrunk(frame.picture, segmenter.max_input) for frame in source]
    every = tracked(PerFrameTracker(segmenter), images)
    line: dict[str, object] = {"clip": path.name, "flicker_every": flicker(images, every)}
    trackers = {
        mode: tracker_of(segmenter, mode, Schedule(5), None, WORK_SIDE)
        for mode in ("hold", "forward", "both")
    }
    trackers["between"] = InterpolatingTracker(segmenter)
    for mode, tracker in trackers.items():
        masks = tracked(tracker, images)
        ious = [intersection_over_union(a, b) for a, b in zip(masks, every, strict=True)]
        line[mode] = {
            "iou": round(float(np.mean(ious)), 4),
            "min_iou": round(min(ious), 4),
            "flicker": flicker(images, masks),
            "runs": round(tracker.counts["keyframes"] / len(images), 3),
        }
    return line


def tracked(tracker: Tracker, images: list[Image]) -> list[Mask]:
    """Return the masks of a whole clip."""
    results = [each for index, image in enumerate(images) for each in tracker.push(image, index)]
    results += tracker.finish()
    return [each.union() >= 128 for each in results if each is not None]


def flicker(images: list[Image], masks: list[Mask]) -> float:
    """Return the area that changes though nothing moved there, in per cent of the mask's."""
    search, shares = OpticalFlow(), []
    for index in range(1, len(images)):
        now, before = (cv2.cvtColor(images[i], cv2.COLOR_RGB2GRAY) for i in (index, index - 1))
        moved = warp(masks[index - 1].astype(np.uint8) * 255, search.backward(now, before)) >= 128
        changed = np.count_nonzero(moved != masks[index])
        shares.append(changed / max(1, np.count_nonzero(masks[index])))
    return round(float(np.mean(shares)) * 100, 3)


if __name__ == "__main__":
    run_command(main)
