"""The control page under random clicks: memory, errors, what a picture costs.

python -m benchmarks.endurance.control [--minutes 2] [--seed 0] [--axe PATH/axe.min.js]

A run of the demo, 640x480 at 30 frames a second with the portrait network, goes on without an end,
in this process. Headless Chromium opens its page and does one thing after the other at random:
presses a button (but that which ends the run), chooses an effect or a background, moves the slider,
clicks in the picture, drops a photo, loads the page again.

Prints what a picture costs for outputs of several sizes, milliseconds of a processor; how often
each thing was done; what went wrong on the page; frames a second without a page and with it; the
memory of this process after each fifth of the time. With `--axe`, a copy of
axe-core (npm pack axe-core), it looks at the page in light and dark, wide and narrow, and prints
what that finds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from benchmarks.common.command import run_command
from segmentation.loading import load
from segmentation.picture import RgbPicture
from stream.control.preview import Pictures
from stream.control.server import LIMITS, ControlServer
from stream.frame import Frame, Source, StreamInfo
from stream.live.control import LiveControl
from stream.live.preview import Preview
from stream.opening import open_run
from stream.running.loop import Run, play
from stream.serve.site.settings import Settings
from stream.sources.demo import Demo
from stream.yuv420 import YuvCoding, YuvPicture
from tests.stand_ins.fakes import output_of
from tests.users.browsing import chromium

SIZES_HW = ((480, 640), (720, 1280), (1080, 1920), (2160, 3840))
NUM_PICTURES = 40
MEASURED_S = 5.0
#: Wide and narrow, as the page's own tests have them.
SCREENS = ({"width": 1280, "height": 800}, {"width": 390, "height": 844})


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--axe", type=Path, metavar="axe.min.js")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where recordings go
        with _running() as (run, control, address):
            _print_costs(control)
            alone = _fps(run)
            with chromium() as browser:
                if options.axe is not None:
                    _look_with_axe(browser, address, options.axe.read_text())
                _click(browser, address, run, options, alone)


def _silent(text: str) -> None:
    """Tell nobody."""


class Endless(Source):
    """`Source`: the demo, again and again, as a camera gives it."""

    def __init__(self) -> None:
        """Read it."""
        super().__init__()
        with Demo() as demo:
            self.info = StreamInfo(demo.info.width, demo.info.height, demo.info.fps, live=True)
            self._images = [frame.image for frame in demo]

    def __iter__(self) -> Iterator[Any]:
        """Yield frames until interrupted; see `Source`."""
        began, step_s = time.monotonic(), float(1 / (self.info.fps or 30))
        for index, image in enumerate(itertools.cycle(self._images)):
            if self._interrupted.wait(max(0.0, began + index * step_s - time.monotonic())):
                return
            yield Frame(RgbPicture(image), index, index * step_s)


@contextmanager
def _running() -> Iterator[tuple[Run, LiveControl, str]]:
    """Give a run that goes on, what controls it, and where its page is."""
    given: list[Any] = []
    settings = Settings(port=0, for_programs=True, limits=LIMITS)
    with Endless() as source, ControlServer(settings, "demo:", None, _silent) as server:

        def attend(control: LiveControl, preview: Preview) -> None:
            given.append(control)
            server.attend(control, preview)

        network = load("portrait")
        with open_run(source, "null:", segmenter=network, attend=attend, on_message=_silent) as run:
            thread = threading.Thread(target=play, args=(run,))
            thread.start()
            try:
                yield run, given[0], f"http://localhost:{server.settings.port}/"
            finally:
                run.stop.set()
                thread.join()


# === What it costs ===


def _print_costs(control: LiveControl) -> None:
    for height, width in SIZES_HW:
        spots = np.random.default_rng(0).integers(0, 256, (27, 48, 3), np.uint8)
        image = np.asarray(cv2.resize(spots, (width, height)), np.uint8)
        preview = Preview()
        pictures, taken_s = Pictures(control, preview), []
        for _ in range(NUM_PICTURES):
            picture = YuvPicture.of_rgb(image, YuvCoding("bt709"))
            output = output_of(image)
            preview.write(type(output)(output.frame, picture, output.alpha, None))
            began_s = time.thread_time()
            pictures.look()
            taken_s.append(time.thread_time() - began_s)
        size = f"{width}x{height}, {len(pictures.jpeg or b'') / 1000:.0f} kB"
        print(f"a picture of {size}: {np.median(taken_s) * 1000:.1f} ms")


def _fps(run: Run) -> float:
    before, began_s = run.stats.counts["processed"], time.monotonic()
    time.sleep(MEASURED_S)
    return (run.stats.counts["processed"] - before) / (time.monotonic() - began_s)


# === Clicks ===


def _click(browser: Any, address: str, run: Run, options: argparse.Namespace, alone: float) -> None:
    """Do things at random, and print what came of it."""
    chance, done, wrong = random.Random(options.seed), Counter[str](), list[str]()
    page = browser.new_page(viewport=SCREENS[0])
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    _open(page, address)
    beside = _fps(run)
    process, fifth_s = psutil.Process(), 12 * options.minutes
    ends_s, memory_mb = time.monotonic() + 5 * fifth_s, list[float]()
    while time.monotonic() < ends_s:
        do = chance.choice((_press, _press, _choose, _slide, _point, _drop, _reload))
        done[do.__name__.strip("_")] += 1
        do(page, chance)
        page.wait_for_timeout(chance.uniform(20, 300))
        if time.monotonic() > ends_s - (4 - len(memory_mb)) * fifth_s:
            memory_mb.append(process.memory_info().rss / 1e6)
    page.wait_for_selector("#status.live")
    print(f"done: {', '.join(f'{name} {num}' for name, num in sorted(done.items()))}")
    print(f"went wrong on the page: {'; '.join(sorted(set(wrong))) or 'nothing'}")
    print(f"frames a second: {alone:.1f} without a page, {beside:.1f} with it")
    print(f"memory after each fifth: {', '.join(f'{mb:.0f}' for mb in memory_mb)} MB")


def _open(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("#status.live")
    page.wait_for_selector("#picture:not([hidden])")


def _press(page: Any, chance: random.Random) -> None:
    buttons = page.locator("button[data-name]:enabled:not([data-name=quit])")
    buttons.nth(chance.randrange(buttons.count())).click()


def _choose(page: Any, chance: random.Random) -> None:
    choices = page.locator(".choice")
    choices.nth(chance.randrange(choices.count())).click()


def _slide(page: Any, chance: random.Random) -> None:
    if page.is_visible("#c-strength"):
        page.focus("#c-strength")
        for _ in range(chance.randrange(1, 8)):
            page.keyboard.press(chance.choice(("ArrowLeft", "ArrowRight", "Home", "End")))


def _point(page: Any, chance: random.Random) -> None:
    box = page.locator("#aim").bounding_box()
    page.mouse.click(
        box["x"] + box["width"] * chance.random(), box["y"] + box["height"] * chance.random()
    )


def _drop(page: Any, chance: random.Random) -> None:
    if chance.random() < 0.2:
        image = np.full((900, 1600, 3), [chance.randrange(256) for _ in range(3)], np.uint8)
        data = bytes(cv2.imencode(".jpg", image)[1])
        name = f"photo {chance.randrange(9)}.jpg"
        page.set_input_files("#photo", {"name": name, "mimeType": "image/jpeg", "buffer": data})


def _reload(page: Any, chance: random.Random) -> None:
    if chance.random() < 0.1:
        _open(page, page.url)


# === Access ===


def _look_with_axe(browser: Any, address: str, axe: str) -> None:
    """Print what axe-core finds."""
    for size, scheme in itertools.product(SCREENS, ("light", "dark")):
        context = browser.new_context(viewport=size, color_scheme=scheme)
        page = context.new_page()
        _open(page, address)
        page.evaluate(axe)
        found = page.evaluate("axe.run(document)")
        title = f"axe {found['testEngine']['version']}, {size['width']} pixels, {scheme}"
        num = len(found["passes"])
        print(f"{title}: {len(found['violations'])} violations, {num} rules passed")
        for kind in ("violations", "incomplete"):
            for rule in found[kind]:
                places = ", ".join(str(node["target"][0]) for node in rule["nodes"][:6])
                print(f"  {kind}: {rule['id']} ({rule['impact']}): {places}")
        context.close()


if __name__ == "__main__":
    run_command(main)
