"""What the threads between source and sinks do.

capture thread    [channel]   track thread     [channel]   composite thread
iterates source -> live: 1 -> Pipeline.track -> live: 1 -> Pipeline.composite -> `Outlets`
                   file: 2                      file: 2
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from stream.frame import Frame, Output, Source
from stream.pipeline import Pipeline, Tracked
from stream.running.backlog import Arrival, Backlog
from stream.running.channel import Channel
from stream.running.outlets import Outlets
from stream.stats import Stats

Captured = tuple[Frame, Arrival]
Found = tuple[Tracked, Arrival]

POLL_S = 0.01  # how long a thread sleeps between two looks at what it waits for


class Stages:
    """Three stages, each for a thread of its own, and the channels between them.

    A stage that fails holds up none: those before it put into a closed channel, those after it get
    what it has done.

    Args:
        source: entered.
        pipeline: each half of it is used by one stage.
        outlets: get what comes out, and its end.
        stats: counts and times go there.
        on_frame: called with the time of each frame as soon as it comes.
        paused: see `stream.running.loop.Run`.
        stopping: once set, nothing waits for a person any more.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        outlets: Outlets,
        stats: Stats,
        *,
        on_frame: Callable[[float], None] | None,
        paused: threading.Event,
        stopping: threading.Event,
    ) -> None:
        """Open the channels."""
        self._on_frame = on_frame
        live = source.info.live
        self._source, self._pipeline, self._outlets = source, pipeline, outlets
        self._stats, self._paused, self._stopping = stats, paused, stopping
        self._captured: Channel[Captured] = Channel(1 if live else 2, newest_wins=live)
        self._tracked: Channel[Found] = Channel(1 if live else 2, newest_wins=live)

    def work(self) -> dict[str, Callable[[], None]]:
        """Return what each thread does, by its name."""
        return {"capture": self._capture, "track": self._track, "composite": self._composite}

    def abort(self) -> None:
        """Throw away what is on its way."""
        self._captured.abort()
        self._tracked.abort()

    def _capture(self) -> None:
        backlog = Backlog()
        try:
            for frame in self._source:
                if self._on_frame is not None:
                    self._on_frame(frame.time_s)
                self._stats.count("read")
                arrival = backlog.arrival(frame, is_recorded=self._outlets.are_recording)
                self._drop(self._captured.put((frame, arrival), patience_s=arrival.patience_s))
                if self._stopping.is_set():
                    return  # a source of one's own need not know that it was interrupted
        finally:
            self._captured.close()

    def _track(self) -> None:
        arrivals: deque[Arrival] = deque()  # of the frames that the pipeline keeps
        try:
            for frame, arrival in self._captured:
                arrivals.append(arrival)
                self._pass_on(self._pipeline.track(frame), arrivals)
            self._pass_on(self._pipeline.finish(), arrivals)
        finally:
            self._captured.abort()
            self._tracked.close()

    def _pass_on(self, tracked: list[Tracked], arrivals: deque[Arrival]) -> None:
        for item in tracked:
            arrival = arrivals.popleft()
            self._drop(self._tracked.put((item, arrival), patience_s=arrival.patience_s))

    def _drop(self, num: int) -> None:
        """Count frames that a newer one has overtaken, or that nobody takes any more."""
        self._stats.count("dropped", num)
        if not self._stopping.is_set():
            self._outlets.overtake(num)

    def _composite(self) -> None:
        shown: Output | None = None
        # photos, each of which waits until whoever sees it goes on
        by_hand = self._source.info.fps is None
        try:
            for tracked, arrival in self._tracked:
                if by_hand and self._outlets.is_watched:
                    self._show_until_told(tracked, arrival)
                    continue
                shown = self._held(shown, self._pipeline.composite(tracked))
                self._outlets.give(shown, arrival)
        finally:
            self._tracked.abort()
            self._outlets.close()

    def _held(self, shown: Output | None, output: Output) -> Output:
        """Return what sinks get next: while paused a live picture stands, a file waits."""
        if self._source.info.live and self._paused.is_set() and shown is not None:
            return shown.held(output.frame)
        is_file = not self._source.info.live
        while is_file and self._paused.is_set() and not self._stopping.is_set():
            time.sleep(POLL_S)
        return output

    def _show_until_told(self, tracked: Tracked, arrival: Arrival) -> None:
        """Show a photo, anew with each new look, until somebody goes on.

        Sinks that are not watched get it then, as it was left.
        """
        look = self._pipeline.look
        output = self._pipeline.composite(tracked)
        self._paused.set()
        self._outlets.give(output, arrival, watched=True)
        while True:
            # first this, then the look: a look that was chosen before going on counts
            leaves = self._stopping.is_set() or not self._paused.is_set()
            leaves = leaves or not self._outlets.is_watched
            if self._pipeline.look is not look:
                look = self._pipeline.look
                output = self._pipeline.composite(tracked, again=True)
                self._outlets.give(output, arrival, watched=True)
            elif leaves:
                break
            else:
                time.sleep(POLL_S)
        self._outlets.give(output, arrival, watched=False)
