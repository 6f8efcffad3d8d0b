"""A window on the screen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import over_black
from stream.display import display_available
from stream.frame import Event, Output, OutputInfo, Sink, StreamError
from stream.pace import Pace

KEYS = {27: "escape", 32: "space", 13: "enter"}
_REFRESH_S = 0.2  # between two drawings of the same output


class Window(Sink):
    """`Sink` that shows outputs: live ones at once, a file's at its own pace, photos until a key.

    Args:
        title: of the window, which also identifies it.
        info: of the outputs.
        stop: once set, a photo waits for a key no longer.

    Raises:
        StreamError: there is no display.
    """

    main_thread = True

    def __init__(self, title: str, info: OutputInfo, stop: threading.Event) -> None:
        """Check that there is a display."""
        if not display_available():
            raise StreamError(
                "window: there is no display; write to a file instead, as in -o out.mp4"
            )
        self._title = title
        self._stream = info.stream
        self._stop = stop
        self._events: list[Event] = []
        self._closed = False
        self._pace = Pace()
        self._draw: Callable[[Output], NDArray[np.uint8]] | None = None
        self._shown: tuple[Output, float] | None = None
        self._fullscreen = False

    def decorate(self, draw: Callable[[Output], NDArray[np.uint8]]) -> None:
        """Show what `draw` makes of an output, and tell of clicks.

        Args:
            draw: gives (h, w, 3) uint8 RGB of any size; called again for the same output when it
                stays, so that what it writes there can change.
        """
        self._draw = draw

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or no longer."""
        self._fullscreen = not self._fullscreen
        mode = cv2.WINDOW_FULLSCREEN if self._fullscreen else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def __enter__(self) -> Self:
        """Open the window."""
        width, height = self._stream.width, self._stream.height
        scale = min(1.0, 1600 / width, 900 / height)
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(self._title, flags)
        cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
        cv2.setMouseCallback(self._title, self._on_mouse)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the window."""
        if not self._closed:
            cv2.destroyWindow(self._title)
            cv2.waitKey(1)

    def write(self, output: Output) -> None:
        """Show one output; see `Sink`."""
        if self._closed:
            return
        self._wait_for(output.frame.time_s)
        self._show(output)
        self._look(1)
        while self._stream.fps is None and not self._events and not self._stop.is_set():
            self._look(30)

    def poll(self) -> list[Event]:
        """Return keys pressed and clicks; see `Sink`."""
        if not self._closed:
            if self._draw and self._shown and time.monotonic() - self._shown[1] > _REFRESH_S:
                self._show(self._shown[0])
            self._look(1)
        events, self._events = self._events, []
        return events

    def _show(self, output: Output) -> None:
        image = self._draw(output) if self._draw is not None else over_black(output.image)
        self._size_hw = image.shape[:2]
        self._shown = output, time.monotonic()
        cv2.imshow(self._title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def _on_mouse(self, event: int, x: int, y: int, flags: int, given: object) -> None:
        if event != cv2.EVENT_LBUTTONDOWN or self._draw is None or self._shown is None:
            return
        height, width = self._size_hw
        stream = self._stream
        at_xy = x * stream.width // width, y * stream.height // height
        if 0 <= at_xy[0] < stream.width and 0 <= at_xy[1] < stream.height:
            self._events.append(Event("click", at_xy=at_xy))

    def _wait_for(self, time_s: float) -> None:
        """Hold a frame of a file back until it is due."""
        if self._stream.live or self._stream.fps is None:
            return
        while not self._events and (early_s := self._pace.early_s(time_s)) > 0.002:
            self._look(max(1, min(30, int(early_s * 1e3))))

    def _look(self, wait_ms: int) -> None:
        """Let the window system work and note what happened."""
        code = cv2.waitKey(wait_ms)
        if code >= 0:
            self._events.append(Event("key", KEYS.get(code & 0xFF, chr(code & 0xFF))))
        if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            self._closed = True
            self._events.append(Event("closed"))
