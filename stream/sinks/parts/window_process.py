"""The process that shows a window, as the run sees it."""

from __future__ import annotations

import contextlib
import io
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.sinks.parts.shared_picture import SharedPicture
from stream.sinks.parts.shown_window import CLOSED, NEWS, OPENED, ORDER, SHOWN

ROOT = Path(__file__).parents[3]
#: What the process runs; where the program lies is its first argument.
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    "from stream.sinks.parts.shown_window import show_window;"
    "show_window(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))"
)
#: A display that takes longer for a picture has stopped answering; the first one waits for the
#: process as well.
SILENT_S, STARTING_S = 5.0, 30.0


class WindowProcess:
    """Starts the process, gives it pictures, and hears what happens at the window.

    Nothing here waits for the display, unless `wait_until_shown` is called. The process ends with
    this one, however that ends.

    Args:
        title: of the window.
        size_wh: of it at first, in pixels.
    """

    def __init__(self, title: str, size_wh: tuple[int, int]) -> None:
        """Start it."""
        self._picture = SharedPicture()
        arguments = [str(ROOT), title, self._picture.handle, *map(str, size_wh)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            pass_fds=self._picture.inherited,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what Qt says of fonts is for nobody
            bufsize=0,
            process_group=0,  # Ctrl-C in a terminal is for us
        )
        self._news: queue.SimpleQueue[tuple[bytes, tuple[int, ...]]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._due_s: float | None = None  # when the picture on its way must be seen
        self._opens_until_s = time.monotonic() + STARTING_S
        self._is_there, self._is_closed = True, False
        self._hearing = threading.Thread(target=self._hear, name="window hear")
        self._hearing.start()

    @property
    def pid(self) -> int:
        """Process number, for tests and people."""
        return self._process.pid

    @property
    def is_there(self) -> bool:
        """Whether there is still a window."""
        return self._is_there

    @property
    def is_idle(self) -> bool:
        """Whether the last picture is seen."""
        return self._due_s is None

    @property
    def is_silent(self) -> bool:
        """Whether the display has stopped answering."""
        due_s = self._due_s
        return due_s is not None and time.monotonic() > due_s

    def show(self, image: NDArray[np.uint8]) -> None:
        """Give it a picture, (h, w, 3) uint8 RGB, once the one before is seen."""
        with self._changed:
            if self._is_there:
                self._due_s = max(time.monotonic() + SILENT_S, self._opens_until_s)
                self._order(*self._picture.put(image))

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or no longer."""
        self._order(0, 0)

    def wait_until_shown(self) -> bool:
        """Wait until the last picture is seen, or the window gone; `False` of a silent display."""
        with self._changed:
            while self._due_s is not None:
                left_s = self._due_s - time.monotonic()
                if left_s < 0:
                    return False
                self._changed.wait(left_s + 0.001)
        return True

    def news(self) -> Iterator[tuple[bytes, tuple[int, ...]]]:
        """Yield what happened since the last time: `KEY`, `CLICK`, `CLOSED`, or its end as b""."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._news.get_nowait()

    def status(self) -> int:
        """Wait for its end, after that was news, and return the exit status (< 0: a signal)."""
        return self._process.wait()

    def kill(self) -> None:
        """End it at once, and every wait for it. May be called from any thread, and again."""
        self._process.kill()

    def close(self) -> None:
        """End it and free it. May be called again."""
        if self._is_closed:
            return
        self._is_closed = True
        self.kill()
        self._hearing.join()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._picture.close()

    def _order(self, height: int, width: int) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it has ended, which `_hear` notices
            self._process.stdin.write(ORDER.pack(height, width))

    def _hear(self) -> None:
        assert isinstance(self._process.stdout, io.RawIOBase)
        is_closed = False
        with io.BufferedReader(self._process.stdout) as told:
            while len(data := told.read(NEWS.size)) == NEWS.size:
                what, *numbers = NEWS.unpack(data)
                is_closed = is_closed or what == CLOSED
                if what == OPENED:
                    self._has_opened()
                elif what == SHOWN:
                    self._end_of_wait()
                else:
                    self._news.put((what, tuple(numbers)))
        self._is_there = False
        self._end_of_wait()
        if not is_closed:
            self._news.put((b"", ()))

    def _has_opened(self) -> None:
        with self._changed:
            self._opens_until_s = 0.0
            if self._due_s is not None:
                self._due_s = time.monotonic() + SILENT_S

    def _end_of_wait(self) -> None:
        with self._changed:
            self._due_s = None
            self._changed.notify_all()
