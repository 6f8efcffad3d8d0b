"""Sink: every photo of a run becomes files of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from stream.batch.workers.taken import stands
from stream.errors import StreamError
from stream.frame import Output, OutputInfo, Sink
from stream.sinks import SinkOptions, open_sink


class EachPhoto(Sink):
    """`Sink` that writes each output under names of its own; one that fails harms no other.

    Args:
        paths: for each frame of the source, by its index, where it is written to.
        info: of the outputs to come.
        options: see `SinkOptions`; what stands under a name is replaced, and nothing that comes
            there meanwhile.
        on_begin: called with the index before anything of it is written.
        on_end: called with the index and `None`, or why it could not be written, in one line.
    """

    def __init__(
        self,
        paths: Sequence[Sequence[Path]],
        info: OutputInfo,
        options: SinkOptions,
        on_begin: Callable[[int], None],
        on_end: Callable[[int, StreamError | None], None],
    ) -> None:
        """Write nothing yet."""
        self._paths, self._info, self._options = paths, info, options
        self._on_begin, self._on_end = on_begin, on_end

    def write(self, output: Output) -> None:
        """Write the files of one photo; see `Sink`."""
        index = output.frame.index
        try:
            self._on_begin(index)
            self._write_alone(output, self._paths[index])
        except StreamError as error:
            self._on_end(index, error)
        else:
            self._on_end(index, None)

    def _write_alone(self, output: Output, paths: Sequence[Path]) -> None:
        """Write a photo as if there were no other."""
        height, width = output.frame.picture.size_hw
        stream = replace(self._info.stream, width=width, height=height, num_frames=1)
        info = replace(self._info, stream=stream)
        alone = replace(output, frame=replace(output.frame, index=0))
        options = replace(self._options, overwrite=any(map(stands, paths)))
        with ExitStack() as stack:
            sinks = [stack.enter_context(open_sink(path, info, options)) for path in paths]
            for sink in sinks:
                sink.write(alone)
            for sink in sinks:
                sink.finish(cut_short=False)
