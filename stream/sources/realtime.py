"""A file that behaves like a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from stream.errors import StreamError
from stream.frame import Frame, Source


class RealTime(Source):
    """`Source` that gives another source's frames when they are due, and live.

    Args:
        source: entered and left with this one; it must not be live, and have a frame rate.

    Raises:
        StreamError: independent pictures have no pace.
    """

    def __init__(self, source: Source) -> None:
        """Wrap `source`."""
        super().__init__()
        self._source = source
        self.info = replace(source.info, live=True)
        if source.info.fps is None:
            raise StreamError("--realtime: photos have no pace; add --fps RATE or leave it out")

    def open(self) -> None:
        """Open the source."""
        self._source.open()

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def interrupt(self) -> None:
        """See `Source.interrupt`."""
        super().interrupt()
        self._source.interrupt()

    @property
    def num_left_out(self) -> int:  # type: ignore[override]
        """See `Source`."""
        return self._source.num_left_out

    def __iter__(self) -> Iterator[Frame]:
        """Yield each frame when it is due, the first one at once; see `Source`."""
        offset: float | None = None
        for frame in self._source:
            if offset is None:
                offset = time.monotonic() - frame.time_s
            early_s = offset + frame.time_s - time.monotonic()
            if early_s > 0 and self._interrupted.wait(early_s):
                return
            yield frame
