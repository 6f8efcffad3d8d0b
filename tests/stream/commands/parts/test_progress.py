"""What a person sees of how far a run is."""

from __future__ import annotations

from fractions import Fraction

import pytest

from effects import Unchanged
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.commands.parts import progress
from stream.frame import StreamInfo
from stream.looks.look import Look
from stream.microphone.microphone import Microphone
from stream.pipeline import Pipeline
from stream.running.loop import Run
from stream.stats import Stats
from tests.stand_ins.devices.fake_microphone import heard
from tests.stand_ins.fakes import ListSink, MovingSquare, Oracle


def run_of(info: StreamInfo, microphone: Microphone | None = None) -> Run:
    """Return a run that is not played."""
    source = MovingSquare(1)
    source.info = info
    tracker, refiner, stats = PerFrameTracker(Oracle()), Refiner(blend=True), Stats()
    pipeline = Pipeline(tracker, refiner, Look(Unchanged()), stats=stats)
    return Run(source, pipeline, {"out.mp4": ListSink()}, stats, microphone=microphone)


# the last one is later than was announced
@pytest.mark.parametrize(("time_s", "share"), [(5.0, " 50%|"), (12.0, "100%|")])
def test_progress_of_a_video_goes_by_time(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    time_s: float,
    share: str,
) -> None:
    monkeypatch.setattr(progress, "_at_terminal", lambda: True)
    run = run_of(StreamInfo(64, 48, Fraction(25), duration_s=10.0))
    with progress.progress(run):
        run.stats.shown(time_s)  # one frame, in a video that has few
    assert share in capsys.readouterr().err


@pytest.mark.parametrize("is_on", [True, False])
def test_a_microphone_is_told_as_long_as_it_is_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_on: bool
) -> None:
    monkeypatch.setattr(progress, "_at_terminal", lambda: True)
    microphone = heard(0.1)
    microphone.is_on = is_on
    with progress.progress(run_of(StreamInfo(64, 48, Fraction(25), live=True), microphone)):
        pass
    assert ("MICROPHONE ON" in capsys.readouterr().err) == is_on


@pytest.mark.parametrize(
    ("info", "told"),
    [
        (StreamInfo(64, 48, Fraction(25), duration_s=30.0), "ended early, after 7.3 of 30.0 s"),
        (StreamInfo(64, 48, None, num_frames=150), "ended early, after 2 of 150 frames"),
        (StreamInfo(64, 48, None), "ended early, after 2 frames"),
    ],
)
def test_how_far_a_run_came_that_was_ended(info: StreamInfo, told: str) -> None:
    run = run_of(info)
    run.stats.count("processed")
    run.stats.shown(7.3)
    assert progress.ended_early(run) == told
