"""What a run counts and times, in memory that does not grow with its length."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Durations:
    """A histogram of durations whose bins are 2 % wide, from a microsecond to hours."""

    _SHORTEST_S = 1e-6
    _WIDTH = math.log(1.02)

    def __init__(self) -> None:
        """Start without durations."""
        self._bins: Counter[int] = Counter()
        self._num = 0
        self._lock = threading.Lock()

    def add(self, duration_s: float) -> None:
        """Count one duration, in seconds."""
        steps = math.log(max(duration_s, self._SHORTEST_S) / self._SHORTEST_S) / self._WIDTH
        with self._lock:
            self._bins[round(steps)] += 1
            self._num += 1

    def percentile_ms(self, percent: float) -> float | None:
        """Return what `percent` of the durations do not exceed, to 1 %; `None` without any."""
        with self._lock:
            wanted = math.ceil(self._num * percent / 100)
            for step in sorted(self._bins):
                wanted -= self._bins[step]
                if wanted <= 0:
                    return self._SHORTEST_S * math.exp(step * self._WIDTH) * 1e3
        return None


class Stats:
    """Counts and stage times of one run; every thread of the run adds to it.

    Attributes:
        counts: by name: `read` (frames the source gave), `dropped` (never shown),
            `processed`, `no_mask` (covered whole, no mask being known), those of the tracker
            (`keyframes`, on which the network ran, and others: see `Tracker.counts`), and for
            each sink `NAME written` and `NAME dropped`.
        stages: durations by name: `segment`, `refine`, `effect`, `mask age` (of the mask shown),
            and for each sink `NAME` (one write) and `NAME latency` (from capture to the end of
            the write).
        latest: the newest duration of each stage, in seconds.
        cpu_s: processor time in seconds of each thread of the run, by its name.
        position_s: time of the frame that came out of the pipeline last, on the source's clock.
    """

    def __init__(self) -> None:
        """Start the clock."""
        self.counts: Counter[str] = Counter()
        self.stages: dict[str, Durations] = {}
        self.latest: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}
        self.position_s = 0.0
        self._started = time.perf_counter()
        self._ended: float | None = None
        self._first: float | None = None
        self._lock = threading.Lock()

    def count(self, name: str, num: int = 1) -> None:
        """Add `num` to a count."""
        with self._lock:
            self.counts[name] += num

    def add(self, stage: str, duration_s: float) -> None:
        """Add one duration to a stage."""
        with self._lock:
            durations = self.stages.setdefault(stage, Durations())
            self.latest[stage] = duration_s
        durations.add(duration_s)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time the body takes to a stage."""
        before = time.perf_counter()
        yield
        self.add(stage, time.perf_counter() - before)

    def tracked(self, counts: Mapping[str, int], age_s: float | None) -> None:
        """Take over the counts of a tracker, and the age of the mask it gave, `None` for none."""
        with self._lock:
            for name, num in counts.items():
                self.counts[name] = num
        if age_s is not None:
            self.add("mask age", age_s)

    def shown(self, time_s: float) -> None:
        """Note the time of a frame out of the pipeline; the rate counts from the first one."""
        with self._lock:
            self.position_s = time_s
            self.counts["processed"] += 1
            self._ended = time.perf_counter()
            if self._first is None:
                self._first = self._ended

    @property
    def fps(self) -> float:
        """Frames a second out of the pipeline; 0 with fewer than two frames."""
        if self._first is None or self._ended is None or self._ended == self._first:
            return 0.0
        return (self.counts["processed"] - 1) / (self._ended - self._first)

    def as_dict(self) -> dict[str, object]:
        """Return everything as JSON types; times in milliseconds, memory in MB."""
        first = None if self._first is None else round((self._first - self._started) * 1e3, 1)
        return {
            "frames": dict(sorted(self.counts.items())),
            "fps": round(self.fps, 2),
            "first_frame_ms": first,
            "stages_ms": {
                name: {
                    "p50": _rounded(durations.percentile_ms(50)),
                    "p95": _rounded(durations.percentile_ms(95)),
                }
                for name, durations in sorted(self.stages.items())
            },
            "cpu_s": {name: round(cpu_s, 3) for name, cpu_s in sorted(self.cpu_s.items())},
            "peak_memory_mb": peak_memory_mb(),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def peak_memory_mb() -> float | None:
    """Return the largest resident size so far of this process; `None` where no system says."""
    if sys.platform == "win32":
        return None
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return round(largest * unit / 1e6, 1)
