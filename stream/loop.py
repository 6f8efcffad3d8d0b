"""The threads of a run, the channels between them, and its end.

capture thread    [channel]   track thread     [channel]   composite thread      [channel each]
iterates source -> live: 1 -> Pipeline.track -> live: 1 -> Pipeline.composite -> live: 2
                   file: 2                      file: 2                          file: 2
-> a thread for each sink writes; sinks that want the main thread get it
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from stream.channel import Channel
from stream.errors import StreamError
from stream.frame import Event, Frame, Output, Sink, Source
from stream.pipeline import Pipeline, Tracked
from stream.process_settings import batch_work, settle_process
from stream.stats import Stats

# Each with the time of its capture, on the clock of time.perf_counter.
Captured = tuple[Frame, float]
Found = tuple[Tracked, float]
Composited = tuple[Output, float]

POLL_S = 0.01  # how long the main thread sleeps between two looks at its sinks


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what its frames pass, and what ends or holds it.

    Attributes:
        source: entered; iterated in a thread of its own.
        pipeline: each half of it is used in a thread of its own.
        sinks: entered; by the name that `stats` counts them under.
        stats: filled as it goes.
        stop: once set, no more frames are read; what was read is written and finished.
        paused: while set, a live picture stands still, at new times, and a file waits. Where
            somebody watches photos that are no video, it is set for each of them, which waits
            until it is cleared by whoever reacts to that person.
        react: called, from the thread of `play`, with what a person does at a sink.
        ending: left when the run is.
        played: set when it is played or left, which it can be once.
    """

    source: Source
    pipeline: Pipeline
    sinks: dict[str, Sink]
    stats: Stats
    stop: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)
    react: Callable[[Event], None] = lambda event: None
    ending: ExitStack = field(default_factory=ExitStack)
    played: threading.Event = field(default_factory=threading.Event)


def free_name(name: str, sinks: Container[str]) -> str:
    """Return a name for one more sink; as any word may be a folder's, it may be taken."""
    while name in sinks:
        name += "'"
    return name


def play(run: Run, *, on_progress: Callable[[], None] | None = None) -> bool:
    """Move every frame from the source through the pipeline to all sinks, then finish these.

    Call it from the main thread. A live source loses frames that come too fast, and a slow sink
    only its own; a file waits for the slowest. Threads are joined before it returns or raises.
    It changes settings of the whole process, see `stream.process_settings`.

    Args:
        run: not played before.
        on_progress: called from the main thread a few times a second.

    Returns:
        Whether the source was read to its end.

    Raises:
        StreamError: of the first stage that failed, and nothing is finished then; or of the outputs
            that could not be finished, when all others are.
        ValueError: it was played before, or is left, or is no run.
    """
    last = 0.0
    with _running(run) as threads:
        while threads.turn():
            if on_progress is not None and time.monotonic() - last > 0.2:
                on_progress()
                last = time.monotonic()
    return not threads.cut_short


def outputs(run: Run) -> Generator[Output, None, None]:
    """Play a run as `play` does, and give every output to this thread as well.

    Whoever takes them is one more sink, which a file waits for and which gets the newest ones of a
    live source. Not to take the rest gives the run up, once it is left: no output is finished.

    Args:
        run: not played before.

    Raises:
        StreamError: see `play`.
        ValueError: likewise.
    """
    _check(run)
    taken = _outputs(run)
    run.ending.callback(taken.close)
    return taken


def _outputs(run: Run) -> Generator[Output, None, None]:
    handed = _Handed()
    sinks = {**run.sinks, free_name("outputs", run.sinks): handed}
    with _running(replace(run, sinks=sinks)) as threads:
        while threads.turn():
            if handed.output is not None:
                yield handed.output
                handed.output = None


class _Handed(Sink):
    """`Sink` that holds the output of this turn of the main thread."""

    main_thread = True
    output: Output | None = None

    def write(self, output: Output) -> None:
        """Hold it; see `Sink`."""
        self.output = output


def _check(run: Run) -> None:
    if not isinstance(run, Run):
        kind = type(run).__name__
        raise ValueError(f"play: expected the run of `with open_run(...) as run`, got {kind}")
    if run.played.is_set():
        raise ValueError("a run is played once, before it is left; open it anew")


@contextmanager
def _running(run: Run) -> Iterator[_Threads]:
    """Start the threads; at the end all outputs are finished, or none where something failed."""
    _check(run)
    run.played.set()
    settle_process()
    threads = _Threads(run)
    in_time = run.source.info.live or any(sink.on_time for sink in run.sinks.values())
    with nullcontext() if in_time else batch_work(), ExitStack() as stack:
        stack.callback(threads.join)
        stack.callback(threads.abort)
        threads.start()
        yield threads
        threads.join()
        threads.raise_error()
        _finish_all(run.sinks, cut_short=threads.cut_short)
        stack.pop_all()


def _finish_all(sinks: Mapping[str, Sink], *, cut_short: bool) -> None:
    """Finish every output, also where another one cannot be."""
    reasons = []
    for sink in sinks.values():
        try:
            sink.finish(cut_short=cut_short)
        except StreamError as error:
            reasons.append(str(error))
    if reasons:
        raise StreamError("; ".join(reasons))


class _Threads:
    """The worker threads of one run; the first error of any of them ends them all.

    Attributes:
        cut_short: they were stopped before the end of the source.
    """

    def __init__(self, run: Run) -> None:
        live = run.source.info.live
        self._run = run
        self.cut_short = False
        self._source, self._pipeline = run.source, run.pipeline
        self._sinks, self._stats, self._paused = run.sinks, run.stats, run.paused
        self._ending = threading.Event()
        self._captured: Channel[Captured] = Channel(1 if live else 2, newest_wins=live)
        self._tracked: Channel[Found] = Channel(1 if live else 2, newest_wins=live)
        self._composited: dict[str, Channel[Composited]] = {
            name: Channel(2, newest_wins=live) for name in run.sinks
        }
        self._watched = [name for name, sink in run.sinks.items() if sink.watched]
        self._by_hand = run.source.info.fps is None and bool(self._watched)
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        work: list[tuple[str, Callable[[], None]]] = [
            ("capture", self._capture),
            ("track", self._track),
            ("composite", self._composite),
        ]
        for name, sink in run.sinks.items():
            if not sink.main_thread:
                work.append((f"write {name}", lambda name=name: self._write(name)))  # type: ignore[misc]
        self._threads = [
            threading.Thread(target=self._guarded, args=(task,), name=name) for name, task in work
        ]
        self._here = [name for name, sink in run.sinks.items() if sink.main_thread]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def turn(self) -> bool:
        """Do what is to be done in the main thread now; returns whether more can come."""
        if self.ended:
            return False
        if self._run.stop.is_set():
            self._stop()
        busy = self._serve_main_thread()
        for event in (event for sink in self._sinks.values() for event in sink.poll()):
            self._run.react(event)
        if not busy:
            time.sleep(POLL_S)
        return True

    def _stop(self) -> None:
        """Read no more; what was read goes its way. Callable more than once."""
        self._ending.set()
        self._paused.clear()
        if not self.cut_short:
            self.cut_short = True
            self._source.interrupt()

    def abort(self) -> None:
        """Make every thread end soon, whatever it waits for."""
        self._ending.set()
        self._source.interrupt()
        self._paused.clear()
        self._captured.abort()
        self._tracked.abort()
        for channel in self._composited.values():
            channel.abort()

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    @property
    def ended(self) -> bool:
        running = any(thread.is_alive() for thread in self._threads)
        waiting = any(not self._composited[name].ended for name in self._here)
        return not running and (self._error is not None or not waiting)

    def _serve_main_thread(self) -> bool:
        """Write what waits for the sinks of this thread; returns whether there was anything."""
        busy = False
        for name in self._here:
            item = self._composited[name].take(0)
            if item is not None:
                self._write_one(name, item)
                busy = True
        return busy

    def _guarded(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            with self._lock:
                self._error = self._error or error
            self.abort()
        finally:
            self._stats.cpu_s[threading.current_thread().name] = time.thread_time()

    def _capture(self) -> None:
        try:
            for frame in self._source:
                self._stats.count("read")
                dropped = self._captured.put((frame, time.perf_counter()))
                self._stats.count("dropped", dropped)
        finally:
            self._captured.close()

    def _track(self) -> None:
        times: deque[float] = deque()  # of the frames that the pipeline keeps
        try:
            for frame, captured_at in self._captured:
                times.append(captured_at)
                self._pass_on(self._pipeline.track(frame), times)
            self._pass_on(self._pipeline.finish(), times)
        finally:
            self._tracked.close()

    def _pass_on(self, tracked: list[Tracked], times: deque[float]) -> None:
        for item in tracked:
            self._stats.count("dropped", self._tracked.put((item, times.popleft())))

    def _composite(self) -> None:
        shown: Output | None = None
        try:
            for tracked, captured_at in self._tracked:
                if self._by_hand:
                    self._show_until_told(tracked, captured_at)
                    continue
                shown = self._held(shown, self._pipeline.composite(tracked))
                self._give((shown, captured_at), self._composited)
        finally:
            for channel in self._composited.values():
                channel.close()

    def _held(self, shown: Output | None, output: Output) -> Output:
        """Return what sinks get next: while paused a live picture stands, a file waits."""
        if self._source.info.live and self._paused.is_set() and shown is not None:
            return shown.held(output.frame)
        while self._paused.is_set() and not self._source.info.live:
            time.sleep(POLL_S)
        return output

    def _show_until_told(self, tracked: Tracked, captured_at: float) -> None:
        """Show a photo, anew with each new look, until somebody goes on.

        Sinks that are not watched get it then, as it was left.
        """
        look = self._pipeline.look
        output = self._pipeline.composite(tracked)
        self._paused.set()
        self._give((output, captured_at), self._watched)
        while True:
            # first this, then the look: a look that was chosen before going on counts
            leaves = self._ending.is_set() or not self._paused.is_set()
            if self._pipeline.look is not look:
                look = self._pipeline.look
                output = self._pipeline.composite(tracked, again=True)
                self._give((output, captured_at), self._watched)
            elif leaves:
                break
            else:
                time.sleep(POLL_S)
        others = [name for name in self._composited if name not in self._watched]
        self._give((output, captured_at), others)

    def _give(self, item: Composited, names: Iterable[str]) -> None:
        for name in names:
            self._stats.count(f"{name} dropped", self._composited[name].put(item))

    def _write(self, name: str) -> None:
        for item in self._composited[name]:
            self._write_one(name, item)

    def _write_one(self, name: str, item: Composited) -> None:
        output, captured_at = item
        with self._stats.timed(name):
            self._sinks[name].write(output)
        self._stats.add(f"{name} latency", time.perf_counter() - captured_at)
        self._stats.count(f"{name} written")
