"""Encoded frames on their way to the decoder's thread: not too many, and none after the end.

Frames that waited on a link that stood still come all at once, and those who send too many send
them all the time. Both are answered alike: what is too much is dropped, and what leans on what was
dropped, until a whole picture comes, which the sender is asked for.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterFrame

from stream.serve.fairness.allowance import Allowance

#: Frames that wait for the decoder at a time.
MAX_WAITING = 60
#: So many seconds' frames may come at once: of a link, or of this server, that stood still.
LONGEST_BURST_S, DECODED_BURST_S = 60.0, 2.0

Task = tuple[Any, JitterFrame]


class FrameQueue(queue.Queue[Task | None]):
    """Takes the place of the queue in which aiortc keeps what was received.

    Args:
        max_fps: frames a second, in the long run.
        lost: set where frames were dropped; makes aiortc ask for a whole picture.
        on_excess: called when there were too many for longer than any pause explains.
    """

    def __init__(self, max_fps: float, lost: threading.Event, on_excess: Callable[[], None]):
        """Begin empty."""
        super().__init__()
        self._come = Allowance(max_fps, LONGEST_BURST_S * max_fps, at_first=2 * max_fps)
        self._decoded = Allowance(max_fps, DECODED_BURST_S * max_fps)
        self._lost = lost
        self._on_excess = on_excess
        self._is_broken = False
        self._has_ended = False

    def put(self, item: Task | None, block: bool = True, timeout: float | None = None) -> None:
        """Take a frame, or `None` at the end, after which what waits is not decoded."""
        if item is None:
            self._has_ended = True
            with self.mutex:
                self.queue.clear()
            super().put(None)
        elif not self._has_ended and self._wants(item[1].data):
            super().put(item)

    def break_off(self) -> None:
        """Wait for a whole picture: what comes next leans on what did not."""
        self._is_broken = True
        self._lost.set()

    def _wants(self, data: bytes) -> bool:
        if not self._come.allows():
            self._has_ended = True
            self._on_excess()
            return False
        if not self._decoded.allows() or self.qsize() >= MAX_WAITING:
            self.break_off()
        elif self._is_broken:
            self._is_broken = not is_whole(data)
        return not self._is_broken


def is_whole(data: bytes) -> bool:
    """Whether an encoded VP8 frame needs no other. Source: RFC 6386, section 9.1."""
    return bool(data) and data[0] & 1 == 0


def limit_frames(
    receiver: RTCRtpReceiver, max_fps: float, on_excess: Callable[[], None]
) -> FrameQueue:
    """Put a `FrameQueue` before the decoder of a receiver that has not begun; returns it."""
    lost = receiver._RTCRtpReceiver__decoder_error  # type: ignore[attr-defined]
    frames = FrameQueue(max_fps, lost, on_excess)
    receiver._RTCRtpReceiver__decoder_queue = frames  # type: ignore[attr-defined]
    return frames
