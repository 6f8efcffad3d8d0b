"""The loop: order, dropping, the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from effects import Mask, Unchanged
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.errors import StreamError
from stream.frame import Event, Frame, Source, StreamInfo
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.running import loop
from stream.stats import Stats
from tests.stand_ins.fakes import HoldsBack, ListSink, MovingSquare, Oracle, square


@pytest.fixture(autouse=True)
def no_thread_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def pipeline(stats: Stats, segmenter: Oracle | None = None, live: bool = False) -> Pipeline:
    tracker = PerFrameTracker(segmenter or Oracle(), (lambda error: None) if live else None)
    return Pipeline(tracker, Refiner(blend=True), Look(Mask()), stats=stats)


def play(source: Source, sinks: dict[str, ListSink], **options) -> tuple[bool, Stats]:
    stats = Stats()
    with source:
        fields = {
            name: options.pop(name) for name in ("stop", "paused", "react") if name in options
        }
        way = options.pop("pipeline", None) or pipeline(stats)
        whole = loop.play(loop.Run(source, way, sinks, stats, **fields), **options)
    return whole, stats


def test_file_reaches_every_sink_whole_and_in_order():
    sinks = {"a": ListSink(), "slow": ListSink(pause_s=0.005), "here": ListSink(main_thread=True)}
    whole, stats = play(MovingSquare(30), sinks)
    assert whole
    for sink in sinks.values():
        assert sink.indices == list(range(30))
        assert sink.finished == [False]
    assert sinks["here"].threads == {threading.main_thread().name}
    assert sinks["a"].threads.isdisjoint(sinks["slow"].threads)
    assert stats.counts["read"] == stats.counts["a written"] == 30
    assert stats.counts["dropped"] == stats.counts["slow dropped"] == 0


def test_results_held_back_lose_no_frame():
    stats = Stats()
    held = Pipeline(HoldsBack(), Refiner(blend=True), Look(Mask()), stats=stats)
    sink = ListSink()
    play(MovingSquare(20), {"a": sink}, pipeline=held)
    assert sink.indices == list(range(20))


def test_live_source_drops_for_the_slow_sink_alone():
    sinks = {"fast": ListSink(), "slow": ListSink(pause_s=0.1)}
    _, stats = play(MovingSquare(60, live=True, pause_s=0.01), sinks)
    assert len(sinks["fast"].indices) > 2 * len(sinks["slow"].indices)
    slow = sinks["slow"].indices
    assert slow == sorted(set(slow))
    assert slow[-1] == sinks["fast"].indices[-1], "the newest frame wins"
    assert stats.counts["slow dropped"] + stats.counts["slow written"] == stats.counts["processed"]
    assert stats.counts["read"] == stats.counts["processed"] + stats.counts["dropped"] == 60


class Unaware(Source):
    """One as people write it: without a word to its base class, or a look at interruptions."""

    def __init__(self) -> None:
        self.info = StreamInfo(64, 48, Fraction(25))
        self.num_read = 0

    def __iter__(self) -> Iterator[Frame]:
        for index in range(1000):
            self.num_read += 1
            yield Frame(RgbPicture(square(index)), index, index / 25)


def test_sources_end_that_do_not_look_whether_they_shall():
    source, sink = Unaware(), ListSink(fail_at=1)
    with pytest.raises(StreamError, match="list: full"):
        play(source, {"a": sink})
    assert source.num_read < 100


@pytest.mark.parametrize("fps", [29.97, 0, "25"])
def test_a_rate_that_no_video_can_have_is_told(fps):
    with pytest.raises(ValueError, match="fps: expected a Fraction"):
        StreamInfo(64, 48, fps)


def test_stop_completes_what_was_read():
    stop = threading.Event()
    sink = ListSink(pause_s=0.002)
    threading.Timer(0.2, stop.set).start()
    whole, stats = play(MovingSquare(100_000), {"a": sink}, stop=stop)
    assert not whole
    assert sink.finished == [True]
    assert sink.indices == list(range(stats.counts["read"]))
    assert 0 < len(sink.indices) < 100_000


def test_events_reach_the_caller_while_no_frame_comes():
    stop = threading.Event()
    sink = ListSink(main_thread=True, events={0: Event("key", "q")})
    events = []

    def react(event: Event) -> None:
        events.append(event)
        stop.set()

    source = MovingSquare(20, live=True, pause_s=0.5)
    _, stats = play(source, {"a": sink}, stop=stop, react=react)
    assert events == [Event("key", "q")]
    assert stats.counts["read"] < 5, "the source was interrupted"


def test_stats_say_what_happened():
    _, stats = play(MovingSquare(20), {"a": ListSink()})
    figures = stats.as_dict()
    assert figures["frames"]["read"] == 20
    assert set(figures["stages_ms"]) >= {"segment", "refine", "effect", "a", "a latency"}
    assert all(stage["p50"] <= stage["p95"] for stage in figures["stages_ms"].values())
    assert set(figures["cpu_s"]) == {"capture", "track", "composite", "write a"}
    assert figures["fps"] > 0
    assert figures["peak_memory_mb"] > 10


# === Photos that somebody watches ===


def photos(num: int) -> MovingSquare:
    source = MovingSquare(num)
    source.info = replace(source.info, fps=None)
    return source


def test_a_photo_waits_and_is_shown_anew_with_each_look():
    stats, paused, changes = Stats(), threading.Event(), []
    looked_at = pipeline(stats)

    def react(event: Event) -> None:
        assert paused.is_set()
        if event.key == "look":
            looked_at.look = Look(Unchanged())
            changes.append(time.monotonic())
        elif event.key == "look and leave":
            looked_at.look = Look(Mask())
            paused.clear()
        else:
            paused.clear()

    keys = {1: "look", 2: "leave", 3: "look and leave"}
    window = ListSink(
        main_thread=True, watched=True, events={n: Event("key", key) for n, key in keys.items()}
    )
    file = ListSink()
    sinks = {"window": window, "file": file}
    whole, _ = play(photos(2), sinks, pipeline=looked_at, paused=paused, react=react)
    assert whole
    assert window.indices == [0, 0, 1, 1]
    assert file.indices == [0, 1]
    assert file.outputs[0] is window.outputs[1]
    assert file.outputs[1] is window.outputs[3], "the look chosen just before it was left"
    assert (window.outputs[1].image == square(0)).all()
    assert window.outputs[0].found is window.outputs[1].found, "the network did not run again"
    assert stats.counts["processed"] == stats.counts["keyframes"] == 2
    assert window.finished == file.finished == [False]


def test_stop_ends_photos_that_wait():
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    sinks = {"window": ListSink(main_thread=True, watched=True), "file": ListSink()}
    whole, stats = play(photos(1000), sinks, stop=stop, paused=threading.Event())
    assert not whole
    assert sinks["file"].indices == list(range(stats.counts["read"]))
    assert len(sinks["file"].indices) < 10
    assert sinks["file"].finished == [True]


@pytest.mark.parametrize("fail_at", [0, 1])
def test_photos_wait_for_nobody_whose_window_has_failed(fail_at):
    window = ListSink(main_thread=True, watched=True, fail_at=fail_at, events={1: Event("key")})
    sinks = {"window": window, "file": ListSink()}
    paused = threading.Event()
    with pytest.raises(StreamError, match=r"^list: full$"):
        play(photos(50), sinks, paused=paused, react=lambda event: paused.clear())
    assert sinks["file"].indices == list(range(50))
    assert sinks["file"].finished == [False]


def test_photos_that_nobody_watches_wait_for_nobody():
    sink = ListSink()
    play(photos(5), {"a": sink}, paused=threading.Event())
    assert sink.indices == list(range(5))


class PausedAgain(threading.Event):
    """Somebody at a page pauses as often as it is ended, until they are tired of it."""

    num_asked, tired = 0, 300

    def is_set(self) -> bool:
        self.num_asked += 1
        return self.num_asked < self.tired


def test_a_file_that_is_paused_as_the_run_ends_holds_nothing_up():
    paused, stop = PausedAgain(), threading.Event()
    stop.set()
    play(MovingSquare(3), {"a": ListSink()}, stop=stop, paused=paused)
    assert paused.num_asked < paused.tired
