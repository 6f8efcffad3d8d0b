"""Sink: recordings and snapshots that a person begins and ends while the program runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stream.errors import StreamError
from stream.files.disk_space import DiskSpace
from stream.files.outputs import save, writing
from stream.files.photos import encode_photo
from stream.files.recovery import discard_parts, recovered
from stream.frame import Output, OutputInfo, Sink
from stream.running.gaps import Gaps
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink

#: Recordings and photos that are being completed at a time. More, as by a key that is held down,
#: would only take memory and processors from all else.
MAX_ASIDE = 8
#: For so long whoever pressed a key waits for a disk.
PATIENCE_S = 1.0


@dataclass(slots=True)
class _Recording:
    """A video on its way.

    Attributes:
        video: gets the outputs.
        space: of the disk it grows on.
        gaps: what it misses of a live source; otherwise `None`.
        last: take and index of the last frame it was given; `None` before the first.
        first_s: time of the first one.
    """

    video: VideoSink
    space: DiskSpace
    gaps: Gaps | None
    last: tuple[int, int] | None = None
    first_s: float = 0.0

    def write(self, output: Output) -> None:
        """Record one output.

        Raises:
            StreamError: it cannot be, or the disk is almost full.
        """
        if self.space.is_short():
            raise StreamError(self.space.reason(self.video.path.name))
        frame, before = output.frame, self.last
        self.last = frame.take, frame.index
        if before is None:
            self.first_s = frame.time_s
        self.video.write(output)
        if self.gaps is not None:
            # between two takes the source had none; which stage is too slow is not known here
            if before is not None and before[0] == frame.take:
                self.gaps.overtake(frame.index - before[1] - 1)
            self.gaps.write(frame.time_s - self.first_s)


class Recorder(Sink):
    """Writes videos and photos into a folder when told to, see `Sink`.

    A recording is complete, and has its name, a moment after it was ended; one that runs at the
    end of the stream is ended with it. One that fails, or whose disk is almost full, ends, which is
    told; as much of it as can be is kept, the stream goes on, and others can be begun. At the end
    `finish` raises why.

    Args:
        folder: that the files go to.
        info: of the outputs to come.
        options: how videos are encoded, and who is told, in one line, what was written or why not.
    """

    watched = True
    accompanies = True

    def __init__(self, folder: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Record nothing yet."""
        self._folder, self._info = folder, info
        self._options = replace(options, overwrite=False)
        self._on_message = options.on_message
        self._recording: _Recording | None = None
        self._videos: list[VideoSink] = []  # begun, and not closed yet
        self._last: Output | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._paths: set[Path] = set()  # given away, some of them not written yet
        self._failures: list[str] = []
        self._is_over = False  # nobody would complete what is begun now

    def open(self) -> None:
        """Clear up what killed programs left in the folder: recordings get their names."""
        with contextlib.suppress(OSError):
            for line in recovered(self._folder, wanted=self._options.output_paths):
                self._on_message(line)
        discard_parts(self._folder, ".png")

    def close(self) -> None:
        """Leave a recording that was not completed, which is kept; see `VideoSink`."""
        with self._lock:
            self._is_over = True
            recording, self._recording = self._recording, None
        self._join()
        if recording is not None:
            self._close(recording.video)

    def interrupt(self) -> None:
        """End what encoders wait for; see `Sink`. Asks nobody, for a `write` may wait as well."""
        for video in list(self._videos):
            video.interrupt()

    @property
    def recording(self) -> bool:
        """Whether a recording runs."""
        return self._recording is not None

    def write(self, output: Output) -> None:
        """Record one output, if a recording runs."""
        with self._lock:
            self._last = output
            recording = self._recording
            if recording is None:
                return
            try:
                recording.write(output)
                return
            except StreamError as error:
                self._recording, reason = None, str(error)
        self._complete(recording, reason)  # which takes its time, and nobody at the keys waits

    def complete(self, *, cut_short: bool) -> None:
        """End the recording that runs; see `Sink.finish`.

        Raises:
            StreamError: recordings or photos have failed, now or earlier.
        """
        with self._lock:
            self._is_over = True
            self._end()
        self._join()
        if self._failures:
            raise StreamError("; ".join(self._failures))

    def toggle(self) -> None:
        """Begin a recording, or end the one that runs. May be called from any thread.

        Raises:
            ValueError: it cannot be now.
        """
        with self._at_keys("record"):
            if self._recording is not None:
                self._end()
            elif not self._is_over:
                self._begin()

    def snapshot(self) -> None:
        """Write the last output as a photo. May be called from any thread.

        Raises:
            ValueError: there is none, or it cannot be begun now.
        """
        output = self._last
        if output is None:
            raise ValueError("snapshot: no picture has come yet")

        def write() -> None:
            keep_location = self._options.keep_location
            photo = output.frame.photo
            picture = output.in_square_pixels().picture
            data, lost = encode_photo(picture, path, photo, keep_location=keep_location)
            given = save(data, path, is_private=self._options.is_private, replaces=False)
            for remark in lost:
                self._on_message(f"{given.name}: {remark}")
            self._on_message(f"{given.name}: written")

        with self._at_keys("snapshot"):
            if self._is_over:
                raise ValueError("snapshot: the run is ending")
            if self._is_busy:
                raise ValueError("snapshot: those before are still being written")
            path = self._new_path(".png")
            self._aside(write)

    @contextlib.contextmanager
    def _at_keys(self, what: str) -> Iterator[None]:
        """Hold the lock, for which nobody at the keys waits long; say what a disk refuses.

        Raises:
            ValueError: why it cannot be done.
        """
        if not self._lock.acquire(timeout=PATIENCE_S):
            raise ValueError(f"{what}: the recording that runs waits for its disk")
        try:
            with writing(self._folder):
                yield
        except StreamError as error:
            raise ValueError(f"{what}: {error}") from error
        finally:
            self._lock.release()

    # === Under the lock ===

    @property
    def _is_busy(self) -> bool:
        return sum(thread.is_alive() for thread in self._threads) >= MAX_ASIDE

    def _end(self) -> None:
        """End the recording that runs, if one does."""
        recording, self._recording = self._recording, None
        if recording is not None:
            self._aside(lambda: self._complete(recording))

    def _begin(self) -> None:
        if self._is_busy:
            self._on_message("record: those before are still being completed")
            return
        is_prores = self._info.has_alpha or self._options.codec == "prores"
        path = self._new_path(".mov" if is_prores else ".mp4")
        try:
            video = VideoSink(path, self._info, self._options, excerpt=True)
            video.open()
        except StreamError as error:
            self._on_message(str(error))
        else:
            self._videos.append(video)
            gaps = Gaps(path.name, self._on_message) if self._info.stream.live else None
            self._recording = _Recording(video, DiskSpace(self._folder), gaps)

    def _aside(self, work: Callable[[], None]) -> None:
        """Do what takes time in a thread of its own, and say why it failed."""

        def guarded() -> None:
            try:
                work()
            except StreamError as error:
                self._failures.append(str(error))
                self._on_message(str(error))

        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(threading.Thread(target=guarded, name="recorder"))
        self._threads[-1].start()

    def _new_path(self, ending: str) -> Path:
        stem = f"maskcast-{time.strftime('%Y%m%d-%H%M%S')}"
        path, number = self._folder / f"{stem}{ending}", 2
        while path in self._paths or path.exists():
            path, number = self._folder / f"{stem}-{number}{ending}", number + 1
        self._paths.add(path)
        return path

    # === In whichever thread ===

    def _complete(self, recording: _Recording, reason: str = "") -> None:
        """Finish a recording that was ended, or, for that reason, has ended."""
        video = recording.video
        try:
            video.finish(cut_short=True)
        except StreamError as error:
            reason = str(error)
        finally:
            self._close(video)
        if reason and recording.last is not None:
            self._failures.append(reason)
        if recording.gaps is not None:
            recording.gaps.tell_all()
        self._on_message(reason or f"{video.path.name}: written")

    def _close(self, video: VideoSink) -> None:
        try:
            video.close()
        finally:
            self._videos.remove(video)

    def _join(self) -> None:
        """Wait for all that was begun, once nothing is any more."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()
