"""A window on the screen."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import cv2

from stream.display import display_available
from stream.frame import Event, Output, OutputInfo, Sink, StreamError

KEYS = {27: "escape", 32: "space", 13: "enter"}


class Window(Sink):
    """`Sink` that shows outputs: live ones at once, a file's at its own pace, photos until a key.

    Args:
        title: of the window, which also identifies it.
        info: of the outputs.

    Raises:
        StreamError: there is no display.
    """

    main_thread = True

    def __init__(self, title: str, info: OutputInfo) -> None:
        """Check that there is a display."""
        if not display_available():
            raise StreamError(
                "window: there is no display; write to a file instead, as in -o out.mp4"
            )
        self._title = title
        self._stream = info.stream
        self._events: list[Event] = []
        self._closed = False
        self._started: float | None = None

    def __enter__(self) -> Self:
        """Open the window."""
        width, height = self._stream.width, self._stream.height
        scale = min(1.0, 1600 / width, 900 / height)
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
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
        colours = cv2.COLOR_RGBA2BGRA if output.image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        cv2.imshow(self._title, cv2.cvtColor(output.image, colours))
        self._look(1)
        while self._stream.fps is None and not self._events:
            self._look(30)

    def poll(self) -> list[Event]:
        """Return the keys pressed; see `Sink`."""
        if not self._closed:
            self._look(1)
        events, self._events = self._events, []
        return events

    def _wait_for(self, time_s: float) -> None:
        """Hold a frame of a file back until it is due."""
        if self._stream.live or self._stream.fps is None:
            return
        if self._started is None:
            self._started = time.monotonic() - time_s
        while not self._events and (early_s := self._started + time_s - time.monotonic()) > 0.002:
            self._look(max(1, min(30, int(early_s * 1e3))))

    def _look(self, wait_ms: int) -> None:
        """Let the window system work and note what happened."""
        code = cv2.waitKey(wait_ms)
        if code >= 0:
            self._events.append(Event("key", KEYS.get(code & 0xFF, chr(code & 0xFF))))
        if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            self._closed = True
            self._events.append(Event("closed"))
