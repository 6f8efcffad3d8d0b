"""Raw frames that come out of an ffmpeg, each with its timestamp."""

from __future__ import annotations

import queue
import re
from fractions import Fraction

from stream.ffmpeg.process import KEEP_TIMESTAMPS, Ffmpeg

# Written in one piece, but maybe into the middle of a line of the log, which comes in several.
_TIMESTAMP = re.compile(r"#frame (-?\d+) (\d+/\d+)$")

#: Prints one line per frame to standard error, before the frame itself: pts and time base.
TIMESTAMP_OPTIONS = (
    *KEEP_TIMESTAMPS,
    *("-stats_enc_pre", "pipe:2", "-stats_enc_pre_fmt", "#frame {pts} {tb}"),
)


class TimestampedOutput:
    """A process that writes raw frames, started with `TIMESTAMP_OPTIONS`, and their timestamps.

    Timestamps and frames come by different pipes in the same order, a timestamp before its frame.
    ffmpeg waits once the frames' pipe is full, which bounds the timestamps that wait here.

    Attributes:
        process: the ffmpeg that runs; whoever made this object closes it.
        header: lines of the log before the first timestamp.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        """Start ffmpeg with `arguments`, whose output is `pipe:1`."""
        self.header: list[str] = []
        self._timestamps: queue.SimpleQueue[tuple[int, Fraction] | None] = queue.SimpleQueue()
        self._num_timestamps = 0
        self.process = Ffmpeg(arguments, pipe_out=True, on_line=self._take_line)

    def _take_line(self, line: str | None) -> None:
        if line is None:
            self._timestamps.put(None)
        elif match := _TIMESTAMP.search(line):
            self._num_timestamps += 1
            self._timestamps.put((int(match[1]), Fraction(match[2])))
        elif self._num_timestamps == 0:
            self.header.append(line)

    def next_timestamp(self, timeout_s: float | None = None) -> tuple[int, Fraction] | None:
        """Return pts and time base in seconds of the next frame, `None` after the last one.

        Raises:
            TimeoutError: nothing came for `timeout_s` seconds.
        """
        try:
            return self._timestamps.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None
