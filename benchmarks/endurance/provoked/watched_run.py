"""`run.py`, watched, with stand-ins for devices: what `faults` starts.

python -m benchmarks.endurance.provoked.watched_run FOLDER CAMERA ARGUMENT ...

The arguments are those of `run.py`. FOLDER gets the file `first` with the first frame, and at the
end, whichever it is, `counts.json`: what was counted, times of the first and the last frame in
seconds, and how often the virtual camera was sent a picture.

CAMERA says what the webcam gives, "" for none: each opening after a "/", its reads as NUMBERxKIND
with commas, KIND being a size such as 160x120, or `none` for a read that fails. After the last
opening there is no camera any more: "60x160x120,1xnone,60x160x120/60x80x60".
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import run  # before OpenCV comes: it settles what that says

# isort: split
import cv2
import numpy as np

from stream.frame import Frame
from stream.pipeline import Pipeline, Tracked
from stream.running import loop
from stream.sources.demo import Demo
from tests.stand_ins.devices import fake_camera

FPS = 30


class PacedCamera(fake_camera.Device):
    """A camera that gives its pictures when they are due."""

    def __init__(self, number: int, backend: int) -> None:
        super().__init__(number, backend)
        self._due_s = time.monotonic()

    def read(self) -> tuple[bool, Any]:
        """Wait for the next picture."""
        self._due_s += 1 / FPS
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        return super().read()


def openings(plan: str) -> list[list[np.ndarray | None]]:
    """Return what each opening of the camera gives, as the plan says."""
    rng, portrait = np.random.default_rng(1), first_of_demo()

    def read(kind: str) -> np.ndarray | None:
        if kind == "none":
            return None
        width, height = map(int, kind.split("x"))
        image = cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA)
        return cv2.add(image, rng.integers(0, 6, image.shape, np.uint8))  # as a sensor's noise

    def reads(opening: str) -> list[np.ndarray | None]:
        pieces = [piece.split("x", 1) for piece in opening.split(",")]
        return [read(kind) for number, kind in pieces for _ in range(int(number))]

    return [reads(opening) for opening in plan.split("/")]


def first_of_demo() -> np.ndarray:
    """Return the demo's first picture, (H, W, 3) uint8, BGR."""
    with Demo() as demo:
        return np.ascontiguousarray(next(iter(demo)).image[..., ::-1])


def watch(folder: Path) -> None:
    """Note times and counts of the run that is played."""
    times_s: list[float] = []
    track, play = Pipeline.track, loop.play

    def noted(pipeline: Pipeline, frame: Frame) -> list[Tracked]:
        if not times_s:
            (folder / "first").touch()
        times_s[1:] = [frame.time_s]
        return track(pipeline, frame)

    def counted(run: loop.Run, *, on_progress: Callable[[], None] | None = None) -> bool:
        try:
            return play(run, on_progress=on_progress)
        finally:
            counts = {**run.stats.counts, "virtual": num_sent()}
            (folder / "counts.json").write_text(json.dumps({"counts": counts, "times_s": times_s}))

    Pipeline.track = noted  # type: ignore[method-assign]
    loop.play = counted


def num_sent() -> int:
    """Return how often the virtual camera was sent a picture."""
    module = sys.modules.get("tests.stand_ins.devices.fake_virtual_camera")
    return 0 if module is None else len(module.Device.sent)


def put_devices(plan: str, *, virtual: bool) -> None:
    """Put stand-ins in the place of webcam and virtual camera."""
    if plan:
        fake_camera.Device.openings = openings(plan)
        cv2.VideoCapture = PacedCamera
    if virtual:
        from tests.stand_ins.devices import fake_virtual_camera

        fake_virtual_camera.pyvirtualcam.camera.BACKENDS = {"fake": fake_virtual_camera.Device}


def main() -> None:
    """Run the program."""
    folder, plan, *arguments = sys.argv[1:]
    sys.argv[0] = "run.py"
    put_devices(plan, virtual="virtualcam:" in arguments)
    watch(Path(folder))
    sys.exit(run.main(arguments))


if __name__ == "__main__":
    main()
