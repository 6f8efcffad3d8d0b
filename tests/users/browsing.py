"""The page of the server in a real Chromium."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from tests.users.serving import Served

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
GREEN = (15, 138, 75)  # of which the demo's room has nothing
ROOM_AREA = (slice(45, 155), slice(515, 595))  # where nobody ever is in it: rows, columns

GRAB = """id => {
  const video = document.getElementById(id), canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png');
}"""


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """A browser that allows the camera unasked; without one the test is skipped."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"needs Chromium, one of {', '.join(BROWSERS)}")
    args = ["--no-sandbox", "--use-fake-ui-for-media-stream", *arguments]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=args)
        yield running
        running.close()


class Visit:
    """A page of the server, and what went wrong on it."""

    def __init__(self, browser: Any, running: Served, **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.running = running
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on(
            "console", lambda said: self.wrong.append(said.text) if said.type == "error" else None
        )
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"http://localhost:{running.server.settings.port}/")

    def start(self) -> Visit:
        self.page.click("#start")
        self.until(lambda: self.page.locator("#status.live").count() == 1)
        self.until(lambda: self.page.evaluate("document.getElementById('after').videoWidth") > 2)
        return self

    def grab(self, name: str = "after") -> NDArray[np.uint8]:
        """The picture in one of the two videos, (H, W, 3) RGB."""
        data = base64.b64decode(self.page.evaluate(GRAB, name).partition(",")[2])
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)

    def until(self, is_so: Callable[[], bool], wait_s: float = 60.0) -> None:
        end = time.monotonic() + wait_s
        while not is_so():
            assert time.monotonic() < end, (
                self.wrong,
                self.running.told,
                self.page.inner_text("body"),
            )
            self.page.wait_for_timeout(100)

    def replace(self) -> None:
        self.page.click("label:has(input[name=effect][value=replace])")
        self.page.click("label:has(input[name=background][value='#0f8a4b'])")
        self.until(lambda: share_of(self.grab()[ROOM_AREA], GREEN) > 0.95)


def share_of(image: NDArray[np.uint8], colour: tuple[int, ...]) -> float:
    return float((np.abs(image.astype(int) - colour).max(axis=2) < 30).mean())
