"""What is heard with frames on its way into the ffmpeg that takes these, between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from stream.ffmpeg.process import Ffmpeg
from stream.microphone.feed import SoundFeed
from stream.microphone.timeline import RATE, Timeline

#: Where no frame comes for so long, as of a camera that is lost, sound goes on without.
GAP_S = 1.0


class SoundWriter:
    """Writes sound to processes of ffmpeg, one after the other: before each frame what precedes it.

    Args:
        timeline: of the microphone.
        header: returns what precedes sound in the container, given the number of its first sample
            and of its bytes.
    """

    def __init__(self, timeline: Timeline, header: Callable[[int, int], bytes]) -> None:
        """Wait for the first process."""
        self._timeline, self._header = timeline, header
        self._feed = SoundFeed(timeline)
        self._process: Ffmpeg | None = None
        self._lock = threading.Lock()  # of what is written, and when a frame was last
        self._written_s = 0.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, process: Ffmpeg, origin_s: float) -> None:
        """Go on with a process that knows the container by now; its time 0 is our `origin_s`."""
        self.close()
        self._process, self._written_s = process, time.monotonic()
        self._feed.start(origin_s)
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._bridge, args=(self._ended,), name="sound without frames"
        )
        self._thread.start()

    @contextmanager
    def before(self, time_s: float) -> Iterator[None]:
        """Write what precedes a frame; it can be written within.

        Raises:
            BrokenPipeError: the process has ended.
        """
        with self._lock:
            self._write(self._feed.until(time_s))
            yield
            self._written_s = time.monotonic()

    def end(self, end_s: float) -> None:
        """Write what is missing until the end of the last frame, unless the process has ended."""
        self.close()
        with suppress(BrokenPipeError):
            self._write(self._feed.rest(end_s))

    def leave(self) -> None:
        """Begin to write no more, whatever is being waited for. May be called again."""
        self._ended.set()

    def close(self) -> None:
        """Write no more. May be called again."""
        self.leave()
        if self._thread is not None:
            self._thread.join()

    def _bridge(self, ended: threading.Event) -> None:
        """Write, in a thread of its own, what is heard while no frame comes."""
        while not ended.wait(GAP_S / 4):
            with self._lock:
                end = self._timeline.end
                if end is None or time.monotonic() - self._written_s < GAP_S:
                    continue
                try:
                    self._write(self._feed.until(end / RATE))
                except (OSError, ValueError):  # the process has ended, which its owner finds
                    return

    def _write(self, packets: Iterable[tuple[int, bytes]]) -> None:
        assert self._process is not None
        for number, samples in packets:
            self._process.write(self._header(number, len(samples)))
            self._process.write(samples)
