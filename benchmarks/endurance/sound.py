"""How far sound and picture are apart in a recording with a microphone whose clock is too fast.

python -m benchmarks.endurance.sound [--minutes 10] [--ppm 200] [-o out.mp4]

A stand-in camera flashes, and a microphone of a PulseAudio of its own beeps, once a second and at
the same moment; the microphone's clock is as much too fast as `--ppm` says, so that unmended its
sound would be 12 ms a minute late. Both are recorded as `run.py 0 -o out.mp4 --sound mic` does,
with the default network. Prints a row a minute, and one JSON object: by how much beeps come after
their flashes in the file. More than 20 ms is an error. In each picture stands, as black and white
fields, how long the flash is ago, so that one that was dropped does not move its flash.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from segmentation import load
from segmentation.picture import RgbPicture
from stream import open_run, play
from stream.errors import StreamError
from stream.frame import Frame, Source, StreamInfo
from tests.ffmpeg_reference import ffmpeg, picture_times_s
from tests.stand_ins.devices.pulse_server import RATE, pulse_server, why_no_pulse
from tests.stand_ins.devices.pulse_server import play as play_microphone

FPS = 30
SIZE_HW = (240, 320)
MOST_APART_S = 0.020
_FLASH_S = 0.1
_NUM_BITS = 10  # of the milliseconds in a second
_LOUD = 3000  # of 32768
ROW = "{:>6} {:>6} {:>10} {:>10} {:>10}"


class Flashes(Source):
    """Stands in for a camera: noise that is white at the begin of each second, and fields."""

    def __init__(self, seconds: float) -> None:
        """Give frames for so long."""
        super().__init__()
        self.info = StreamInfo(SIZE_HW[1], SIZE_HW[0], Fraction(FPS), live=True)
        self._seconds = seconds

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames at the times a camera of an even pace would give them."""
        rng = np.random.default_rng(1)
        first = int(time.monotonic()) + 1
        for index in range(round(self._seconds * FPS)):
            if self._interrupted.wait(max(0.0, first + index / FPS - time.monotonic())):
                return
            time_s = time.monotonic()
            level = 190 if time_s % 1 < _FLASH_S else 0
            image = rng.integers(level, level + 60, (*SIZE_HW, 3), np.uint8)
            _write_fields(image, int(time_s % 1 * 1000))
            yield Frame(RgbPicture(image), index, time_s)


def _write_fields(image: NDArray[np.uint8], number: int) -> None:
    """Write a number into the upper half of a picture, a field a bit."""
    bits = np.array([number >> bit & 1 for bit in range(_NUM_BITS)], np.uint8) * 255
    width = SIZE_HW[1] // _NUM_BITS
    image[: SIZE_HW[0] // 2, : width * _NUM_BITS] = np.repeat(bits, width)[:, None]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--ppm", type=float, default=200, help="how much the microphone is fast")
    parser.add_argument("-o", "--output", type=Path, help="keep the recording")
    options = parser.parse_args()
    if why := why_no_pulse():
        raise StreamError(why)
    with tempfile.TemporaryDirectory() as folder:
        path = options.output or Path(folder) / "recording.mp4"
        record(path, options.minutes * 60, options.ppm * 1e-6)
        flashes_s, apart_s = measured(path)
    print(ROW.format("minute", "beeps", "median ms", "least ms", "most ms"))
    for minute in range(int(flashes_s[-1] // 60) + 1):
        ones = [
            1e3 * apart for at, apart in zip(flashes_s, apart_s, strict=True) if at // 60 == minute
        ]
        figures = [f"{each:.1f}" for each in (statistics.median(ones), min(ones), max(ones))]
        print(ROW.format(minute, len(ones), *figures))
    most_s = max(map(abs, apart_s))
    summary = {"minutes": options.minutes, "ppm": options.ppm, "beeps": len(apart_s)}
    print(json.dumps({**summary, "most_ms": round(1e3 * most_s, 1)}))
    if most_s > MOST_APART_S:
        raise StreamError(f"sound and picture are {1e3 * most_s:.1f} ms apart")


def record(path: Path, seconds: float, fast: float) -> None:
    """Record flashes and beeps."""
    with pulse_server() as server:
        pipe = server.add_microphone("beeper")
        with (
            _process_playing(pipe, fast),
            Flashes(seconds) as source,
            open_run(
                source, path, segmenter=load("portrait"), effect="none", sound="mic", overwrite=True
            ) as run,
        ):
            play(run)


@contextmanager
def _process_playing(pipe: Path, fast: float) -> Iterator[None]:
    """Let another process be the microphone, as no work here may hold it up."""
    context = multiprocessing.get_context("spawn")
    ended = context.Event()
    process = context.Process(target=_play, args=(pipe, ended, fast))
    process.start()
    try:
        yield
    finally:
        ended.set()
        process.join()


def _play(pipe: Path, ended: threading.Event, fast: float) -> None:
    play_microphone(pipe, ended, fast=fast)


def measured(path: Path) -> tuple[list[float], list[float]]:
    """Return the times of the flashes in a recording, and by how much each one's beep is later.

    The first second, in which a microphone may not be there yet, does not count.

    Raises:
        StreamError: a flash has no beep.
    """
    times_s, ago_s = _frames(path)
    sound = np.abs(_sound(path))
    flashes: list[float] = []
    apart: list[float] = []
    for at in np.arange(
        times_s[0] + 1.5 - ago_s[0], times_s[-1] - 0.5
    ):  # half a second after each flash
        frame = int(np.argmin(np.abs(times_s - (at - 0.5))))
        flash = times_s[frame] - (ago_s[frame] + 0.5) % 1 + 0.5
        begin = round((flash - 0.4) * RATE)
        loud = np.flatnonzero(sound[begin : begin + round(0.8 * RATE)] > _LOUD)
        if not len(loud):
            raise StreamError(f"no beep at {flash:.1f} s")
        flashes.append(float(flash))
        apart.append(float((begin + int(loud[0])) / RATE - flash))
    return flashes, apart


def _frames(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times of frames in a recording, and how long before each the last flash was, (n,)."""
    size = f"{_NUM_BITS}:2"
    options = ("-map", "0:v:0", "-fps_mode", "passthrough", "-vf", f"scale={size}:flags=area")
    data = ffmpeg("-i", path, *options, "-pix_fmt", "gray", "-f", "rawvideo", "-")
    bits = np.frombuffer(data, np.uint8).reshape(-1, 2, _NUM_BITS)[:, 0] > 128
    return np.array(picture_times_s(path)), bits @ (1 << np.arange(_NUM_BITS)) / 1000


def _sound(path: Path) -> NDArray[np.int32]:
    """Return the sound, (n,), from time 0 of the file on."""
    options = ("-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-ac", "1")
    data = ffmpeg("-i", path, *options, "-ar", str(RATE), "-f", "s16le", "-")
    return np.frombuffer(data, np.int16).astype(np.int32)


if __name__ == "__main__":
    run_command(main)
