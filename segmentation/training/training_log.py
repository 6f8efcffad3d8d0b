"""What is written and said while a network trains: losses of steps, figures of epochs."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segmentation.unfinished import unfinished

#: seconds between two lines on how far the training is
REPORT_EVERY_S = 20.0
Report = Callable[[str], None]


class TableFile:
    """A CSV file of figures, a line at a time, that can be cut back to an earlier step.

    Args:
        path: of the file; made at the first line.
        columns: names; the first one, `step`, grows from line to line.
        last_step: lines of later steps are dropped: what follows a checkpoint is done again.
    """

    def __init__(self, path: Path, columns: Sequence[str], last_step: int) -> None:
        self._path = path
        self._columns = tuple(columns)
        self.lines = [line for line in self._read() if int(line["step"]) <= last_step]
        if path.exists():
            with unfinished(path) as part, open(part, "w", newline="") as file:
                writer = self._writer(file)
                writer.writeheader()
                writer.writerows(self.lines)

    def _writer(self, file: Any) -> csv.DictWriter[str]:
        return csv.DictWriter(file, self._columns, extrasaction="ignore")

    def _read(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        with open(self._path, newline="") as file:
            lines = list(csv.DictReader(file))
        # a kill may have cut the last line off
        return [line for line in lines if all(line.get(name) for name in self._columns)]

    def add(self, values: Mapping[str, Any]) -> None:
        """Append a line."""
        is_new = not self._path.exists()
        with open(self._path, "a", newline="") as file:
            writer = self._writer(file)
            if is_new:
                writer.writeheader()
            writer.writerow(values)


class TensorBoardLog:
    """Scalars for TensorBoard; nothing where its package is not installed.

    Args:
        folder: of the event files.
    """

    def __init__(self, folder: Path) -> None:
        self._summary: Any = None
        with suppress(ImportError):
            from tensorflow import summary

            if find_spec("tensorboard") is not None:
                self._summary = summary
                self._writer = summary.create_file_writer(str(folder))

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Write scalars of one step."""
        if self._summary is None:
            return
        with self._writer.as_default():
            for name, value in values.items():
                self._summary.scalar(name, value, step=step)
        self._writer.flush()


class ProgressLines:
    """Says now and then how far the training is and how long it will take.

    Args:
        first: steps done before.
        last: steps in all.
        report: is called with a line.
    """

    def __init__(self, first: int, last: int, report: Report) -> None:
        self._first, self._last, self._report = first, last, report
        self._started = self._told = time.monotonic()
        self._paused_s = 0.0
        self._is_first = True

    def step(self, done: int, losses: Mapping[str, float]) -> None:
        """Take note of a step; `losses` are its own."""
        now = time.monotonic()
        is_first, self._is_first = self._is_first, False
        if now - self._told < REPORT_EVERY_S and not is_first and done != self._last:
            return
        self._told = now
        figures = ", ".join(
            f"{name.removesuffix('_loss').replace('_', ' ')} {value:.3f}"
            for name, value in losses.items()
        )
        told = f"step {done} of {self._last}: {figures}"
        if is_first:
            # the graph was compiled in it, which says nothing of those to come
            self._first, self._started, self._paused_s = done, now, 0.0
            self._report(told)
            return
        pace_s = (now - self._started - self._paused_s) / (done - self._first)
        left = duration((self._last - done) * pace_s)
        self._report(f"{told}; {pace_s:.2f} s a step, {left} left")

    def pause(self, seconds: float) -> None:
        """Take note of time that was spent otherwise."""
        self._paused_s += seconds


def duration(seconds: float) -> str:
    """Return a time for people: "45 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
