"""Sink: every photo of a run becomes files of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from stream.batch.jobs.job import Outcome
from stream.batch.workers.taken import stands
from stream.frame import Frame, Output, OutputInfo, Sink
from stream.sinks import SinkOptions, open_sink


class EachPhoto(Sink):
    """`Sink` that writes each output under names of its own; one that fails harms no other.

    Args:
        paths: for each frame of the source, by its index, where it is written to.
        info: of the outputs to come.
        options: see `SinkOptions`; what a photo cannot keep its outcome tells. What stands under a
            name is replaced, and nothing that comes there meanwhile.
        on_begin: called with the index before anything of it is written.
        on_end: called with the index, what came of the photo, and why it could not be written.
    """

    def __init__(
        self,
        paths: Sequence[Sequence[Path]],
        info: OutputInfo,
        options: SinkOptions,
        on_begin: Callable[[int], None],
        on_end: Callable[[int, Outcome, Exception | None], None],
    ) -> None:
        """Write nothing yet."""
        self._paths, self._info, self._options = paths, info, options
        self._on_begin, self._on_end = on_begin, on_end
        self._last_s = time.monotonic()

    def write(self, output: Output) -> None:
        """Write the files of one photo; see `Sink`."""
        index, told = output.frame.index, _remarks_on(output.frame)
        try:
            self._on_begin(index)
            self._write_alone(output, self._paths[index], told)
        except Exception as error:  # of whatever kind: there are others to be written
            reason = " ".join(str(error).split()) or type(error).__name__
            failed = Outcome("failed", self._seconds(), error=reason)
            self._on_end(index, failed, error)
        else:
            self._on_end(index, _outcome(output.frame, self._seconds(), told), None)

    def _write_alone(self, output: Output, paths: Sequence[Path], told: list[str]) -> None:
        """Write a photo as if there were no other."""
        height, width = output.frame.picture.size_hw
        stream = replace(self._info.stream, width=width, height=height, num_frames=1)
        info = replace(self._info, stream=stream)
        alone = replace(output, frame=replace(output.frame, index=0))
        overwrite = any(map(stands, paths))
        options = replace(self._options, overwrite=overwrite, on_message=told.append)
        with ExitStack() as stack:
            sinks = [stack.enter_context(open_sink(path, info, options)) for path in paths]
            for sink in sinks:
                sink.write(alone)
            for sink in sinks:
                sink.finish(cut_short=False)

    def _seconds(self) -> float:
        """Return how long it took since the photo before ended."""
        now_s = time.monotonic()
        seconds, self._last_s = now_s - self._last_s, now_s
        return seconds


def _remarks_on(frame: Frame) -> list[str]:
    """Return what is told of a photo that was read, a line each."""
    return [] if frame.photo is None else [f"{frame.path}: {each}" for each in frame.photo.remarks]


def _outcome(frame: Frame, seconds: float, told: Sequence[str]) -> Outcome:
    """Return what came of a photo that was written, as far as it could be read."""
    remarks = tuple(dict.fromkeys(told))
    if frame.photo is None or not frame.photo.is_part:
        return Outcome("done", seconds, 1, remarks=remarks)
    why = f"{frame.path}: {'; '.join(frame.photo.remarks)}"
    return Outcome("partial", seconds, 1, error=why, remarks=remarks)
