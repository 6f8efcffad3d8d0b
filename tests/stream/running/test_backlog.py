"""What came of a live source before it was read, and is there all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from effects import Mask
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.frame import Source
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.running import backlog
from stream.running.loop import Run, play
from stream.stats import Stats
from tests.leftovers import nothing_left
from tests.stand_ins.fakes import ListSink, MovingSquare, Oracle

FILES = Path("/nowhere")  # a sink with a folder keeps files; this one is never written to


@pytest.fixture(autouse=True)
def no_thread_left():
    with nothing_left():
        yield


def run(source: Source, sinks: dict[str, ListSink]) -> Stats:
    stats = Stats()
    pipeline = Pipeline(PerFrameTracker(Oracle()), Refiner(blend=True), Look(Mask()), stats=stats)
    with source:
        play(Run(source, pipeline, sinks, stats))
    return stats


@pytest.mark.parametrize("restart_at", [None, 20])
def test_a_recording_begins_with_the_first_picture_there_is(
    restart_at: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PATIENCE_S", "_SETTLED_S"):  # other programs may have the processor
        monkeypatch.setattr(backlog, name, 20.0)
    recording, window = ListSink(folder=FILES, pause_s=0.01), ListSink(pause_s=0.1)
    source = MovingSquare(40, live=True, restart_at=restart_at)  # of 1.6 s, all at once
    stats = run(source, {"recording": recording, "window": window})
    assert recording.indices == list(range(40))
    assert stats.counts["dropped"] == 0
    assert window.indices[-1] == 39
    assert len(window.indices) < 40, "what is not kept shows what is new"


def test_nobody_waits_for_what_is_only_shown() -> None:
    window = ListSink(pause_s=0.02)
    stats = run(MovingSquare(40, live=True), {"window": window})
    assert stats.counts["window dropped"] + stats.counts["dropped"] > 20


def test_what_comes_too_fast_for_this_machine_is_lost_all_the_same() -> None:
    recording = ListSink(folder=FILES, pause_s=0.1)
    stats = run(MovingSquare(60, live=True, pause_s=1 / 25), {"recording": recording})
    lost = stats.counts["dropped"] + stats.counts["recording dropped"]
    assert lost == 60 - len(recording.indices) > 15
    assert recording.indices[-1] == 59, "the newest frame wins"
