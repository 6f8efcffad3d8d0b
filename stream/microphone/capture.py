"""What a microphone gives: samples as they come, each chunk with the time of its arrival."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np

from stream.ffmpeg.process import Ffmpeg
from stream.microphone.devices import find
from stream.microphone.timeline import CHANNELS, RATE, Samples

CHUNK = RATE // 100  # samples
#: A microphone that gives nothing for so long is lost.
SILENT_S = 5.0
_LOOK_S = 0.5  # from one look to the next whether it does
#: Likewise whether it is still there, where a sound server goes on with what else it has: the sound
#: of the loudspeakers.
THERE_S = 2.0


class Capture:
    """One process that records a microphone, from its opening until that is lost.

    Args:
        name: part of the microphone's name, see `find`; looked up now.

    Attributes:
        title: of the microphone.

    Raises:
        StreamError: no such microphone is there, or nothing here can record one.
    """

    def __init__(self, name: str) -> None:
        """Start recording."""
        self._way, self._device = way, device = find(name)
        self.title = device.title
        self._lost, self._ended = "", threading.Event()
        self._last_s = time.monotonic()
        started_as, arguments = way.command(device)
        self._process = Ffmpeg(arguments, pipe_out=True, started_as=started_as)
        self._watch = threading.Thread(target=self._end_lost, name="microphone-watch")
        self._watch.start()

    def __iter__(self) -> Iterator[tuple[Samples, float]]:
        """Yield (n, 2) int16 samples, and when they came by `time.monotonic`, until it is lost."""
        chunk = bytearray(CHUNK * CHANNELS * 2)
        while True:
            if not self._process.read_into(memoryview(chunk)):
                return
            self._last_s = time.monotonic()
            yield np.frombuffer(bytes(chunk), "<i2").reshape(-1, CHANNELS), self._last_s

    def reason(self) -> str:
        """Say why it was lost, after the last samples."""
        status = self._process.wait()
        if self._lost:
            return self._lost
        return self._process.failure() if status else "it ended"

    def interrupt(self) -> None:
        """End a running iteration. May be called from any thread."""
        self._process.kill()

    def close(self) -> None:
        """End the process. May be called again."""
        self._ended.set()
        self._process.close()
        self._watch.join()

    def _end_lost(self) -> None:
        """End the process once it gives nothing any more, or something else."""
        looked_s = time.monotonic()
        while not (self._lost or self._ended.wait(min(_LOOK_S, THERE_S))):
            now_s = time.monotonic()
            if now_s - self._last_s > SILENT_S:
                self._lost = f"it gave nothing for {SILENT_S:.0f} s"
            elif self._way.goes_on_with_others and now_s - looked_s >= THERE_S:
                self._lost = "it was unplugged" if self._is_gone() else ""
                looked_s = time.monotonic()
        if self._lost:
            self._process.kill()

    def _is_gone(self) -> bool:
        there = [device.name for device in self._way.devices()]  # none where no server answers
        return bool(there) and self._device.name not in there
