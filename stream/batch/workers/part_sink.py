"""Sink: the outputs of one section, of all that come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stream.batch.jobs.job import Edges
from stream.batch.jobs.section import Section
from stream.files.outputs import save
from stream.frame import Output, OutputInfo, Sink
from stream.sinks import SinkOptions
from stream.sinks.video import VideoSink


class PartSink(Sink):
    """`Sink` that writes what belongs to a section as a video that begins at its first frame.

    A section without frames, a long still, becomes an empty file.

    Args:
        path: of the video.
        section: of the source.
        info: of the outputs to come.
        options: see `SinkOptions`.

    Attributes:
        num_frames: that were written.
        edges: where they begin and end.

    Raises:
        StreamError: see `VideoSink`.
    """

    def __init__(
        self, path: Path, section: Section, info: OutputInfo, options: SinkOptions
    ) -> None:
        """Check all that can be checked before the first frame."""
        self._path, self._section = path, section
        self._video = VideoSink(path, info, options)
        self.num_frames = 0
        self.edges = Edges(None, None, None, None)

    def open(self) -> None:
        """See `Sink`."""
        self._video.open()

    def close(self) -> None:
        """See `Sink`."""
        self._video.close()

    def interrupt(self) -> None:
        """See `Sink`."""
        self._video.interrupt()

    def write(self, output: Output) -> None:
        """Write one that belongs to the section; see `Sink`."""
        time_s, edges = output.frame.time_s, self.edges
        if time_s in self._section:
            self._video.write(output)
            self.num_frames += 1
            first_s = time_s if edges.first_s is None else edges.first_s
            lasts_s = output.frame.lasts_s
            end_s = None if lasts_s is None else time_s + lasts_s
            self.edges = replace(edges, first_s=first_s, last_s=time_s, end_s=end_s)
        elif time_s < self._section.from_s:
            self.edges = replace(edges, before_s=time_s)
        elif edges.after_s is None:
            self.edges = replace(edges, after_s=time_s)

    def complete(self, *, cut_short: bool) -> None:
        """Complete the video; see `Sink`."""
        if self.num_frames:
            self._video.finish(cut_short=False)
        else:
            save(b"", self._path)
