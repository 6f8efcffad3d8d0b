"""A window on the screen."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from effects import over_black
from stream.display import why_no_window, x11_available
from stream.errors import StreamError
from stream.frame import Event, Output, OutputInfo, Sink
from stream.pace import Pace
from stream.sinks.parts.keyboard import key_of
from stream.sinks.parts.shown_window import CLICK, CLOSED, KEY
from stream.sinks.parts.window_process import WindowProcess

_NUM_SILENT = 20  # polls that find the display silent, before it is told
_REFRESH_S = 0.2  # between two drawings of the same output
_REFRESH_SHARE = 3  # times as long as a drawing takes, at least: those of large photos do


class Window(Sink):
    """`Sink` that shows outputs: live ones and photos at once, those of a video at its own pace.

    It is shown by a process of its own, since a display that stops answering holds up whoever asks
    it for something, and one that ends, ends whoever shows a window on it. The first is told, and
    the other outputs go on; the second is as if a person had closed the window.

    Args:
        title: of the window, which also identifies it.
        info: of the outputs.
        on_message: told, in one line, that its display does not answer, does again, or has ended.

    Raises:
        StreamError: there is no display, or it refuses.
    """

    watched = True
    on_time = True

    def __init__(
        self,
        title: str,
        info: OutputInfo,
        on_message: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Check that a window can be opened."""
        if (reason := why_no_window()) is not None:
            raise StreamError(f"window: {reason}; write to a file instead, as in -o out.mp4")
        self._title = title
        self._stream = info.in_square_pixels().stream
        self._on_message = on_message
        self._process: WindowProcess | None = None
        self._is_silent, self._num_silent = False, 0
        self._is_over = threading.Event()  # nobody waits for it any more
        self._pace = Pace()
        self._draw: Callable[[Output], NDArray[np.uint8]] | None = None
        self._drawing = threading.Lock()  # held by the thread that draws
        self._shown: Output | None = None
        self._due = 0.0  # when it is drawn again

    def decorate(self, draw: Callable[[Output], NDArray[np.uint8]]) -> None:
        """Show what `draw` makes of an output, and tell of clicks.

        Args:
            draw: gives (h, w, 3) uint8 RGB of any size; called again for the same output when it
                stays, so that what it writes there can change. From one thread at a time.
        """
        self._draw = draw

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or no longer."""
        if self._process is not None:
            self._process.toggle_fullscreen()

    def open(self) -> None:
        """Open the window, which takes a moment: nobody waits for it here."""
        width, height = self._stream.width, self._stream.height
        scale = min(1.0, 1600 / width, 900 / height)
        self._process = WindowProcess(self._title, (round(width * scale), round(height * scale)))

    def close(self) -> None:
        """Close the window, unless the person has."""
        if self._process is not None:
            self._process.close()

    def interrupt(self) -> None:
        """See `Sink`."""
        self._is_over.set()
        if self._process is not None:
            self._process.kill()

    def write(self, output: Output) -> None:
        """Show one output, unless the display does not answer; see `Sink`.

        Raises:
            StreamError: it was interrupted.
        """
        process = self._process
        if process is None or not process.is_there:
            return
        self._wait_for(output.frame.time_s, process)
        if process.wait_until_shown():  # the one before; this one is on its way meanwhile
            with self._drawing:
                self._show(output, process)
        if self._is_over.is_set():
            raise StreamError("window: was ended")

    def complete(self, *, cut_short: bool) -> None:
        """Wait until the last output is seen; see `Sink`."""
        if self._process is not None:
            self._process.wait_until_shown()

    def poll(self) -> list[Event]:
        """Return keys pressed and clicks; see `Sink`.

        Raises:
            StreamError: something has ended the window, and its display is still there.
        """
        if self._process is None:
            return []
        events = [event for news in self._process.news() for event in self._events(*news)]
        self._tell_silence(self._process)
        if events:
            self._due = 0.0  # what they change is drawn at once
        self._draw_again(self._process)
        return events

    def _tell_silence(self, process: WindowProcess) -> None:
        # whoever was stopped, as by Ctrl-Z, hears only now what was said meanwhile
        self._num_silent = self._num_silent + 1 if process.is_silent else 0
        is_silent = self._num_silent > _NUM_SILENT
        if is_silent != self._is_silent:
            self._is_silent = is_silent
            answers = "does not answer; all else goes on" if is_silent else "answers again"
            self._on_message(f"window: its display {answers}")

    def _draw_again(self, process: WindowProcess) -> None:
        """Draw what is shown anew where that is due and nobody is at it."""
        is_due = self._draw is not None and time.monotonic() > self._due
        if (
            is_due
            and process.is_there
            and process.is_idle
            and self._drawing.acquire(blocking=False)
        ):
            try:
                if self._shown is not None and process.is_idle:
                    self._show(self._shown, process)
            finally:
                self._drawing.release()

    def _show(self, output: Output, process: WindowProcess) -> None:
        began = time.monotonic()
        plain = output if self._draw else output.in_square_pixels()
        drawn = self._draw(output) if self._draw else over_black(plain.in_srgb.rgb)
        self._shown = output  # before a click on it can come
        process.show(drawn)
        now = time.monotonic()
        self._due = now + max(_REFRESH_S, _REFRESH_SHARE * (now - began))

    def _events(self, what: bytes, numbers: tuple[int, ...]) -> list[Event]:
        """Return what a person did, if it means anything."""
        if what == KEY:
            return [Event("key", key_of(numbers[0]))]
        if what == CLICK:
            x, y, width, height = numbers
            if self._draw is None or self._shown is None:
                return []
            frame_h, frame_w = self._shown.picture.size_hw  # of photos each may have another size
            return [Event("click", at_xy=(x * frame_w // width, y * frame_h // height))]
        if what != CLOSED:
            self._check_display()
        return [Event("closed")]

    def _check_display(self) -> None:
        """Say that the display has ended.

        Raises:
            StreamError: it has not; something else ended the window.
        """
        if sys.platform != "linux" or x11_available():
            assert self._process is not None
            status = self._process.status()
            how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
            raise StreamError(f"window: its process was ended {how}")
        self._on_message("window: its display has ended; the run ends with it")

    def _wait_for(self, time_s: float, process: WindowProcess) -> None:
        """Hold a frame of a file back until it is due."""
        if self._stream.live or self._stream.fps is None:
            return
        while (early_s := self._pace.early_s(time_s)) > 0.002:
            if self._is_over.wait(min(early_s, 0.03)) or not process.is_there:
                return
