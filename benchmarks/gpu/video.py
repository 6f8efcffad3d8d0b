"""Frames through everything: network, tracker, refiner, effect; from memory, and file to file."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.networks import Loaded, keras_network
from benchmarks.gpu.parts import Part
from effects import Blur
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from stream.frame import Frame, StreamInfo
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.stats import Stats
from stream.tracking import Keyframes, open_tracker

SIZE_HW = (720, 1280)
FPS = 25
NUM_FRAMES = 100
#: before the time counts, in which programs are compiled; all together are whole batches
NUM_FIRST = 8


def pictures(photo: NDArray[np.uint8], size_hw: tuple[int, int], num: int) -> list[RgbPicture]:
    """Return frames in which the photo moves, and now and then half of it is gone."""
    large: Any = cv2.resize(photo, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_AREA)
    moved = [np.roll(large, 5 * index, axis=1) for index in range(num)]
    for image in moved[::4]:
        image[:, : size_hw[1] // 2] = 90
    return [RgbPicture(image) for image in moved]


def size_of_frames(loaded: Loaded) -> tuple[int, int]:
    """Return height and width: the photo's where all is small, as its program is there."""
    return loaded.photo().shape[:2] if loaded.small else SIZE_HW


def video(part: Part, loaded: Loaded, turns: int) -> dict[str, Any]:
    """Return frames a second of a stream in memory, and of what its time consists."""
    segmenter = loaded.network(part.network, part.precision)
    size_hw = size_of_frames(loaded)
    num = min(turns, NUM_FRAMES) if loaded.small else NUM_FRAMES
    height, width = size_hw
    info = StreamInfo(width, height, Fraction(FPS))
    stats = Stats()
    with ExitStack() as stack:
        tracker = open_tracker(segmenter, info, Keyframes(), _raise, stack)
        refiner = Refiner(blend=True)
        pipeline = Pipeline(
            tracker, refiner, Look(Blur()), max_input=segmenter.max_input, stats=stats
        )
        frames = [
            Frame(picture, index, index / FPS)
            for index, picture in enumerate(pictures(loaded.photo(), size_hw, NUM_FIRST + num))
        ]
        for frame in frames[:NUM_FIRST]:
            _shown(pipeline, frame)
        network = keras_network(segmenter)
        before, began, num_shown = network.num_compiled, time.perf_counter(), 0
        for frame in frames[NUM_FIRST:]:
            num_shown += _shown(pipeline, frame)
        num_shown += len([pipeline.composite(tracked) for tracked in pipeline.finish()])
        taken = time.perf_counter() - began
    return {
        "on": segmenter.device,
        "size_hw": size_hw,
        "frames_s": round(num_shown / taken, 1),
        "ms": {
            stage: None if (ms := durations.percentile_ms(50)) is None else round(ms, 2)
            for stage, durations in stats.stages.items()
        },
        "compiled_meanwhile": network.num_compiled - before,
    }


def _shown(pipeline: Pipeline, frame: Frame) -> int:
    """Put a frame in; returns how many come out with their effect."""
    return len([pipeline.composite(tracked) for tracked in pipeline.track(frame)])


def _raise(error: Exception) -> None:
    raise error


def film(part: Part, loaded: Loaded, _: int) -> dict[str, Any]:
    """Return frames a second from a file into a file, with decoder and encoder; takes ffmpeg."""
    from stream import open_run, open_source, play
    from stream.ffmpeg.process import executable

    segmenter = loaded.network(part.network, part.precision)
    size_hw = size_of_frames(loaded)
    with tempfile.TemporaryDirectory() as folder:
        clip, output = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
        _encode(executable(), loaded.photo(), size_hw, clip)
        began = time.perf_counter()
        with (
            open_source(str(clip)) as source,
            open_run(source, str(output), segmenter=segmenter, preset="ultrafast") as run,
        ):
            play(run)
        taken = time.perf_counter() - began
        told = run.stats.as_dict()
    return {
        "on": segmenter.device,
        "size_hw": size_hw,
        "frames_s": round(run.stats.counts["processed"] / taken, 1),
        "stages_ms": told["stages_ms"],
    }


def _encode(ffmpeg: str, photo: NDArray[np.uint8], size_hw: tuple[int, int], path: Path) -> None:
    import subprocess

    height, width = size_hw
    data = b"".join(each.rgb.tobytes() for each in pictures(photo, size_hw, NUM_FRAMES))
    raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    command = [ffmpeg, "-v", "error", *raw, "-framerate", str(FPS), "-i", "-", *coded, str(path)]
    subprocess.run(command, input=data, check=True, capture_output=True)
