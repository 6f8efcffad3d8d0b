"""Source: a section of a video file, with what lies before and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from stream.batch.jobs.section import Section
from stream.ffmpeg.length import end_s
from stream.frame import Frame, Source
from stream.sources.video import VideoSource


class SectionSource(Source):
    """Frames of a section and of some seconds around it, at the times they have in the whole video.

    What lies before lets all that remembers earlier frames get warm; what lies after is there for
    masks between two keyframes. Nothing but the picture belongs to it: `info.stream.contents` is
    `None`.

    Args:
        path: of a video whose clock knows no jumps.
        section: of it.
        around_s: how many seconds before and after it.
        on_message: see `VideoSource`.

    Attributes:
        num_errors: of the decoder in the section; with some the picture may be another than that of
            a whole run.

    Raises:
        StreamError: see `VideoSource`; or nothing of the section can be decoded.
    """

    def __init__(
        self,
        path: Path,
        section: Section,
        around_s: float,
        on_message: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Wait for the first frame."""
        super().__init__()
        self._path, self._section, self._around_s = path, section, around_s
        self._video = VideoSource(str(path), on_message, max(0.0, section.from_s - around_s))
        self.info = replace(self._video.info, contents=None)
        self.num_errors = 0

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; see `Source`.

        Raises:
            StreamError: see `VideoSource`.
        """
        until_s = self._section.until_s
        num_before = 0  # a decoder that begins in the middle may miss what earlier frames were
        held: Frame | None = None
        for frame in self._video:
            if self._interrupted.is_set():
                return
            if held is not None:
                yield held
            held = frame
            if frame.time_s < self._section.from_s:
                num_before = self._video.num_errors
            if until_s is not None and frame.time_s >= until_s + self._around_s:
                held = None
                break
        if held is not None and not self._interrupted.is_set():
            yield replace(held, lasts_s=self._lasts_s(held.time_s))
        self.num_errors = self._video.num_errors - num_before

    def _lasts_s(self, time_s: float) -> float | None:
        """Return how long the last frame is seen, which is at that time."""
        contents = self._video.info.contents
        assert contents is not None
        last_s = end_s(self._path, contents.picture.index, time_s)
        return None if last_s is None else last_s - contents.start_s - time_s

    def interrupt(self) -> None:
        """See `Source.interrupt`."""
        super().interrupt()
        self._video.interrupt()

    def close(self) -> None:
        """End ffmpeg."""
        self._video.close()
