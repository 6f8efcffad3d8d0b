"""Stands in for OpenCV's windows: as strict as they are, and seen by nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from stream.sinks.parts import window_process


class Windows:
    """The windows that are open, by title, and what each shows."""

    def __init__(self) -> None:
        self.shown: dict[str, np.ndarray | None] = {}
        self.keys: list[int] = []
        self.size_wh = (0, 0)

    def open(self, title: str, flags: int) -> None:
        self.shown[title] = None

    def resize(self, title: str, width: int, height: int) -> None:
        self._check(title)
        self.size_wh = (width, height)

    def listen(self, title: str, on_mouse: Callable[..., None]) -> None:
        self._check(title)

    def show(self, title: str, image: np.ndarray) -> None:
        self.shown[title] = image.copy()  # one that is not there is made

    def close(self, title: str) -> None:
        """Close a window as a person does. Where none is left, Qt's part of OpenCV is gone."""
        self.shown.pop(title, None)

    def key(self, wait_ms: int) -> int:
        return self.keys.pop(0) if self.keys else -1

    def is_visible(self, title: str, what: int) -> float:
        if not self.shown:
            raise cv2.error("NULL guiReceiver (please create a window)")
        return float(title in self.shown)

    def rectangle(self, title: str) -> tuple[int, int, int, int]:
        self._check(title)
        return 0, 0, *self.size_wh

    def change(self, title: str, what: int, value: float) -> None:
        self._check(title)

    def _check(self, title: str) -> None:
        if title not in self.shown:
            raise cv2.error(f"NULL window: '{title}'")

    def install(self) -> None:
        """Put them in the place of OpenCV's functions, for good."""
        vars(cv2).update(self.functions())

    def functions(self) -> dict[str, Any]:
        """Return what stands in for OpenCV's functions, by their names."""
        return {
            "namedWindow": self.open,
            "resizeWindow": self.resize,
            "setMouseCallback": self.listen,
            "imshow": self.show,
            "waitKeyEx": self.key,
            "getWindowProperty": self.is_visible,
            "setWindowProperty": self.change,
            "getWindowImageRect": self.rectangle,
        }


def drawn_by_nobody(monkeypatch: pytest.MonkeyPatch) -> Windows:
    """Put stand-ins in the place of OpenCV's functions for windows, in this process."""
    windows = Windows()
    for name, function in windows.functions().items():
        monkeypatch.setattr(cv2, name, function)
    return windows


def windows_instead(monkeypatch: pytest.MonkeyPatch, more: str = "pass") -> None:
    """Let `Window` need no display: the process that it starts has stand-ins.

    Args:
        monkeypatch: the fixture.
        more: Python that changes `Windows` there.
    """
    monkeypatch.setattr("stream.sinks.window.why_no_window", lambda: None)
    program = window_process.PROGRAM.replace(
        "show_window(",
        f"from {__name__} import Windows; {more}; Windows().install(); show_window(",
    )
    assert program != window_process.PROGRAM
    monkeypatch.setattr(window_process, "PROGRAM", program)
