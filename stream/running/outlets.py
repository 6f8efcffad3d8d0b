"""The sinks of a run, each with its channel: one that fails ends alone."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from stream.errors import StreamError
from stream.files.disk_space import DiskSpace
from stream.frame import Event, Output, Sink
from stream.running.backlog import Arrival
from stream.running.channel import Channel
from stream.running.gaps import Gaps
from stream.stats import Stats

# An output with the time of its capture, on the clock of time.perf_counter.
Composited = tuple[Output, float]


@dataclass(slots=True)
class _Outlet:
    """A sink, what waits for it, and what has become of it.

    Attributes:
        space: of its disk, where a recording must end in time; otherwise `None`.
        gaps: what a recording misses; otherwise `None`.
        num_written: outputs that it took.
        first_s: time of the first of them.
        last_s: time of the last one.
        has_ended: before the others: it failed, or its disk is almost full.
        is_kept: it was finished.
    """

    name: str
    sink: Sink
    channel: Channel[Composited]
    space: DiskSpace | None
    gaps: Gaps | None
    num_written: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    has_ended: bool = False
    is_kept: bool = False


class Outlets:
    """Hands outputs to the sinks of a run, and ends each of these as it deserves.

    A sink that fails is finished, which keeps what it can keep, and closed. Nobody waits for it
    from then on, and the others go on. So ends a recording of a live source whose disk is almost
    full.

    Args:
        sinks: entered, by their names.
        live: a slow sink loses outputs; otherwise all wait for it.
        stats: counts and times go there.
        on_message: told, in one line and in the thread of that sink, that one of several ended.
        on_none_left: called likewise when there is none left that anybody asked for.
    """

    def __init__(
        self,
        sinks: dict[str, Sink],
        *,
        live: bool,
        stats: Stats,
        on_message: Callable[[str], None],
        on_none_left: Callable[[], None],
    ) -> None:
        """Open the channels."""
        self._stats, self._on_message, self._on_none_left = stats, on_message, on_none_left
        self._outlets = [
            _Outlet(
                name,
                sink,
                Channel(2, newest_wins=live),
                DiskSpace(sink.folder) if live and sink.folder is not None else None,
                Gaps(name, on_message) if live and sink.folder is not None else None,
            )
            for name, sink in sinks.items()
        ]
        self._errors: list[tuple[str, Exception]] = []  # and the line that each of them is
        self._lock = threading.Lock()

    def work(self) -> dict[str, Callable[[], None]]:
        """Return what each thread does that writes, by its name."""
        return {
            f"write {outlet.name}": lambda outlet=outlet: self._write_all(outlet)  # type: ignore[misc]
            for outlet in self._outlets
            if not outlet.sink.main_thread
        }

    # === From the thread that composites ===

    @property
    def is_watched(self) -> bool:
        """Whether a person is there to see what is given."""
        return any(
            outlet.sink.watched and not (outlet.sink.accompanies or outlet.has_ended)
            for outlet in self._outlets
        )

    @property
    def are_recording(self) -> bool:
        """Whether one of them writes a file."""
        return any(
            outlet.sink.folder is not None and not outlet.has_ended for outlet in self._outlets
        )

    def give(self, output: Output, arrival: Arrival, *, watched: bool | None = None) -> None:
        """Hand an output to all sinks, or only to those that are watched, or that are not."""
        for outlet in self._outlets:
            if not outlet.has_ended and watched in (None, outlet.sink.watched):
                patience_s = 0.0 if outlet.sink.folder is None else arrival.patience_s
                item = output, arrival.captured_at
                dropped = outlet.channel.put(item, patience_s=patience_s)
                self._stats.count(f"{outlet.name} dropped", dropped)
                if outlet.gaps is not None:
                    outlet.gaps.lose(dropped)

    def overtake(self, num: int) -> None:
        """Count pictures of a live source that were dropped before they came here."""
        for outlet in self._outlets if num else ():
            if outlet.gaps is not None and not outlet.has_ended:
                outlet.gaps.overtake(num)

    def close(self) -> None:
        """Say that nothing more comes."""
        for outlet in self._outlets:
            outlet.channel.close()

    # === From the main thread ===

    @property
    def waits_here(self) -> bool:
        """Whether sinks of the main thread may still get something."""
        return any(o.sink.main_thread and not o.channel.ended for o in self._outlets)

    def write_here(self) -> bool:
        """Write what waits for the sinks of this thread; returns whether there was anything."""
        busy = False
        for outlet in self._outlets:
            item = outlet.channel.take(0) if outlet.sink.main_thread else None
            if item is not None:
                self._write(outlet, item)
                busy = True
        return busy

    @property
    def are_attended(self) -> bool:
        """Whether something may happen at a sink, or is to be written in this thread."""
        sinks = [outlet.sink for outlet in self._outlets if not outlet.has_ended]
        return any(sink.main_thread or type(sink).poll is not Sink.poll for sink in sinks)

    def wait_here(self, timeout_s: float) -> None:
        """Wait until there may be something for the first sink of this thread, or so long."""
        for outlet in self._outlets:
            if outlet.sink.main_thread and not outlet.channel.ended:
                outlet.channel.wait(timeout_s)
                return
        time.sleep(timeout_s)

    def poll(self) -> list[Event]:
        """Return what happened at the sinks."""
        events = []
        for outlet in self._outlets:
            try:
                events += [] if outlet.has_ended else outlet.sink.poll()
            except Exception as error:
                self._end(outlet, error)
        return events

    def abort(self) -> None:
        """Throw away what waits."""
        for outlet in self._outlets:
            outlet.channel.abort()

    def interrupt(self) -> None:
        """End what sinks wait for."""
        for outlet in self._outlets:
            outlet.sink.interrupt()

    def finish(self, *, cut_short: bool, failed: bool) -> list[tuple[str, Exception]]:
        """Finish every sink that has not ended, also where another one cannot be.

        Args:
            cut_short: see `Sink.finish`.
            failed: source or pipeline did, so that nobody misses what nothing was written to.

        Returns:
            A line for each sink that has failed, now or earlier, and the error behind it.
        """
        for outlet in self._outlets:
            if outlet.has_ended or (failed and not outlet.num_written):
                continue
            if outlet.gaps is not None:
                outlet.gaps.tell_all()
            try:
                outlet.sink.finish(cut_short=cut_short)
                outlet.is_kept = True
            except Exception as error:
                self._errors.append((_line(outlet.name, error), error))
        return self._errors

    def kept(self, fps: Fraction | None) -> str:
        """Say how much the files that were finished hold, "" where there are none."""
        files = [o for o in self._outlets if o.is_kept and o.sink.folder is not None]
        if not any(outlet.num_written for outlet in files):
            return ""
        longest = max(files, key=lambda outlet: outlet.num_written)
        noun, length = "photo", ""
        if fps is not None:
            noun = "frame"
            length = f" ({longest.last_s - longest.first_s + float(1 / fps):.1f} s)"
        if longest.num_written == 1:
            return f"the first {noun}{length} is kept"
        return f"the first {longest.num_written} {noun}s{length} are kept"

    # === From the thread of a sink ===

    def _write_all(self, outlet: _Outlet) -> None:
        try:
            for item in outlet.channel:
                self._write(outlet, item)
        finally:
            outlet.channel.abort()  # nobody waits for a thread that is not there any more

    def _write(self, outlet: _Outlet, item: Composited) -> None:
        output, captured_at = item
        name = outlet.name
        try:
            if outlet.space is not None and outlet.space.is_short():
                raise StreamError(outlet.space.reason(name))
            with self._stats.timed(name):
                outlet.sink.write(output)
        except Exception as error:
            self._end(outlet, error)
            return
        self._stats.add(f"{name} latency", time.perf_counter() - captured_at)
        self._stats.count(f"{name} written")
        if not outlet.num_written:
            outlet.first_s = output.frame.time_s
        outlet.last_s = output.frame.time_s
        outlet.num_written += 1
        if outlet.gaps is not None:
            outlet.gaps.write(output.frame.time_s)

    def _end(self, outlet: _Outlet, error: Exception) -> None:
        """Take leave of a sink that cannot go on."""
        if outlet.has_ended:
            return
        outlet.has_ended = True
        outlet.channel.abort()
        try:
            if outlet.num_written:
                outlet.sink.finish(cut_short=True)
        except Exception as at_end:
            error = at_end
        with contextlib.suppress(Exception):  # which whoever leaves it meets again
            outlet.sink.close()
        line = _line(outlet.name, error)
        with self._lock:
            self._errors.append((line, error))
            asked_for = [o for o in self._outlets if not o.sink.accompanies] or self._outlets
            none_left = all(other.has_ended for other in asked_for)
        if none_left:
            self._on_none_left()
        else:
            self._on_message(line)


def _line(name: str, error: Exception) -> str:
    """Return one line for people, which names the sink."""
    text = " ".join(str(error).split())
    if isinstance(error, StreamError):
        return text
    kind = type(error).__name__
    return f"{name.rstrip(':')}: {text} ({kind})" if text else f"{name.rstrip(':')}: {kind}"
