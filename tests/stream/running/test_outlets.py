"""What fails in a run, and what is kept of it then."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from effects import Mask
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.commands.parts.error_line import one_line
from stream.errors import StreamError
from stream.frame import Event, Source
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.running import loop
from stream.running.backlog import Arrival
from stream.running.outlets import Outlets
from stream.stats import Stats
from tests.leftovers import nothing_left
from tests.stand_ins.fakes import HoldsBack, ListSink, MovingSquare, Oracle

FILES = Path("/nowhere")  # a sink with a folder keeps files; this one is never written to


@pytest.fixture(autouse=True)
def no_thread_left():
    with nothing_left():
        yield


def play(source: Source, sinks: dict[str, ListSink], **more) -> list[str]:
    """Play a run; returns what was told meanwhile."""
    told: list[str] = []
    stats = Stats()
    tracker = more.pop("tracker", None) or PerFrameTracker(more.pop("network", Oracle()))
    effect = more.pop("effect", Mask())
    pipeline = Pipeline(tracker, Refiner(blend=True), Look(effect), stats=stats)
    on_progress = more.pop("on_progress", None)
    with source:
        run = loop.Run(source, pipeline, sinks, stats, on_message=told.append, **more)
        loop.play(run, on_progress=on_progress)
    return told


# === The source or what lies behind it fails ===


def test_what_was_read_before_the_source_broke_off_is_kept():
    sinks = {"file": ListSink(folder=FILES), "slow": ListSink(pause_s=0.01), "here": ListSink()}
    sinks["here"].main_thread = True
    with pytest.raises(StreamError, match="broke off") as error:
        play(MovingSquare(100, fail_at=7), sinks)
    for sink in sinks.values():
        assert sink.indices == list(range(7))
        assert sink.finished == [True]
    assert str(error.value) == "square: broke off; the first 7 frames (0.3 s) are kept"


def test_a_camera_that_breaks_off_leaves_what_was_recorded():
    sink = ListSink(folder=FILES)
    with pytest.raises(StreamError, match=r"^square: broke off$"):
        play(MovingSquare(100, live=True, pause_s=0.005, fail_at=20), {"file": sink})
    assert len(sink.indices) > 5
    assert sink.finished == [True]


def test_results_held_back_are_kept_as_well():
    sink = ListSink()
    with pytest.raises(StreamError, match="broke off"):
        play(MovingSquare(100, fail_at=8), {"a": sink}, tracker=HoldsBack())
    assert sink.indices == list(range(8))


def test_nothing_is_finished_where_nothing_was_written():
    sinks = {"a": ListSink(folder=FILES), "b": ListSink(fail_at_end=True)}
    with pytest.raises(StreamError, match=r"^square: broke off$"):
        play(MovingSquare(100, fail_at=0), sinks)
    assert sinks["a"].finished == sinks["b"].finished == []


def test_one_frame_and_photos_are_counted_as_what_they_are():
    with pytest.raises(StreamError, match=r"; the first frame \(0.0 s\) is kept$"):
        play(MovingSquare(100, fail_at=1), {"a": ListSink(folder=FILES)})
    source = MovingSquare(100, fail_at=3)
    source.info = loop.replace(source.info, fps=None)
    with pytest.raises(StreamError, match=r"; the first 3 photos are kept$"):
        play(source, {"a": ListSink(folder=FILES)})


def test_nothing_is_called_kept_that_was_only_shown_or_cannot_be_finished():
    sinks = {"shown": ListSink(), "file": ListSink(folder=FILES, fail_at_end=True)}
    with pytest.raises(StreamError, match=r"^square: broke off; list: torn$"):
        play(MovingSquare(100, fail_at=7), sinks)


@pytest.mark.parametrize("num_frames", [3, 10_000])
def test_the_network_that_fails_leaves_what_was_written(num_frames):
    sink = ListSink(folder=FILES)
    with pytest.raises(RuntimeError, match="the network broke") as error:
        play(MovingSquare(num_frames), {"a": sink}, network=Oracle(fails=lambda call: call == 2))
    assert sink.indices == [0, 1]
    assert sink.finished == [True]
    assert "the network broke; the first 2 frames (0.1 s) are kept" in one_line(error.value)


def test_an_effect_that_fails_leaves_what_was_written():
    def effect(image, alpha, time_s):
        if time_s > 0.19:
            raise ZeroDivisionError("mine")
        return image

    sink = ListSink()
    with pytest.raises(ZeroDivisionError, match="mine"):
        play(MovingSquare(10_000), {"a": sink}, effect=effect)
    assert sink.indices == list(range(5))
    assert sink.finished == [True]


def broken(*event: object) -> None:
    raise ValueError("caller")


@pytest.mark.parametrize("given", ["on_progress", "react"])
def test_an_error_of_the_callers_own_functions_leaves_what_was_written(given):
    sink = ListSink(main_thread=True, pause_s=0.01, events={3: Event("key")})
    with pytest.raises(ValueError, match="caller"):
        play(MovingSquare(10_000), {"a": sink}, **{given: broken})
    assert sink.finished == [True]
    assert len(sink.indices) < 1000


def test_only_who_gives_up_discards():
    sinks = {"a": ListSink(main_thread=True), "b": ListSink()}

    def give_up(event: Event) -> None:
        raise KeyboardInterrupt

    sinks["a"].poll = lambda: [Event("key")] if len(sinks["a"].outputs) > 3 else []
    interrupted = list[str]()
    for name, sink in sinks.items():
        sink.interrupt = lambda name=name: interrupted.append(name)
    with pytest.raises(KeyboardInterrupt):
        play(MovingSquare(10_000), sinks, react=give_up)
    assert sinks["a"].finished == sinks["b"].finished == []
    assert interrupted == [], "neither of them holds it up"


def test_giving_up_waits_for_no_sink_that_takes_nothing(monkeypatch):
    monkeypatch.setattr(loop, "PATIENCE_S", 0.05)
    is_stuck, goes_on = threading.Event(), threading.Event()
    stuck = ListSink()

    def write(output: object) -> None:
        is_stuck.set()
        assert goes_on.wait(60), "nobody ended it"

    stuck.write = write
    stuck.interrupt = goes_on.set
    sinks = {"a": ListSink(main_thread=True), "b": stuck}

    def give_up(event: Event) -> None:
        raise KeyboardInterrupt

    sinks["a"].poll = lambda: [Event("key")] if is_stuck.is_set() else []
    with pytest.raises(KeyboardInterrupt):
        play(MovingSquare(10_000), sinks, react=give_up)
    assert goes_on.is_set()


# === A sink fails ===


@pytest.mark.parametrize("main_thread", [False, True])
@pytest.mark.parametrize("live", [False, True])
def test_a_sink_that_fails_ends_alone(main_thread, live):
    bad, good = ListSink(fail_at=5, main_thread=main_thread), ListSink()
    source = MovingSquare(200, live=live, pause_s=0.002 * live)
    told_at: list[int] = []
    stats = Stats()
    pipeline = Pipeline(PerFrameTracker(Oracle()), Refiner(blend=True), Look(Mask()), stats=stats)
    run = loop.Run(
        source,
        pipeline,
        {"bad": bad, "good": good},
        stats,
        on_message=lambda text: told_at.append(len(good.outputs)) or told.append(text),
    )
    told: list[str] = []
    bad._fail_at = None
    bad.write = failing_after(bad, 5)
    with source, pytest.raises(StreamError, match=r"^list: full$"):
        loop.play(run)
    assert told == ["list: full"], "at once"
    assert told_at[0] < 150
    assert bad.finished == [True], "what can be kept is"
    assert bad.num_closed == 1
    assert len(bad.outputs) == 5
    assert good.finished == [False]
    assert good.indices[-1] == 199
    if not live:
        assert good.indices == list(range(200))


def failing_after(sink: ListSink, num: int):
    def write(output) -> None:
        if len(sink.outputs) == num:
            raise StreamError("list: full")
        sink.outputs.append(output)

    return write


def test_what_a_failed_sink_says_when_it_is_finished_is_the_reason():
    sinks = {"bad": ListSink(fail_at=5, fail_at_end=True), "good": ListSink()}
    told: list[str] = []
    with pytest.raises(StreamError, match=r"^list: torn$"):
        told += play(MovingSquare(50), sinks)
    assert sinks["good"].indices == list(range(50))


def test_a_sink_that_took_nothing_has_nothing_to_keep():
    bad = ListSink(fail_at=0, fail_at_end=True)
    with pytest.raises(StreamError, match=r"^list: full$"):
        play(MovingSquare(50), {"bad": bad, "good": ListSink()})
    assert bad.num_closed == 1


@pytest.mark.parametrize("fails", ["write", "poll", "finish"])
def test_any_error_of_a_sink_is_a_line_with_its_name(fails):
    sinks = {"window:": ListSink(main_thread=True), "good": ListSink()}
    setattr(sinks["window:"], fails, lambda *_, **__: broken())
    with pytest.raises(StreamError) as error:
        play(MovingSquare(50), sinks)
    assert str(error.value) == "window: caller (ValueError)"
    assert isinstance(error.value.__cause__, ValueError)
    assert sinks["good"].finished == [False]
    assert sinks["good"].indices == list(range(50))


def test_the_run_stops_when_no_sink_is_left():
    sinks = {"a": ListSink(fail_at=5), "b": ListSink(fail_at=9, main_thread=True)}
    sinks["recorder"] = ListSink(accompanies=True)
    source = MovingSquare(100_000)
    with pytest.raises(StreamError, match=r"^list: full; list: full$"):
        play(source, sinks)
    assert sinks["recorder"].finished == [True]
    assert list(source) == [], "it was interrupted"


def test_a_sink_that_only_accompanies_ends_alone_and_is_told():
    sinks = {"window": ListSink(main_thread=True)}
    sinks["recorder"] = ListSink(accompanies=True, fail_at=3)
    with pytest.raises(StreamError, match=r"^list: full$"):
        play(MovingSquare(50), sinks)
    assert sinks["window"].indices == list(range(50))


def test_a_sink_that_cannot_even_be_closed_holds_up_nobody():
    sinks = {"bad": ListSink(main_thread=True, fail_at=3), "good": ListSink()}
    sinks["bad"].close = broken
    with pytest.raises(StreamError, match="list: full"):
        play(MovingSquare(50), sinks)
    assert sinks["good"].indices == list(range(50))


def test_an_error_of_who_is_told_discards_nothing():
    sinks = {"bad": ListSink(main_thread=True, fail_at=3), "good": ListSink()}
    stats = Stats()
    pipeline = Pipeline(PerFrameTracker(Oracle()), Refiner(blend=True), Look(Mask()), stats=stats)
    run = loop.Run(MovingSquare(10_000), pipeline, sinks, stats, on_message=broken)
    with pytest.raises(ValueError, match="caller"):
        loop.play(run)
    assert sinks["good"].finished == [True]


def test_one_error_has_all_reasons():
    sinks = {"bad": ListSink(fail_at=3), "file": ListSink(folder=FILES)}
    with pytest.raises(StreamError) as error:
        play(MovingSquare(100, fail_at=10), sinks)
    kept = "square: broke off; the first 10 frames (0.4 s) are kept; list: full"
    assert str(error.value) == kept


def test_a_paused_file_goes_on_when_the_window_has_failed():
    paused = threading.Event()
    paused.set()
    window = ListSink(main_thread=True, watched=True)
    window.poll = broken
    sinks = {"window": window, "file": ListSink()}
    with pytest.raises(StreamError, match="caller"):
        play(MovingSquare(30), sinks, paused=paused)
    assert sinks["file"].indices == list(range(30))


# === The disk is almost full ===


class Short:
    """A disk that is almost full from some time on."""

    def __init__(self, folder: Path) -> None:
        self._num_looks = 0

    def is_short(self) -> bool:
        self._num_looks += 1
        return self._num_looks > 10

    def reason(self, name: str) -> str:
        return f"{name}: no room"


def test_a_live_recording_ends_whole_before_its_disk_is_full(monkeypatch):
    monkeypatch.setattr("stream.running.outlets.DiskSpace", Short)
    sinks = {"file": ListSink(folder=FILES), "sent": ListSink()}
    told: list[str] = []
    with pytest.raises(StreamError, match=r"^file: no room$"):
        told += play(MovingSquare(100, live=True, pause_s=0.002), sinks)
    assert len(sinks["file"].outputs) == 10
    assert sinks["file"].finished == [True]
    assert sinks["sent"].indices[-1] == 99


def test_a_file_meets_the_full_disk(monkeypatch):
    monkeypatch.setattr("stream.running.outlets.DiskSpace", Short)
    sink = ListSink(folder=FILES)
    play(MovingSquare(50), {"file": sink})
    assert sink.indices == list(range(50))


def test_a_thread_that_dies_holds_nobody_up():
    outlets = Outlets(
        {"a": ListSink()}, live=False, stats=Stats(), on_message=print, on_none_left=print
    )
    outlets._outlets[0].sink.write = lambda output: (_ for _ in ()).throw(SystemExit)
    (write,) = outlets.work().values()

    def until_it_dies() -> None:
        with pytest.raises(SystemExit):
            write()

    thread = threading.Thread(target=until_it_dies)
    thread.start()
    began = time.monotonic()
    for _ in range(20):
        outlets.give(None, Arrival(0.0))  # which would wait for ever
        assert time.monotonic() - began < 60
    thread.join()
