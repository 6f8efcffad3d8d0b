"""A file that behaves like a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

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
        self._source = source
        self._stopped = threading.Event()
        self.info = replace(source.info, live=True)
        if source.info.fps is None:
            raise StreamError("--realtime: photos have no pace; add --fps RATE or leave it out")

    def __enter__(self) -> Self:
        """Enter the source."""
        self._source.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the source."""
        self._source.__exit__(kind, error, trace)

    def interrupt(self) -> None:
        """See `Source.interrupt`."""
        self._stopped.set()
        self._source.interrupt()

    def __iter__(self) -> Iterator[Frame]:
        """Yield each frame when it is due, the first one at once; see `Source`."""
        offset: float | None = None
        for frame in self._source:
            if offset is None:
                offset = time.monotonic() - frame.time_s
            early_s = offset + frame.time_s - time.monotonic()
            if early_s > 0 and self._stopped.wait(early_s):
                return
            yield frame
