"""One run: its threads, what ends it, and what is left of its outputs then.

`stages` has what the threads do between source and sinks, `outlets` what is done with each sink.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from stream.errors import StreamError
from stream.frame import Event, Output, Sink, Source
from stream.microphone.microphone import Microphone
from stream.pipeline import Pipeline
from stream.process_settings import batch_work, settle_process
from stream.running.outlets import Outlets
from stream.running.stages import POLL_S, Stages
from stream.stats import Stats

#: How long sinks have to end what they are at, where a run is given up.
PATIENCE_S = 2.0
#: Between two looks at whether a run shall end that nobody watches.
UNATTENDED_S = 0.1


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
        microphone: that is heard with the picture, and sees each frame come; `None` for none.
        react: called, from the thread of `play`, with what a person does at a sink.
        on_message: told, in one line and from any thread, that one of several sinks has ended.
        ending: left with the run; gives up what `outputs` plays.
        played: set when it is played or left, which it can be once.
        taken: set when somebody begins to take what `outputs` gives.
    """

    source: Source
    pipeline: Pipeline
    sinks: dict[str, Sink]
    stats: Stats
    stop: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)
    microphone: Microphone | None = None
    react: Callable[[Event], None] = lambda event: None
    on_message: Callable[[str], None] = lambda text: None
    ending: ExitStack = field(default_factory=ExitStack)
    played: threading.Event = field(default_factory=threading.Event)
    taken: threading.Event = field(default_factory=threading.Event)


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

    What was written is kept, whatever fails. Where source, pipeline or a function given here fail,
    no more is read, what was read is written, and every sink is finished before the error is
    raised. A sink that fails ends alone: `run.on_message` is told at once, and the others go on as
    long as one is left that somebody asked for. Only a `KeyboardInterrupt` gives the run up: no
    output is finished then.

    Args:
        run: not played before.
        on_progress: called from the main thread a few times a second.

    Returns:
        Whether the source was read to its end.

    Raises:
        StreamError: source or sinks failed, all of whose reasons it gives, and how much is kept of
            a source that is not live.
        ValueError: it was played before, or is left, or is no run.
        Exception: of pipeline, `run.react` or `on_progress`, the same in its notes.
    """
    last = 0.0
    with _running(run) as playing:
        while playing.turn():
            if on_progress is not None and time.monotonic() - last > 0.2:
                playing.call(on_progress)
                last = time.monotonic()
    return not playing.cut_short


def outputs(run: Run) -> Generator[Output, None, None]:
    """Play a run as `play` does, and give every output to this thread as well.

    Whoever takes them is one more sink, which a file waits for and which gets the newest ones of a
    live source. Not to take the rest gives the run up, once it is left: no output is finished.

    Args:
        run: not played before.

    Raises:
        StreamError: see `play`; after the last output, as is every other error.
        ValueError: see `play`.
    """
    _check(run)
    run.taken.set()
    taken = _outputs(run)
    run.ending.callback(taken.close)
    return taken


def _outputs(run: Run) -> Generator[Output, None, None]:
    handed = _Handed()
    sinks = {**run.sinks, free_name("outputs", run.sinks): handed}
    with _running(replace(run, sinks=sinks)) as playing:
        while playing.turn():
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
def _running(run: Run) -> Iterator[_Playing]:
    """Start the threads; at the end all outputs are finished, unless the block is left early."""
    _check(run)
    run.played.set()
    settle_process()
    playing = _Playing(run)
    in_time = run.source.info.live or any(sink.on_time for sink in run.sinks.values())
    with nullcontext() if in_time else batch_work(), ExitStack() as stack:
        stack.callback(playing.give_up)
        playing.start()
        yield playing
        playing.join()
        playing.finish()
        stack.pop_all()


class _Playing:
    """The threads of one run, and what ends them.

    Attributes:
        cut_short: they were stopped before the end of the source.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._live = run, run.source.info.live
        self.cut_short = False
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._outlets = Outlets(
            run.sinks,
            live=self._live,
            stats=run.stats,
            on_message=lambda text: self.call(lambda: run.on_message(text)),
            on_none_left=self._stop,
        )
        self._stages = Stages(
            run.source,
            run.pipeline,
            self._outlets,
            run.stats,
            on_frame=None if run.microphone is None else run.microphone.see,
            paused=run.paused,
            stopping=self._stopping,
        )
        self._is_watched = self._outlets.is_watched
        work = {**self._stages.work(), **self._outlets.work()}
        self._threads = [
            threading.Thread(target=self._guarded, args=(task,), name=name)
            for name, task in work.items()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, timeout_s: float | None = None) -> None:
        ends_s = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if ends_s is None else max(0.0, ends_s - time.monotonic()))

    def turn(self) -> bool:
        """Do what is to be done in the main thread now; returns whether more can come."""
        if not (any(thread.is_alive() for thread in self._threads) or self._outlets.waits_here):
            return False
        if self._run.stop.is_set() or self._stopping.is_set():
            self._stop()
        if self._is_watched and not self._outlets.is_watched:
            self._is_watched = False
            self._run.paused.clear()  # whoever could go on is gone
        busy = self._outlets.write_here()
        for event in self._outlets.poll():
            self.call(lambda event=event: self._run.react(event))  # type: ignore[misc]
        if not busy:
            self._wait()
        return True

    def _wait(self) -> None:
        """Wait a moment; where nobody can do anything here, longer, if not for the end."""
        if self._outlets.are_attended:
            self._outlets.wait_here(POLL_S)
            return
        living = [thread for thread in self._threads if thread.is_alive()]
        if living:
            living[-1].join(UNATTENDED_S)

    def call(self, given: Callable[[], None]) -> None:
        """Call what the caller of the run has given; an error of it ends the run."""
        try:
            given()
        except Exception as error:
            self._fail(error)

    def give_up(self) -> None:
        """Throw away what was read and end every thread, whatever it waits for."""
        self._stop()
        self._stages.abort()
        self._outlets.abort()
        self.join(PATIENCE_S)
        if any(thread.is_alive() for thread in self._threads):
            self._outlets.interrupt()
            self.join()

    def finish(self) -> None:
        """Finish the outputs, once the threads have ended, and raise what has failed."""
        failed = self._outlets.finish(cut_short=self.cut_short, failed=self._error is not None)
        reasons = [line for line, _ in failed]
        if self._error is None:
            if reasons:
                errors = [error for _, error in failed]
                cause = errors[0] if len(errors) == 1 else ExceptionGroup("outputs", errors)
                raise StreamError("; ".join(reasons)) from cause
            return
        kept = "" if self._live else self._outlets.kept(self._run.source.info.fps)
        raise _with(self._error, [text for text in (kept, *reasons) if text])

    def _stop(self) -> None:
        """Read no more; what was read goes its way. From any thread, and again."""
        self.cut_short = True
        with self._lock:
            is_first = not self._stopping.is_set()
            self._stopping.set()
        self._run.paused.clear()
        if is_first:
            self._run.source.interrupt()

    def _fail(self, error: BaseException) -> None:
        """Note an error that ends the run; the first one counts."""
        with self._lock:
            self._error = self._error or error
        self._stop()

    def _guarded(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            self._fail(error)
        finally:
            self._run.stats.cpu_s[threading.current_thread().name] = time.thread_time()


def _with(error: BaseException, texts: list[str]) -> BaseException:
    """Return an error that says more, of the same kind."""
    if not texts:
        return error
    if isinstance(error, StreamError):
        longer = StreamError("; ".join([str(error), *texts]))
        longer.__cause__ = error
        return longer
    for text in texts:
        error.add_note(text)
    return error
