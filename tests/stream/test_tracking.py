"""How often the network of a stream runs: from the options to what is shown."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from fractions import Fraction

import cv2
import numpy as np
import pytest

import run as command_line
import stream.segmenter_thread
from effects import Mask
from segmentation.refinement.refiner import Refiner
from stream.frame import StreamInfo
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.running.loop import Run, play
from stream.segmenter_thread import SegmenterThread
from stream.stats import Stats
from stream.tracking import Keyframes, open_tracker
from tests.ffmpeg_reference import ffmpeg
from tests.stand_ins.fakes import ListSink, MovingSquare, Oracle, square
from tests.stand_ins.recurrent import FIRST, Remembers


class Slow(Oracle):
    """Takes its time."""

    seconds = 0.2

    def segment(self, images):
        time.sleep(self.seconds)
        return super().segment(images)


class Fast(Oracle):
    """As cheap as moving masks, and as portrait finds one object."""

    fast = True
    separates_objects = False


class FastInstances(Oracle):
    fast = True


@pytest.mark.parametrize(
    ("text", "every", "mean"),
    [
        (None, None, None),
        ("1", 1, None),
        ("12", 12, None),
        ("auto", "auto", None),
        ("auto:8", "auto", 8.0),
    ],
)
def test_what_is_asked_for_is_read(text, every, mean):
    assert Keyframes.parse(text, "flow") == Keyframes(every, mean, "flow")


@pytest.mark.parametrize(
    "text", ["0", "-1", "", "often", "auto:", "auto:0", "auto:x", "5:5", ":5", "²"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="a number from 1, auto or auto:N"):
        Keyframes.parse(text, "auto")


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": "often"}, {"reuse": "flw"}])
def test_what_cannot_be_asked_for_is_refused_at_once(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name}: expected .*, got {value!r}"):
        Keyframes(**wrong)


def num_seen(segmenter: Oracle, asked: Keyframes) -> int:
    """Return how many of 12 frames of a file the network saw, all of which got masks."""
    info = StreamInfo(64, 48, Fraction(25), live=False, num_frames=12)
    with ExitStack() as stack:
        tracker = open_tracker(segmenter, info, asked, pytest.fail, stack)
        shown = [
            each for frame in MovingSquare(12) for each in tracker.push(frame.image, frame.time_s)
        ]
        shown += tracker.finish()
    assert len(shown) == 12
    assert None not in shown
    return len(segmenter.seen)


def test_file_is_seen_whole_unless_fewer_keyframes_are_asked_for():
    assert num_seen(Oracle(), Keyframes()) == 12
    assert num_seen(Fast(), Keyframes()) == 12
    assert num_seen(Fast(), Keyframes(1)) == 12
    assert num_seen(Fast(), Keyframes(5)) == 3
    assert num_seen(Oracle(), Keyframes(4, reuse="hold")) == 3
    assert num_seen(Oracle(), Keyframes(reuse="flow")) < 6


def test_fast_network_sees_those_frames_of_a_file_between_which_something_changes():
    info = StreamInfo(64, 48, Fraction(25), live=False, num_frames=9)
    still = square(3)
    for asked, num in ((Keyframes(), 3), (Keyframes(1), 9)):
        segmenter = Fast()
        with ExitStack() as stack:
            tracker = open_tracker(segmenter, info, asked, pytest.fail, stack)
            shown = [each for i in range(9) for each in tracker.push(still, i / 25)]
            shown += tracker.finish()
        assert len(segmenter.seen) == num
        truth = segmenter.segment(still[None])[0].union()
        assert [(each.union() == truth).all() for each in shown] == [True] * 9


def test_fast_network_is_told_apart_from_others_by_what_it_says_of_itself():
    """So that a new one needs no change here."""

    def opened(segmenter: Oracle, *, live: bool) -> tuple[str, bool, int]:
        info = StreamInfo(64, 48, Fraction(25), live=live, num_frames=None)
        with ExitStack() as stack:
            tracker = open_tracker(segmenter, info, Keyframes(), pytest.fail, stack)
            for frame in MovingSquare(4):
                tracker.push(frame.image, frame.time_s)
        return type(tracker).__name__, tracker.gives_ids, len(segmenter.seen)

    assert opened(Fast(), live=False) == ("InterpolatingTracker", False, 1)
    assert opened(Fast(), live=True) == ("PerFrameTracker", False, 4)
    assert opened(FastInstances(), live=False) == ("DetectionTracker", True, 4)
    assert opened(FastInstances(), live=True) == ("DetectionTracker", True, 4)
    assert opened(Oracle(), live=False) == ("DetectionTracker", True, 4)
    assert opened(Oracle(), live=True)[:2] == ("LiveTracker", True)
    assert opened(Remembers(), live=False) == ("RecurrentTracker", False, 4)
    assert opened(Remembers(), live=True) == ("RecurrentTracker", False, 4)


def test_network_that_remembers_sees_every_frame_unless_keyframes_are_asked_for():
    for live in (False, True):
        info = StreamInfo(64, 48, Fraction(25), live=live, num_frames=None)
        for asked, kept in (
            (Keyframes(1), True),
            (Keyframes(4), False),
            (Keyframes("auto"), False),
            (Keyframes(reuse="flow"), False),
        ):
            with ExitStack() as stack:
                tracker = open_tracker(Remembers(), info, asked, pytest.fail, stack)
                assert (type(tracker).__name__ == "RecurrentTracker") == kept, (live, asked)


def test_photos_owe_nothing_to_each_other_where_a_network_remembers():
    info = StreamInfo(64, 48, None, live=False, num_frames=3)
    with ExitStack() as stack:
        tracker = open_tracker(Remembers(), info, Keyframes(), pytest.fail, stack)
        shown = [tracker.push(frame.image, 0.0)[0] for frame in MovingSquare(3)]
    assert [found.matte.alpha.max() for found in shown] == [FIRST] * 3


class Batches(Oracle):
    """Works on four images at a time, and remembers how many it was given."""

    max_images = 4

    def __init__(self):
        super().__init__()
        self.sizes = []

    def segment(self, images):
        self.sizes.append(len(images))
        return super().segment(images)


def test_frames_of_a_file_go_through_the_network_together():
    segmenter, stats, sink = Batches(), Stats(), ListSink()
    with ExitStack() as stack:
        source = stack.enter_context(MovingSquare(10))
        tracker = open_tracker(segmenter, source.info, Keyframes(), pytest.fail, stack)
        pipeline = Pipeline(tracker, Refiner(blend=False), Look(Mask()), stats=stats)
        stack.enter_context(sink)
        play(Run(source, pipeline, {"list": sink}, stats))
    assert segmenter.sizes == [4, 4, 2]
    assert stats.counts["keyframes"] == 10
    assert [output.frame.index for output in sink.outputs] == list(range(10))
    for output in sink.outputs:
        (truth,) = Oracle().segment(output.frame.image[None])
        assert (output.instances.union() == truth.union()).all()


class FastInBatches(Batches):
    fast = True
    separates_objects = False


@pytest.mark.parametrize(("live", "fps"), [(True, Fraction(25)), (False, None)])
def test_no_frame_of_a_camera_and_no_photo_waits_for_others(live, fps):
    segmenter = FastInBatches()
    info = StreamInfo(64, 48, fps, live=live, num_frames=None)
    with ExitStack() as stack:
        tracker = open_tracker(segmenter, info, Keyframes(), pytest.fail, stack)
        assert [len(tracker.push(frame.image, frame.time_s)) for frame in MovingSquare(5)] == [
            1
        ] * 5
    assert segmenter.sizes == [1] * 5


def test_photos_owe_nothing_to_each_other():
    info = StreamInfo(64, 48, None, live=False, num_frames=3)
    with ExitStack() as stack:
        tracker = open_tracker(Oracle(), info, Keyframes(5), pytest.fail, stack)
        for frame in MovingSquare(3):
            (found,) = tracker.push(frame.image, 0.0)
            assert found is not None
            assert found.ids.tolist() == [-1]
    assert tracker.counts["keyframes"] == 3


def test_frames_wait_for_a_keyframe_within_bounds(monkeypatch):
    monkeypatch.setattr("stream.tracking.MAX_HELD_BYTES", 3 * 64 * 48 * 2)
    # two frames may wait
    assert num_seen(Oracle(), Keyframes(6)) == 4


def play_live(segmenter: Oracle, asked: Keyframes) -> tuple[ListSink, Stats, list[str]]:
    told: list[str] = []
    stats, sink = Stats(), ListSink()
    with ExitStack() as stack:
        source = stack.enter_context(MovingSquare(28, live=True, pause_s=0.03))
        tracker = open_tracker(
            segmenter, source.info, asked, lambda error: told.append(str(error)), stack
        )
        pipeline = Pipeline(tracker, Refiner(blend=False), Look(Mask()), stats=stats)
        stack.enter_context(sink)
        play(Run(source, pipeline, {"list": sink}, stats))
    return sink, stats, told


def test_network_slower_than_the_video_holds_up_no_frame_and_its_mask_moves_along():
    sink, stats, told = play_live(Slow(), Keyframes())
    assert told == []
    assert len(sink.outputs) >= 26
    late = [output for output in sink.outputs if output.alpha is not None]
    assert 14 <= len(late) <= 24  # the frames before the first result are covered
    assert stats.counts["keyframes"] <= 6
    for output in late[::5]:
        truth = Oracle().segment(output.frame.image[None])[0].union() >= 128
        assert np.count_nonzero(truth & (output.alpha >= 128)) > 0.6 * np.count_nonzero(truth)
    age = stats.stages["mask age"].percentile_ms(50)
    assert age is not None
    assert age > 0


def test_network_that_dies_live_covers_the_picture_and_is_told():
    sink, _, told = play_live(Oracle(fails=lambda call: call >= 1), Keyframes(1))
    assert told
    assert sink.outputs[-1].alpha is None
    assert (sink.outputs[-1].image == 0).all()


def test_network_that_hangs_does_not_keep_the_program(monkeypatch):
    monkeypatch.setattr(stream.segmenter_thread, "MAX_WAIT_S", 0.1)
    let_go = threading.Event()
    at_last = threading.Timer(30, let_go.set)
    at_last.start()
    with SegmenterThread() as executor:
        executor.submit(let_go.wait)
    assert not let_go.is_set(), "it was not waited for"
    at_last.cancel()
    let_go.set()


def test_calls_run_in_order_and_their_errors_are_carried():
    with SegmenterThread() as executor:
        futures = [executor.submit(divmod, 7, k) for k in (2, 0, 3)]
        assert futures[0].result() == (3, 1)
        assert isinstance(futures[1].exception(), ZeroDivisionError)
        assert futures[2].result() == (2, 1)


def test_cut_in_a_file_is_a_keyframe(tmp_path, demo_clip):
    from skimage.data import coffee

    photo, joined = tmp_path / "coffee.png", tmp_path / "joined.mp4"
    cv2.imwrite(str(photo), coffee()[..., ::-1])
    chain = "fps=25,trim=end_frame=13,setpts=PTS-STARTPTS,setsar=1,format=yuv420p"
    portrait, cup = f"scale=480:270,{chain}", f"crop=480:270:n*3:60,{chain}"
    ffmpeg(
        *("-i", demo_clip, "-loop", "1", "-framerate", "25", "-i", photo),
        *("-filter_complex", f"[0:v]{portrait}[a];[1:v]{cup}[b];[a][b]concat", joined),
    )
    stats = tmp_path / "stats.json"
    arguments = [joined, "-o", tmp_path / "out.mp4", "--keyframe", "10", "--stats", stats]
    assert command_line.main([str(each) for each in arguments]) == 0
    frames = json.loads(stats.read_text())["frames"]
    assert frames["cuts"] == 1
    assert frames["processed"] == frames["read"]
    assert frames["keyframes"] == 4  # 0, 10, the one after the cut, and ten after it
