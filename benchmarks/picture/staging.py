"""What each effect, and each part of the staging, costs a frame.

python -m benchmarks.picture.staging [--turns 20]

Prints one JSON object a size: the median of milliseconds for a frame, on one thread, of a video's
8 bits ("yuv") and of a camera's RGB ("rgb"), somebody in a third of the picture. "contain" is
`replace` with all of a photo, "frame" the cropping and, apart, "follow" finding the people in a
mask of 256x144 and the next crop; "change" what a frame costs between blur and grey.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from effects import Blur, Grey, Replace
from effects.over.front import Front
from effects.placing import Placing
from segmentation.instances import Instances
from segmentation.picture import Picture, RgbPicture
from stream.frame import Frame
from stream.framing.crop import Crop
from stream.framing.following import Following
from stream.framing.subject import subject_box
from stream.looks.look import Look, Staging
from stream.looks.showing import Seen, Showing, mixed
from stream.process_settings import settle_process
from stream.yuv420 import YuvCoding, YuvPicture

SIZES_HW = ((720, 1280), (1080, 1920))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=20)
    options = parser.parse_args()
    settle_process()  # as every run does
    cv2.setNumThreads(1)
    for size_hw in SIZES_HW:
        print(json.dumps({"size": f"{size_hw[1]}x{size_hw[0]}", **costs(size_hw, options.turns)}))


def costs(size_hw: tuple[int, int], turns: int) -> dict[str, dict[str, float]]:
    """Return milliseconds for a frame, by what is done, for each coding."""
    return {coding: _costs(size_hw, coding, turns) for coding in ("yuv", "rgb")}


def _costs(size_hw: tuple[int, int], coding: str, turns: int) -> dict[str, float]:
    image, alpha = _dark_person(size_hw)
    photo = np.ascontiguousarray(image[:, ::-1][: size_hw[0] // 2])
    logo = np.full((size_hw[0] // 6, size_hw[1] // 5, 4), 160, np.uint8)
    looks = {
        "blur": Look(Blur()),
        "grey": Look(Grey()),
        "replace": Look(Replace(photo)),
        "contain": Look(Replace(photo, Placing("contain"))),
        "blur, light": Look(Blur(), staging=Staging(light=True)),
        "blur, light wrap": Look(Blur(), staging=Staging(light_wrap=True)),
        "replace, light wrap": Look(Replace(photo), staging=Staging(light_wrap=True)),
        "blur, front": Look(Blur(), staging=Staging(front=Front(logo, Placing(x=1.0, y=0.0)))),
    }
    showing = Showing()

    def seen() -> Seen:
        """Return it without anything that was made of it before."""
        made: Picture = RgbPicture(image)
        if coding == "yuv":
            made = YuvPicture(*planes, YuvCoding("bt709"))
        return Seen(Frame(made, 0, 0.0), alpha, lambda: None)

    planes = YuvPicture.of_rgb(image, YuvCoding("bt709")).planes
    tasks: dict[str, Callable[[], object]] = {
        name: lambda look=look: showing.shown(seen(), look)  # type: ignore[misc]
        for name, look in looks.items()
    }
    tasks["frame"] = lambda: seen().cropped(Crop(0.21, 0.12, 0.61))
    tasks["change"] = lambda: mixed(
        showing.shown(seen(), looks["blur"]), showing.shown(seen(), looks["grey"]), 0.4
    )
    found = Instances.of_mask(np.asarray(cv2.resize(alpha, (256, 144)), np.uint8))
    follows = Following()
    tasks["follow"] = lambda: follows.crop(
        subject_box(found), 0.0, 0, is_known=True, is_wanted=True
    )
    return {name: _median_ms(task, turns) for name, task in tasks.items()}


def _median_ms(task: Callable[[], object], turns: int) -> float:
    task()
    times = []
    for _ in range(turns):
        started = time.perf_counter()
        task()
        times.append(time.perf_counter() - started)
    return round(1e3 * statistics.median(times), 2)


def _dark_person(size_hw: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    height, width = size_hw
    coarse = np.random.default_rng(3).integers(90, 250, (height // 40, width // 40, 3), np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    alpha = np.zeros(size_hw, np.uint8)
    cv2.ellipse(alpha, (width // 2, height), (width // 5, height * 3 // 4), 0, 0, 360, 255, -1)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (9, 9), 0), np.uint8)
    image[alpha > 128] = image[alpha > 128] // 3
    return np.asarray(image, np.uint8), alpha


if __name__ == "__main__":
    run_command(main)
