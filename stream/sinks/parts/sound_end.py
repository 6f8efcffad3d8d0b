"""Where the sound of a recording ends: with its picture, not where that of its source does."""

from __future__ import annotations

import re
import threading
import time

from stream.ffmpeg.process import Ffmpeg

# of `source_input` that is paced; each track has its own address
_SOUND = re.compile(r"\[showinfo @ (\w+)\] .* pt:(-?\d[\d.e+-]*) ")
# one of several, since a line of the log may have another one in it
_PICTURE_IS_READ = re.compile(r"\[(in#0/|vist#0:0/|vf#0:0 ).*(EOF|Terminating thread)")
_PATIENCE_S = 10.0  # for sound up to the end of the picture, where there may be a hole in it


class SoundEnd:
    """Interrupts an ffmpeg that has read all of its picture, once it has the sound up to there.

    It would read on for as long as all of the sound is played. What it has read it completes. Its
    first input is the picture, and sound comes from a paced `source_input`.

    Args:
        process: whose log is given to `take_line`.
        num_tracks: of sound.
    """

    def __init__(self, process: Ffmpeg, num_tracks: int) -> None:
        """End nothing yet."""
        self._process, self._num_tracks = process, num_tracks
        self._reached_s: dict[str, float] = {}  # by track
        self._end_s: float | None = None
        self._wanted_at_s = 0.0
        self._lock, self._is_interrupted = threading.Lock(), False
        self._timer: threading.Timer | None = None  # from when on all of the picture is read

    def want(self, end_s: float) -> None:
        """Say where the picture ends, before ffmpeg sees its end."""
        self._wanted_at_s = time.monotonic()
        self._end_s = end_s

    def take_line(self, line: str) -> None:
        """Look at a line of the log; from its thread, which never waits here."""
        if found := _SOUND.search(line):
            self._reached_s[found[1]] = float(found[2])
        elif self._end_s is None or not _PICTURE_IS_READ.match(line):
            return
        elif self._timer is None:
            # sound waits for an encoder that is behind, and catches up hardly faster than it plays
            late_s = time.monotonic() - self._wanted_at_s
            self._timer = threading.Timer(_PATIENCE_S + late_s, self._interrupt)
            self._timer.daemon = True
            self._timer.start()
        if self._timer is not None and self._is_reached():
            self._timer.cancel()
            self._interrupt()

    def stop(self) -> None:
        """Interrupt nothing any more: the process has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _interrupt(self) -> None:
        """Interrupt it once: from the second time on it does not complete its file."""
        with self._lock:
            if not self._is_interrupted:
                self._is_interrupted = True
                self._process.interrupt()

    def _is_reached(self) -> bool:
        end_s, reached_s = self._end_s, self._reached_s.values()
        return end_s is not None and sum(at_s >= end_s for at_s in reached_s) >= self._num_tracks
