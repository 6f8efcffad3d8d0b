"""A window on the screen."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import over_black
from stream.display import why_no_window
from stream.errors import StreamError
from stream.frame import Event, Output, OutputInfo, Sink
from stream.pace import Pace

KEYS = {27: "escape", 32: "space", 13: "enter"}
# of X11, macOS and Windows; letters have no more than eight bits
_SPECIAL_KEYS = {0xFF8D: "enter", 0xFF53: "right", 0xF703: "right", 0x270000: "right"}
_REFRESH_S = 0.2  # between two drawings of the same output
_REFRESH_SHARE = 3  # times as long as a drawing takes, at least: those of large photos do
_MAX_BARS = 3  # times as large as the picture; a window that is a mere line may distort it


class Window(Sink):
    """`Sink` that shows outputs: live ones and photos at once, those of a video at its own pace.

    Args:
        title: of the window, which also identifies it.
        info: of the outputs.

    Raises:
        StreamError: there is no display, or it refuses.
    """

    main_thread = True
    watched = True
    on_time = True

    def __init__(self, title: str, info: OutputInfo) -> None:
        """Check that a window can be opened."""
        if (reason := why_no_window()) is not None:
            raise StreamError(f"window: {reason}; write to a file instead, as in -o out.mp4")
        self._title = title
        self._stream = info.stream
        self._events: list[Event] = []
        self._is_open = False
        self._pace = Pace()
        self._draw: Callable[[Output], NDArray[np.uint8]] | None = None
        self._shown: Output | None = None
        self._drawn_hw = (1, 1)
        self._drawn_at_xy = (0, 0)  # within what the window shows, bars included
        self._window_wh = (0, 0)  # as it was drawn for
        self._due = 0.0  # when it is drawn again
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
        with self._unless_closed():
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def open(self) -> None:
        """Open the window."""
        width, height = self._stream.width, self._stream.height
        scale = min(1.0, 1600 / width, 900 / height)
        # OpenCV keeps proportions too, but leaves light bars beside the picture
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(self._title, flags)
        cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
        cv2.setMouseCallback(self._title, self._on_mouse)
        self._is_open = True

    def close(self) -> None:
        """Close the window, unless the person has."""
        if self._is_open:
            with self._unless_closed():
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)
            self._is_open = False

    def write(self, output: Output) -> None:
        """Show one output; see `Sink`."""
        if not self._is_open:
            return
        self._wait_for(output.frame.time_s)
        if self._is_open:  # OpenCV would open one that was closed meanwhile anew
            self._show(output)
            self._look(1)

    def poll(self) -> list[Event]:
        """Return keys pressed and clicks; see `Sink`."""
        if self._is_open:
            with self._unless_closed():
                is_due = self._draw is not None and time.monotonic() > self._due
                if self._shown is not None and (is_due or self._size_wh() != self._window_wh):
                    self._show(self._shown)
            self._look(1)
        events, self._events = self._events, []
        if events:
            self._due = 0.0  # what they change is drawn at the next call
        return events

    def _show(self, output: Output) -> None:
        began = time.monotonic()
        image = self._draw(output) if self._draw is not None else over_black(output.in_srgb.rgb)
        self._drawn_hw = (image.shape[0], image.shape[1])
        self._shown = output
        with self._unless_closed():
            self._window_wh = self._size_wh()
            image, self._drawn_at_xy = with_bars(image, self._window_wh)
            cv2.imshow(self._title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        now = time.monotonic()
        self._due = now + max(_REFRESH_S, _REFRESH_SHARE * (now - began))

    def _size_wh(self) -> tuple[int, int]:
        """Return the size of what the window shows now; without meaning before it is there."""
        _, _, width, height = cv2.getWindowImageRect(self._title)
        return width, height

    def _on_mouse(self, event: int, x: int, y: int, flags: int, given: object) -> None:
        if event != cv2.EVENT_LBUTTONDOWN or self._draw is None or self._shown is None:
            return
        height, width = self._drawn_hw
        frame_h, frame_w = self._shown.picture.size_hw  # of photos each may have another size
        left, top = self._drawn_at_xy
        at_xy = (x - left) * frame_w // width, (y - top) * frame_h // height
        if 0 <= at_xy[0] < frame_w and 0 <= at_xy[1] < frame_h:
            self._events.append(Event("click", at_xy=at_xy))

    def _wait_for(self, time_s: float) -> None:
        """Hold a frame of a file back until it is due."""
        if self._stream.live or self._stream.fps is None:
            return
        while (early_s := self._pace.early_s(time_s)) > 0.002:
            if self._events or not self._is_open:
                return
            self._look(max(1, min(30, int(early_s * 1e3))))

    def _look(self, wait_ms: int) -> None:
        """Let the window system work and note what happened."""
        with self._unless_closed():
            code = cv2.waitKeyEx(wait_ms)
            if code >= 0:
                self._events.append(Event("key", key_of(code)))
            if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
                self._note_closed()

    @contextlib.contextmanager
    def _unless_closed(self) -> Iterator[None]:
        """Note that the person closed the window: OpenCV then has none it could do anything to."""
        try:
            yield
        except cv2.error:
            self._note_closed()

    def _note_closed(self) -> None:
        if self._is_open:
            self._is_open = False
            self._events.append(Event("closed"))


def with_bars(
    image: NDArray[np.uint8], window_wh: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a picture in the proportions of a window: black beside it, or above and below.

    Args:
        image: (h, w, 3) uint8.
        window_wh: size of the window, which stretches what it shows; of any if it has none yet.

    Returns:
        (H, W, 3) uint8, and where in it the picture begins, x and y.
    """
    height, width = image.shape[:2]
    window_w, window_h = window_wh
    if window_w < 1 or window_h < 1:
        return image, (0, 0)
    beside = min(round(height * window_w / window_h) - width, _MAX_BARS * width)
    above = min(round(width * window_h / window_w) - height, _MAX_BARS * height)
    if max(beside, above) < 2:  # the window's size is whole pixels, which nobody sees
        return image, (0, 0)
    left, top = max(0, beside) // 2, max(0, above) // 2
    edges = (top, max(0, above) - top, left, max(0, beside) - left)
    barred = cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return np.asarray(barred, np.uint8), (left, top)


def key_of(code: int) -> str:
    """Return the name of a key by the code of `cv2.waitKeyEx`, "" of one that means nothing."""
    if (special := _SPECIAL_KEYS.get(code) or _SPECIAL_KEYS.get(code & 0xFFFF)) is not None:
        return special
    letter = code & 0xFFFF  # above are Shift and the like
    return KEYS.get(letter, chr(letter)) if 0 < letter < 0x100 else ""
