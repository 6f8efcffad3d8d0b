"""Raw frames that come out of an ffmpeg, each with its timestamp."""

from __future__ import annotations

import os
import queue
import re
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from stream.ffmpeg.process import KEEP_TIMESTAMPS, Ffmpeg

#: Begins a timestamp: what no title of a file can look like. It is written in one piece, but maybe
#: into the middle of a line of the log, which comes in several.
MARK = f"#frame-{os.urandom(4).hex()}"
_TIMESTAMP = re.compile(rf"{MARK} (-?\d+) (\d+/\d+)$")
_SHAPE = re.compile(
    r"(?!\[info\]|\s|\[scaler_out).*\bw:\d+ h:\d+ fmt:.* -> w:(\d+) h:(\d+) fmt:.*sar:(\d+)/(\d+)"
)
_FIRST_OF_SHAPE = re.compile(
    r"(?:\[Parsed_metadata_\d+ [^]]*\] )?(?:\[info\] )?frame:0 +pts:(-?\d+) "
)
#: The end of the last frame, which ffmpeg reports at its end.
_END = re.compile(r"out_time_us=(\d+)$")

#: Prints one line per frame to standard error, before the frame itself: pts and time base. More
#: threads of the encoder, by default one a core, would hold back as many frames until others come.
TIMESTAMP_OPTIONS = (
    *(*KEEP_TIMESTAMPS, "-threads", "1"),
    *("-stats_enc_pre", "pipe:2", "-stats_enc_pre_fmt", MARK + " {pts} {tb}"),
)
#: Raw frames at times that do not rise are no error then, as the muxer would have it. Each frame
#: waits for the next one.
RISING_OPTIONS = ("-bsf:v", "setts=ts=if(N\\,max(PTS\\,PREV_OUTPTS+1)\\,PTS)")
#: Reports, at its end, when the last frame ends; of use where timestamps count from the start.
END_OPTIONS = ("-progress", "pipe:2", "-stats_period", "86400")
#: Belongs before the one `scale` of the filters; prints the pts of the first frame of each size.
PRINT_SHAPES = ",".join(
    f"metadata={what}:enable='eq(n,0)'" for what in ("mode=add:key=size:value=new", "mode=print")
)

#: Belongs before other filters; prints what goes with the first frame, in lines of the header.
PRINT_FIRST = "split[first][all];[first]trim=end_frame=1,showinfo=checksum=0,nullsink;[all]null"

#: Prints a line at the first frame that is of two moments, whatever its container says.
PRINT_FIELDS = "select='1+0*if(gt(interlace_type,0)*not(ld(0)),st(0,print(interlace_type,32)))'"
#: A timestamp may come between the pieces of this line.
_FIELDS = re.compile(r"(?:\[Eval @ [^]]*\] )?(?:\[info\] )?[12]\.0{6}$")


class Shape(NamedTuple):
    """Size of a picture in pixels and width of a pixel over its height."""

    width: int
    height: int
    pixel_aspect: Fraction


class Timestamp(NamedTuple):
    """When a frame is to be shown: `pts` times `time_base` seconds on the clock of its source.

    `shape` is what the source had, which ffmpeg scales to that of its first frame; `None` where
    its filters print none.
    """

    pts: int
    time_base: Fraction
    shape: Shape | None = None


class TimestampedOutput:
    """A process that writes raw frames, started with `TIMESTAMP_OPTIONS`, and their timestamps.

    Timestamps and frames come by different pipes in the same order, a timestamp before its frame.
    ffmpeg waits once the frames' pipe is full, which bounds the timestamps that wait here.

    Attributes:
        process: the ffmpeg that runs; whoever made this object closes it.
        header: lines of the log before the first timestamp.
        has_fields: whether a frame so far is of two moments; known where `PRINT_FIELDS` is used.
        end_s: when the last frame ends, known after it; `None` without `END_OPTIONS`.
    """

    end_s: float | None = None
    has_fields = False

    def __init__(self, arguments: Sequence[str]) -> None:
        """Start ffmpeg with `arguments`, whose output is `pipe:1`."""
        self.header: list[str] = []
        self._timestamps: queue.SimpleQueue[Timestamp | None] = queue.SimpleQueue()
        self._num_timestamps = 0
        self._configured: Shape | None = None  # of the frames that enter the filters
        self._coming: deque[tuple[int, Shape | None]] = deque()  # shapes, from a certain pts on
        self._shape: Shape | None = None  # of the frames that leave them
        self.process = Ffmpeg(arguments, pipe_out=True, on_line=self._take_line)

    def _take_line(self, line: str | None) -> None:
        if line is None:
            self._timestamps.put(None)
        elif match := _TIMESTAMP.search(line):
            self._take_timestamp(int(match[1]), Fraction(match[2]))
        elif match := _SHAPE.match(line):
            self._configured = Shape(int(match[1]), int(match[2]), _aspect(*match.groups()[2:]))
        elif match := _FIRST_OF_SHAPE.match(line):
            self._coming.append((int(match[1]), self._configured))
        elif match := _END.match(line):
            self.end_s = int(match[1]) / 1e6
        elif _FIELDS.match(line):
            self.has_fields = True
        if self._num_timestamps == 0 and line is not None:
            self.header.append(line)

    def _take_timestamp(self, pts: int, time_base: Fraction) -> None:
        self._num_timestamps += 1
        if self._coming and self._coming[0][0] == pts:
            _, self._shape = self._coming.popleft()
        self._timestamps.put(Timestamp(pts, time_base, self._shape))

    def next_timestamp(self, timeout_s: float | None = None) -> Timestamp | None:
        """Return that of the next frame, `None` after the last one.

        Raises:
            TimeoutError: nothing came for `timeout_s` seconds.
        """
        try:
            return self._timestamps.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None


def _aspect(numerator: str, denominator: str) -> Fraction:
    """Return the fraction, 1 where ffmpeg does not know it (0/1)."""
    unknown = int(numerator) == 0 or int(denominator) == 0
    return Fraction(1) if unknown else Fraction(int(numerator), int(denominator))
