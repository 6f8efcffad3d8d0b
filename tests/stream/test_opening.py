"""What a run is opened from: addresses or things themselves, texts or objects."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from effects import Mask
from segmentation.errors import WeightsError
from stream.errors import StreamError
from stream.live.palette import Palette
from stream.opening import open_run
from stream.running.loop import outputs, play
from stream.sinks.null import Null
from stream.sources.video import VideoSource
from tests.stand_ins.devices.fake_window import windows_instead
from tests.stand_ins.fakes import PERSON, ROOM, ListSink, MovingSquare, Oracle, square

pytestmark = pytest.mark.usefixtures("no_file_left_over")


class OwnSource(MovingSquare):
    num_closed = 0

    def close(self) -> None:
        self.num_closed += 1


def test_what_is_given_itself_stays_its_owners():
    source, sink = OwnSource(20), ListSink()
    with open_run(source, sink, segmenter=Oracle(), effect="mask") as run:
        assert play(run)
    assert (source.num_closed, sink.num_closed) == (0, 0)
    assert sink.indices == list(range(20))
    assert sink.finished == [False]
    assert run.stats.counts["ListSink written"] == 20
    expected = (square(7) == PERSON).all(axis=2)
    assert ((sink.outputs[7].image[..., 0] == 255) == expected).mean() > 0.99


def test_a_file_goes_to_a_file(square_clip, tmp_path):
    out = tmp_path / "out.mkv"
    with open_run(square_clip, out, segmenter=Oracle(), effect="replace=#0000ff", crf=0) as run:
        assert not out.exists()
        play(run)
    (good, frame), *_ = [cv2.VideoCapture(str(out)).read()]
    assert good
    assert np.abs(frame[2, 2].astype(int) - (255, 0, 0)).max() < 10  # BGR


def test_nothing_destroys_the_input(square_clip, tmp_path):
    background = tmp_path / "red.png"
    cv2.imwrite(str(background), np.zeros((4, 4, 3), np.uint8))
    for out in (square_clip, background):
        run = open_run(
            square_clip, out, segmenter=Oracle(), effect=f"replace={background}", overwrite=True
        )
        with pytest.raises(StreamError, match="is the input"), run:
            pass


def test_outputs_that_exist_are_kept_unless_told_otherwise(square_clip, tmp_path):
    out = tmp_path / "out.png"
    out.write_bytes(b"mine")
    with (
        pytest.raises(StreamError, match="exists; name another output"),
        open_run(square_clip, out, segmenter=Oracle()),
    ):
        pass
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(
    "names",
    [
        ("null:", "null:"),
        (Path("a.mp4"), "a.mp4"),
        ("a.mp4", "./a.mp4"),
        ("instances:o/", "crops:o/"),
        ("Labels:o", "./o/"),
        ("hls:o/", "dataset:o"),
    ],
)
def test_one_name_twice_is_refused(names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="named twice"), open_run(MovingSquare(), *names):
        pass


def test_sinks_of_one_class_are_counted_apart():
    with open_run(MovingSquare(3), Null(), Null(), segmenter=Oracle()) as run:
        play(run)
    assert run.stats.counts["Null written"] == run.stats.counts["Null' written"] == 3


@pytest.mark.parametrize("begun", ["text", "object", "palette"])
def test_effects_come_in_three_forms(begun):
    sink = ListSink()
    palette = Palette("mask", (), None)
    effect = {"text": "mask", "object": Mask(), "palette": palette}[begun]
    with open_run(MovingSquare(2), sink, segmenter=Oracle(), effect=effect, invert=True) as run:
        play(run)
    assert sink.outputs[0].image[0, 0].tolist() == [255] * 3
    assert sink.outputs[0].image[20, 20].tolist() == [0] * 3


def test_an_effect_of_ones_own_is_a_function():
    sink = ListSink()
    seen = []

    def swap(image, alpha, time_s):
        seen.append((image.dtype, image.shape, alpha.dtype, alpha.shape, time_s))
        return np.where(alpha[..., None] == 255, image, 255 - image).astype(np.uint8)

    with open_run(MovingSquare(3), sink, segmenter=Oracle(), effect=swap) as run:
        play(run)
    assert sink.outputs[0].image[0, 0].tolist() == [255 - value for value in ROOM]
    assert sink.outputs[0].image[24, 18].tolist() == list(PERSON)
    assert seen == [(np.uint8, (48, 64, 3), np.uint8, (48, 64), n / 25) for n in range(3)]


def test_an_effect_that_fails_ends_the_run_and_leaves_what_was_written(tmp_path):
    def broken(image, alpha, time_s):
        if time_s > 0.3:
            raise ZeroDivisionError("mine")
        return image

    out = tmp_path / "out.mkv"
    with (
        pytest.raises(ZeroDivisionError, match="mine"),
        open_run(MovingSquare(10_000), out, segmenter=Oracle(), effect=broken) as run,
    ):
        play(run)
    with VideoSource(str(out)) as video:
        assert len(list(video)) == 8


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (lambda image: None, "no array but NoneType"),
        (lambda image: image[..., 0], r"uint8 \(48, 64\), not uint8 \(48, 64, 3\)"),
        (lambda image: image[:10], r"uint8 \(10, 64, 3\), not"),
        (lambda image: image / 255, r"float64 \(48, 64, 3\), not"),
    ],
)
def test_an_effect_that_returns_no_picture_is_told(shown, words):
    run = open_run(
        MovingSquare(3), "null:", segmenter=Oracle(), effect=lambda image, *rest: shown(image)
    )
    with pytest.raises(ValueError, match=f"the effect returned {words}"), run as opened:
        play(opened)


def test_objects_are_kept_as_on_the_command_line():
    network = Oracle()
    network.classes = ("person", "dog")
    for keep, share in (("person:1", 1), ("dog", 0)):
        sink = ListSink()
        run = open_run(MovingSquare(2), sink, segmenter=network, effect="mask", keep=keep)
        with run as opened:
            play(opened)
        assert (sink.outputs[0].image > 0).any() == share


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": "dgo"}, "no class 'dgo'"),
        ({"keep": "person:none"}, "keep must look like person,dog"),
        ({"keep": "#3"}, "ids are given to objects of a video"),
        ({"keep": ["person"]}, r"keep: expected a text such as .*, got \['person'\]"),
        ({"effect": "blurr"}, "'blurr' is no effect"),
        ({"effect": Mask}, r"effect: expected NAME\[=VALUE\] or an effect, got <class"),
        ({"keyframes": 5}, r"keyframes: expected Keyframes, .*, got 5"),
        ({"crf": 52}, "crf must be a whole number from 0 to 51, got 52"),
        ({"crf": "20"}, "crf must be a whole number from 0 to 51, got '20'"),
        ({"preset": "fastest"}, "preset must be one of ultrafast, .*, got 'fastest'"),
        ({"segmenter": "portrait"}, r"segmenter: expected a network, as load\('portrait'\)"),
        ({"segmenter": Oracle}, "segmenter: expected a network, got the class Oracle"),
        ({"segmenter": np.zeros}, r"Segmenter\), but builtin_\w+ has no name, .*, segment"),
    ],
)
def test_what_cannot_be_is_a_line(options, words):
    photo = MovingSquare(1)
    photo.info = replace(photo.info, fps=None)
    with (
        pytest.raises(ValueError, match=words) as caught,
        open_run(photo, **{"segmenter": Oracle(), **options}),
    ):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [None, np.zeros((48, 64, 3)), ["talk.mp4"], ListSink])
def test_what_is_no_source_and_no_sink_is_told(wrong, square_clip):
    for ends, what in (([wrong], "source"), ([square_clip, wrong], "sink")):
        with (
            pytest.raises(ValueError, match=f"^{what}: expected an address or a .*, got .*$"),
            open_run(*ends, segmenter=Oracle()),
        ):
            pass


def test_a_network_of_ones_own_may_be_a_mere_dataclass():
    mere, sink = dataclass(init=False)(type("Mere", (Oracle,), {})), ListSink()  # has no hash
    with open_run(MovingSquare(2), sink, segmenter=mere(), effect="mask") as run:
        play(run)
    assert sink.indices == [0, 1]


def test_a_network_is_taken_as_auto_takes_it(tmp_path, monkeypatch, square_clip):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    taken = []
    monkeypatch.setattr(
        "stream.opening.load",
        lambda name, **options: taken.append((name, options["asks_for_instances"])) or Oracle(),
    )
    for sinks, options in (
        (["null:"], {}),
        ([tmp_path / "found.JSON"], {}),
        ([f"instances:{tmp_path / 'masks'}"], {}),
        ([], {"keep": "person"}),
    ):
        with open_run(square_clip, *sinks, **options):
            pass
    assert taken == [("auto", False), ("auto", True), ("auto", True), ("auto", True)]


def test_weights_that_are_not_there_are_told(tmp_path, monkeypatch, square_clip):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="models fetch"), open_run(square_clip, keep="dog"):
        pass


class Twofold(Oracle):
    """Is another network for videos."""

    def __init__(self) -> None:
        super().__init__()
        self.video = Oracle()

    def for_video(self) -> Oracle:
        return self.video


def test_a_network_that_is_another_one_for_videos(tmp_path, square_clip):
    """So that photos of many sizes need not be compiled for, and videos are fast."""
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), square(3))
    for source, is_video in ((square_clip, True), (photo, False)):
        network = Twofold()
        with open_run(source, "null:", segmenter=network) as run:
            play(run)
        assert bool(network.video.seen) == is_video
        assert bool(network.seen) != is_video


def test_a_network_that_fails_live_is_told_once(capsys):
    covered = "warning: the network failed, the whole picture is covered: the network broke"
    told = []
    for options in ({"on_message": told.append}, {}):
        source = MovingSquare(30, live=True, pause_s=0.01)
        network = Oracle(fails=lambda call: call > 0)  # the first is not of the source
        with open_run(source, "null:", segmenter=network, **options) as run:
            play(run)
    assert told == [covered]
    assert capsys.readouterr().err == f"{covered}\n"


@pytest.mark.parametrize("way", [play, outputs])
def test_a_run_is_played_once_while_it_is_open(way):
    with open_run(MovingSquare(3), segmenter=Oracle()) as run:
        play(run)
        with pytest.raises(ValueError, match="a run is played once, before it is left"):
            way(run)
    with open_run(MovingSquare(3), segmenter=Oracle()) as left:
        pass
    with pytest.raises(ValueError, match="a run is played once, before it is left"):
        way(left)


@pytest.mark.parametrize("way", [play, outputs])
def test_what_is_no_run_is_told(way):
    for wrong in ("talk.mp4", open_run(MovingSquare(3), segmenter=Oracle())):
        with pytest.raises(ValueError, match=r"expected the run of `with open_run\(...\) as run`"):
            way(wrong)


# === Every output to a loop ===


def test_a_loop_gets_every_frame_of_a_file(square_clip, tmp_path):
    out = tmp_path / "out.mkv"
    with open_run(square_clip, out, segmenter=Oracle(), effect="none") as run:
        indices = []
        for output in outputs(run):
            indices.append(output.frame.index)
            assert output.frame.image.shape == (48, 64, 3)
            assert output.alpha.shape == (48, 64)
            assert output.alpha.dtype == np.uint8
            assert output.instances is not None
        assert out.exists()
    assert indices == list(range(10))


def test_a_slow_loop_gets_the_newest_frames_of_a_camera():
    source = MovingSquare(60, live=True, pause_s=0.01)
    with open_run(source, segmenter=Oracle()) as run:
        indices = []
        for output in outputs(run):
            indices.append(output.frame.index)
            threading.Event().wait(0.1)
    assert indices == sorted(set(indices))
    assert len(indices) < 30
    assert indices[-1] == 59


@pytest.mark.parametrize("live", [False, True])
def test_a_loop_that_is_left_leaves_nothing_but_recordings(live, tmp_path):
    out = tmp_path / "out.mkv"
    source = MovingSquare(10_000, live=live, pause_s=0.001)
    with open_run(source, out, segmenter=Oracle()) as run:
        taken = outputs(run)
        for output in taken:
            assert output.frame.index >= 0
            if run.stats.counts[f"{out} written"]:
                break
    assert out.exists() == live
    assert list(source) == [], "it was interrupted"
    with pytest.raises(StopIteration):
        next(taken)


def test_a_loop_that_fails_leaves_nothing(tmp_path):
    out = tmp_path / "out.mkv"
    with (
        pytest.raises(ZeroDivisionError),
        open_run(MovingSquare(10_000), out, segmenter=Oracle()) as run,
    ):
        [output.frame.index / 0 for output in outputs(run)]
    assert not out.exists()


def test_a_loop_that_stops_the_run_completes_it(tmp_path):
    out = tmp_path / "out.mkv"
    with open_run(MovingSquare(10_000), out, segmenter=Oracle()) as run:
        num = 0
        for output in outputs(run):
            num += 1
            if output.frame.index == 5:
                run.stop.set()
        assert out.exists()
    assert num == run.stats.counts["read"] < 100


def test_a_loop_takes_no_output_from_a_folder_of_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("outputs").mkdir()
    with open_run(MovingSquare(3), "outputs", segmenter=Oracle()) as run:
        assert len(list(outputs(run))) == 3
    assert len(list(Path("outputs").iterdir())) == 3


def test_an_error_of_the_source_reaches_the_loop_after_what_was_read(tmp_path):
    indices, out = [], tmp_path / "out.mkv"
    kept = r"square: broke off; the first 7 frames \(0.3 s\) are kept"
    with (
        pytest.raises(StreamError, match=kept),
        open_run(MovingSquare(20, fail_at=7), out, segmenter=Oracle()) as run,
    ):
        indices += [output.frame.index for output in outputs(run)]
    with VideoSource(str(out)) as video:
        assert len(list(video)) == 7


def test_a_sink_that_fails_is_told_through_the_runs_messages():
    told, sinks = [], (ListSink(fail_at=3), ListSink())
    with (
        pytest.raises(StreamError, match="list: full"),
        open_run(MovingSquare(20), *sinks, segmenter=Oracle(), on_message=told.append) as run,
    ):
        play(run)
    assert told == ["list: full"]
    assert sinks[1].indices == list(range(20))


def test_at_a_window_it_is_shown_as_well(monkeypatch):
    windows_instead(monkeypatch)
    told = []
    open_with = open_run(MovingSquare(5), "window:", segmenter=Oracle(), on_message=told.append)
    with open_with as run:
        control = run.react.__self__
        run.on_message("out.mp4: full")
        assert control.message.text == told[0] == "out.mp4: full"
