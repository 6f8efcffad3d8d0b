"""The window itself, in a process of its own, which `WindowProcess` starts.

What comes by standard input is shown, what a person does goes to standard output. A display may
stop answering, and where it ends the window system ends the process: neither is then any trouble to
the run, whose end is the end of this one too.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import signal
import struct
import threading
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.display import leave_events_to_qt
from stream.sinks.parts.shared_picture import SharedPicture

#: Height and width of the picture that is there to be shown; where both are 0, the window fills the
#: screen, or no longer.
ORDER = struct.Struct("<II")
#: What happened, then numbers that say more.
NEWS = struct.Struct("<cIIII")
#: The window is there; the last picture is seen; it was closed; a key's code; a click: where in the
#: picture, x and y, and its width and height.
OPENED, SHOWN, CLOSED, KEY, CLICK = b"o", b"s", b"x", b"k", b"c"

_LOOK_S = 0.01  # from one look at the window to the next, while no picture comes

#: Orders that have come.
Given = queue.SimpleQueue[tuple[int, int]]
#: Told what happened, and up to four numbers.
Tell = Callable[..., None]


def show_window(title: str, picture: str, width: int, height: int) -> None:
    """Show what comes until the window is closed; what the process runs.

    Args:
        title: of the window, which also identifies it.
        picture: handle of the room where pictures come, see `SharedPicture`.
        width: of its first size, in pixels.
        height: likewise.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever has started this
    leave_events_to_qt()
    cv2.setNumThreads(1)
    out, orders = os.dup(1), io.FileIO(os.dup(0))
    os.dup2(2, 1)  # whatever a library prints is no news
    given: Given = queue.SimpleQueue()
    threading.Thread(target=_take_orders, args=(orders, given), daemon=True).start()
    shared = SharedPicture(picture)

    def tell(what: bytes, *numbers: int) -> None:
        os.write(out, NEWS.pack(what, *numbers, *[0] * (4 - len(numbers))))

    with contextlib.suppress(BrokenPipeError):  # nobody is there any more
        _show_all(ShownWindow(title, (width, height), tell), shared, given, tell)
    os._exit(0)  # the other thread still reads


def _show_all(window: ShownWindow, shared: SharedPicture, given: Given, tell: Tell) -> None:
    tell(OPENED)
    is_new = False
    while window.look():
        if is_new:
            tell(SHOWN)
            is_new = False
        with contextlib.suppress(queue.Empty):
            height, width = given.get(timeout=_LOOK_S)
            if height:
                is_new = window.show(shared.get(height, width))
            else:
                window.toggle_fullscreen()
    tell(CLOSED)


def _take_orders(orders: io.RawIOBase, given: Given) -> None:
    """Take what comes; its end ends the process, also one that waits for its display."""
    order = bytearray(ORDER.size)
    while _filled(orders, memoryview(order)):
        given.put(ORDER.unpack(order))
    os._exit(0)


def _filled(orders: io.RawIOBase, buffer: memoryview) -> bool:
    """Fill a buffer; returns whether so much came."""
    filled = 0
    while filled < len(buffer):
        num_read = orders.readinto(buffer[filled:])
        if not num_read:
            return False
        filled += num_read
    return True


class ShownWindow:
    """A window of OpenCV's: pictures in, keys and clicks out.

    Args:
        title: of it, which also identifies it.
        size_wh: at first, in pixels.
        tell: told of keys and clicks.
    """

    def __init__(self, title: str, size_wh: tuple[int, int], tell: Tell) -> None:
        """Open it."""
        self._title, self._tell = title, tell
        self._image: NDArray[np.uint8] | None = None  # BGR, without bars
        self._place = (0, 0, 0, 0)  # within what the window shows, bars included: x, y, w, h
        self._drawn_for_wh = (0, 0)
        self._fullscreen = False
        # OpenCV keeps proportions too, but leaves light bars beside the picture
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(title, flags)
        cv2.resizeWindow(title, *size_wh)
        cv2.setMouseCallback(title, self._on_mouse)

    def show(self, image: NDArray[np.uint8]) -> bool:
        """Show a picture, (h, w, 3) uint8 RGB; returns whether the window is still there."""
        if self._image is None or self._image.shape != image.shape:
            self._image = np.empty_like(image)
        cv2.cvtColor(image, cv2.COLOR_RGB2BGR, dst=self._image)
        # OpenCV would open one that was closed meanwhile anew
        return self._is_there() and self._draw()

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or no longer."""
        self._fullscreen = not self._fullscreen
        mode = cv2.WINDOW_FULLSCREEN if self._fullscreen else cv2.WINDOW_NORMAL
        if self._is_there():
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def look(self) -> bool:
        """Let the window system work; returns whether the window is still there."""
        try:
            code = cv2.waitKeyEx(1)
            if code >= 0:
                self._tell(KEY, code)
            if not self._is_there():
                return False
            return self._size_wh() == self._drawn_for_wh or self._draw()
        except cv2.error:
            return False

    def _draw(self) -> bool:
        if self._image is None:
            return True
        try:
            self._drawn_for_wh = self._size_wh()
            image, self._place = fitted(self._image, self._drawn_for_wh)
            cv2.imshow(self._title, image)
        except cv2.error:  # the person closed it
            return False
        return True

    def _is_there(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # of no window at all
            return False

    def _size_wh(self) -> tuple[int, int]:
        """Return the size of what the window shows now; without meaning before it is there."""
        _, _, width, height = cv2.getWindowImageRect(self._title)
        return width, height

    def _on_mouse(self, event: int, x: int, y: int, flags: int, given: object) -> None:
        if event != cv2.EVENT_LBUTTONDOWN or self._image is None:
            return
        left, top, width, height = self._place
        x, y = x - left, y - top
        if 0 <= x < width and 0 <= y < height:
            self._tell(CLICK, x, y, width, height)


def fitted(
    image: NDArray[np.uint8], window_wh: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """Return a picture in the proportions of a window: black beside it, or above and below.

    Args:
        image: (h, w, 3) uint8.
        window_wh: size of the window, which stretches what it shows; of any if it has none yet.

    Returns:
        (H, W, 3) uint8, no larger than the window where that is smaller than the picture; and where
        in it the picture is, x, y, width and height.
    """
    height, width = image.shape[:2]
    window_w, window_h = window_wh
    if window_w < 1 or window_h < 1:
        return image, (0, 0, width, height)
    scale = min(window_w / width, window_h / height)
    if scale < 1:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    beside = round(height * window_w / window_h) - width
    above = round(width * window_h / window_w) - height
    if max(beside, above) < 2:  # the window's size is whole pixels, which nobody sees
        return image, (0, 0, width, height)
    left, top = max(0, beside) // 2, max(0, above) // 2
    edges = (top, max(0, above) - top, left, max(0, beside) - left)
    barred = cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return np.asarray(barred, np.uint8), (left, top, width, height)
