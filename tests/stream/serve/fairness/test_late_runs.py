"""One run of a visitor at a time, whatever they do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from stream.segmenter_thread import SegmenterThread
from stream.serve.fairness.late_runs import LateRuns

WAIT_S = 60.0  # other programs may have the processor


class Busy:
    """A thread with a call in it that ends when `go` is set."""

    def __init__(self) -> None:
        self.thread = SegmenterThread()
        self.go, self.done = threading.Event(), list[str]()
        self._is_in = threading.Event()

    def hold(self, name: str) -> None:
        self._is_in.set()
        assert self.go.wait(WAIT_S)
        self.done.append(name)

    def wait_until_in(self) -> None:
        assert self._is_in.wait(WAIT_S)


@pytest.fixture
def busy() -> Iterator[Busy]:
    busy = Busy()
    yield busy
    busy.go.set()
    busy.thread.shutdown()


def test_the_newest_takes_the_place_of_what_waits(busy: Busy) -> None:
    one, other = LateRuns(busy.thread), LateRuns(busy.thread)
    first = one.submit(busy.hold, "first")
    busy.wait_until_in()
    replaced = [one.submit(busy.hold, f"replaced {num}") for num in range(50)]
    newest = one.submit(busy.hold, "newest")
    theirs = other.submit(busy.hold, "of another")
    assert all(future.cancelled() for future in replaced)
    assert busy.thread._work.qsize() == 1, "what waits here is not in the thread's queue"
    busy.go.set()
    for future in (first, newest, theirs):
        future.result(WAIT_S)
    assert busy.done == ["first", "of another", "newest"]


def test_what_was_cancelled_is_left_out_and_its_place_is_taken(busy: Busy) -> None:
    busy.thread.submit(busy.hold, "before")
    busy.wait_until_in()
    one, other = LateRuns(busy.thread), LateRuns(busy.thread)
    assert one.submit(busy.hold, "cancelled").cancel()
    other.submit(busy.hold, "of another")
    late = one.submit(busy.hold, "late")
    busy.go.set()
    late.result(WAIT_S)
    busy.thread.submit(int).result(WAIT_S)
    assert busy.done == ["before", "late", "of another"]


def test_after_the_end_nothing_runs(busy: Busy) -> None:
    one = LateRuns(busy.thread)
    running = one.submit(busy.hold, "running")
    busy.wait_until_in()
    waiting = one.submit(busy.hold, "waiting")
    one.shutdown(wait=False)
    late = one.submit(busy.hold, "late")
    assert waiting.cancelled()
    assert late.cancelled()
    busy.go.set()
    running.result(WAIT_S)
    busy.thread.submit(int).result(WAIT_S)
    assert busy.done == ["running"]


def test_errors_are_carried_and_the_next_runs(busy: Busy) -> None:
    one = LateRuns(busy.thread)
    assert isinstance(one.submit(divmod, 1, 0).exception(WAIT_S), ZeroDivisionError)
    assert one.submit(divmod, 7, 2).result(WAIT_S) == (3, 1)
