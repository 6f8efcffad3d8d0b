"""What a virtual camera costs that nobody reads, and how soon it is there again.

python -m benchmarks.endurance.resting [--seconds 20] [--times 10]

The devices are stand-ins: a camera of 1280x720 at 30 frames a second, and a virtual one, of a
driver that says who reads it and of an old one, which does not. Prints for each, in percent of one
processor, what the program takes while a program reads and while none does, and how long it takes
from the first reader to the first picture, the median and the longest. A real camera needs longer
to open.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.common.command import run_command
from stream.opening import open_run
from stream.running.loop import play
from stream.sources.camera import Camera
from tests.stand_ins.devices.fake_virtual_camera import Device, device_instead
from tests.stand_ins.devices.video_kernel import VideoKernel, VideoNode, video_kernel
from tests.stream.cameras.holding import holding

SIZE_WH, FPS, COLOUR = (1280, 720), 30, (60, 90, 120)
WAIT_S = 30.0
Reader = Callable[[], AbstractContextManager[object]]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--times", type=int, default=10, help="it is woken")
    options = parser.parse_args()
    print(f"{'driver':<8}{'read':>8}{'not read':>10}{'woken after':>13}{'longest':>9}")
    for driver, says_who_reads in (("new", True), ("old", False)):
        with tempfile.TemporaryDirectory() as folder, video_kernel(Path(folder)) as kernel:
            print(f"{driver:<8}{_measured(kernel, says_who_reads, options)}", flush=True)


def _measured(kernel: VideoKernel, says_who_reads: bool, options: argparse.Namespace) -> str:
    """Return the rest of a row."""
    kernel.add(0, VideoNode("Webcam", {"MJPG": {SIZE_WH: [FPS]}}, bgr=COLOUR))
    node = VideoNode("maskcast", {}, driver="v4l2 loopback")
    path = kernel.add(10, node)
    node.num_readers = 0 if says_who_reads else None

    @contextmanager
    def reading() -> Iterator[None]:
        node.num_readers = 1
        yield
        node.num_readers = 0

    reader: Reader = reading if says_who_reads else lambda: holding(path)
    with pytest.MonkeyPatch.context() as patch:
        device_instead(patch)
        with Camera(0, print) as camera, _playing(camera, path):
            with reader():
                _wait(lambda: camera.is_on and len(Device.sent) > FPS)
                Device.sent.clear()
                busy = _share(options.seconds)
            _wait(lambda: not camera.is_on)
            idle = _share(options.seconds)
            woken_s = [_woken_s(reader, camera) for _ in range(options.times)]
    longest, median = max(woken_s), float(np.median(woken_s))
    return f"{busy:>7.1%}{idle:>10.2%}{median * 1000:>10.0f} ms{longest * 1000:>6.0f} ms"


@contextmanager
def _playing(camera: Camera, path: Path) -> Iterator[None]:
    with open_run(camera, f"virtualcam:{path}", on_message=lambda text: None) as run:
        thread = threading.Thread(target=play, args=(run,))
        thread.start()
        try:
            yield
        finally:
            run.stop.set()
            thread.join()


def _share(seconds: float) -> float:
    """Return the processor time of this process meanwhile, as a share of one processor."""
    before_s, began_s = time.process_time(), time.monotonic()
    time.sleep(seconds)
    return (time.process_time() - before_s) / (time.monotonic() - began_s)


def _woken_s(reader: Reader, camera: Camera) -> float:
    """Let somebody read; return the seconds until there is a new picture."""
    _wait(lambda: not camera.is_on)
    _wait(lambda: _is_covered(Device.sent[-1][1]))
    began_s = time.monotonic()
    with reader():
        _wait(lambda: not _is_covered(Device.sent[-1][1]))
        return time.monotonic() - began_s


def _is_covered(image: np.ndarray) -> bool:
    """Return whether a picture is darker than the camera's."""
    return bool(image[::60].mean() < 0.8 * np.mean(COLOUR))


def _wait(until: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not until():
        if time.monotonic() > end_s:
            raise TimeoutError(f"not within {WAIT_S:.0f} s")
        time.sleep(0.005)


if __name__ == "__main__":
    run_command(main)
