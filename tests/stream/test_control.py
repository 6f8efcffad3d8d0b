"""What a person changes while the program runs: effects, backgrounds, objects, recordings."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from effects import Blur
from segmentation.keyframe import KeyframeTracker
from segmentation.picture import RgbPicture
from segmentation.refine import Refiner
from stream.control import LiveControl, object_at
from stream.foreground import Keep, Picked, parse_keep
from stream.frame import Event, Frame, Output, OutputInfo, StreamError, StreamInfo
from stream.hud import Figures, enlarged, write_lines
from stream.keys import KEYS
from stream.loop import run
from stream.palette import Palette
from stream.photos import read_photo
from stream.pipeline import Look, Pipeline
from stream.recorder import Recorder
from stream.stats import Stats
from stream.video_sink import VideoSink
from stream.video_source import VideoSource
from tests.fakes import PERSON, ROOM, ListSink, MovingSquare, Oracle, discs, output_of, square

INFO = OutputInfo(StreamInfo(64, 48, Fraction(25)))
BLUE = (0x2A, 0x6F, 0x97)


class Desk:
    """A `LiveControl` with everything around it."""

    def __init__(self, folder: Path, text: str = "blur", *backgrounds: str, **more: Any) -> None:
        self.stack = ExitStack()
        self.messages: list[str] = []
        self.stats = Stats()
        self.palette = Palette(text, backgrounds, self.stack)
        self.pipeline = Pipeline(
            KeyframeTracker(Oracle()), Refiner(blend=True), self.palette.effect, stats=self.stats
        )
        self.recorder = Recorder(
            folder, INFO, preset="ultrafast", crf=20, on_message=self.messages.append
        )
        self.paused, self.stop = threading.Event(), threading.Event()
        self.num_fullscreen = 0
        self.control = LiveControl(
            self.palette,
            self.pipeline,
            keep=more.get("keep"),
            classes=("person", "dog", "cat"),
            title="oracle",
            figures=Figures(self.stats, "window:"),
            recorder=self.recorder,
            fullscreen=self._fill,
            paused=self.paused,
            stop=self.stop,
        )

    def _fill(self) -> None:
        self.num_fullscreen += 1

    def press(self, *keys: str) -> None:
        for key in keys:
            self.control.react(Event("key", key))

    def click(self, x: int, y: int) -> None:
        self.control.react(Event("click", at_xy=(x, y)))

    def output(self, index: int = 0) -> Output:
        return self.pipeline.process(Frame(RgbPicture(square(index)), index, index / 25))


@pytest.fixture
def desk(tmp_path):
    made: list[Desk] = []

    def make(*arguments: Any, **more: Any) -> Desk:
        made.append(Desk(tmp_path, *arguments, **more))
        return made[-1]

    yield make
    for each in made:
        each.stack.close()
        each.recorder.__exit__(None, None, None)


@pytest.fixture
def photos(tmp_path) -> list[str]:
    """A red and a green background."""
    paths = []
    for name, colour in {"red.png": (0, 0, 255), "green.png": (0, 255, 0)}.items():
        paths.append(str(tmp_path / name))
        cv2.imwrite(paths[-1], np.full((30, 40, 3), colour, np.uint8))
    return paths


# === Effects and backgrounds ===


def test_numbers_choose_effects(desk):
    live = desk()
    live.press("3")
    assert live.output().image[2, 60].tolist() == list(BLUE), "a colour of its own without files"
    live.press("4")
    assert set(np.unique(live.output(1).image)) == {0, 255}
    live.press("7")
    assert (live.output(2).image == square(2)).all()
    live.press("1")
    assert isinstance(live.pipeline.look.effect, Blur)


def test_strength_goes_by_tenths_within_bounds(desk):
    live = desk("blur=0.3")
    live.press("+", "=")
    assert live.palette.title == "blur 0.5"
    assert live.pipeline.look.effect.strength == 0.5
    live.press(*"-" * 20)
    assert live.pipeline.look.effect.strength == 0.1
    live.press(*"+" * 20)
    assert live.pipeline.look.effect.strength == 1.0
    live.press("2", "+")
    assert "no strength" in shown_message(live)


def test_backgrounds_follow_each_other(desk, photos):
    live = desk(f"replace={photos[0]}", photos[1], "#0000ff")

    def corner() -> list[int]:
        return live.output().image[2, 60].tolist()

    seen = [corner()]
    for _ in range(3):
        live.press("b")
        seen.append(corner())
    assert seen == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 0, 0]]
    live.press("1", "b")
    assert corner() == [255, 0, 0], "from another effect to the background shown last"


def test_backgrounds_alone_are_those_of_replace(desk, photos):
    live = desk("replace", *photos)
    assert live.output().image[2, 60].tolist() == [255, 0, 0]


@pytest.mark.parametrize("text", ["replace", "nonsense", "blur=7", "replace=#12"])
def test_effect_that_makes_no_sense(text):
    with ExitStack() as stack, pytest.raises(ValueError, match=r"replace|effect|blur"):
        Palette(text, [], stack)


def test_background_that_is_not_there_is_told_at_the_start(tmp_path):
    with ExitStack() as stack, pytest.raises(StreamError, match="missing"):
        Palette("blur", [str(tmp_path / "missing.jpg")], stack)


def test_video_goes_on_where_it_was_left(desk, tmp_path):
    path = tmp_path / "clip.mkv"
    with VideoSink(path, INFO) as sink:
        for index in range(10):
            image = np.full((48, 64, 3), index * 20, np.uint8)
            sink.write(output_of(image, index, index / 25))
        sink.finish(cut_short=False)
    live = desk(f"replace={path}")
    empty = np.zeros((48, 64), np.uint8)

    def level(time_s: float) -> float:
        return float(live.pipeline.look.effect(square(0), empty, time_s).mean())

    assert level(5.0) == pytest.approx(0, abs=3)
    assert level(5.121) == pytest.approx(60, abs=3)
    live.press("1")
    live.press("3")
    began = time.monotonic()
    assert level(905.0) == pytest.approx(60, abs=3), "not fifteen minutes of it decoded"
    assert level(905.041) == pytest.approx(80, abs=3)
    assert time.monotonic() - began < 1


def test_transparent_outputs_stay_transparent(desk):
    live = desk("cutout")
    assert live.output().image.shape == (48, 64, 4)
    live.press("3")
    shown = live.output(1).image
    assert shown.shape == (48, 64, 4)
    assert (shown[..., 3] == 255).all()
    live.press("5")
    assert live.output(2).image[2, 60].tolist() == [0, 0, 0, 0]


def test_cutout_needs_outputs_that_can_be_transparent(desk):
    live = desk("blur")
    live.press("5")
    assert live.palette.title == "blur 0.5"
    assert "begun with --effect cutout" in shown_message(live)
    assert live.output().image.shape == (48, 64, 3)


def test_invert(desk):
    live = desk("replace=#0000ff")
    live.press("i")
    shown = live.output().image
    assert shown[24, 18].tolist() == [0, 0, 255]
    assert shown[2, 60].tolist() == list(ROOM)
    live.press("i")
    assert live.output(1).image[2, 60].tolist() == [0, 0, 255]


def test_no_frame_is_lost_or_torn_by_changes(desk):
    live = desk("mask")
    keys = ["3", "i", "4", "1", "2", "i", "b", "4"]
    events = {n: Event("key", keys[n // 10 % len(keys)]) for n in range(5, 160, 10)}
    sink = ListSink(main_thread=True, events=events)
    looks = []
    composite = live.pipeline.composite

    def watched(tracked):
        looks.append(live.pipeline.look)
        return composite(tracked)

    live.pipeline.composite = watched
    source = MovingSquare(200)
    with source:
        run(
            source,
            live.pipeline,
            {"window:": sink},
            live.stats,
            stop=live.stop,
            on_event=live.control.react,
        )
    assert sink.indices == list(range(200))
    assert live.stats.counts["dropped"] == 0
    assert len({id(look) for look in looks}) > 4, "there were changes"


# === Pause ===


def test_pause_holds_a_file_and_goes_on(desk):
    live = desk("none")
    sink = ListSink(main_thread=True, events={5: Event("key", "space")})
    threading.Timer(0.6, lambda: live.press("space")).start()
    counted = []
    threading.Timer(0.4, lambda: counted.append(len(sink.outputs))).start()
    play(live, MovingSquare(60), sink)
    assert counted[0] < 20
    assert sink.indices == list(range(60))


def test_pause_holds_the_picture_of_a_live_source_while_time_goes_on(desk):
    live = desk("none")
    sink = ListSink(main_thread=True, events={5: Event("key", "space")})
    threading.Timer(0.5, lambda: live.press("space")).start()
    play(live, MovingSquare(80, live=True, pause_s=0.01), sink)
    assert sink.indices == sorted(set(sink.indices))
    held = [output for output in sink.outputs if output.image is sink.outputs[8].image]
    assert len(held) > 10
    assert (held[0].frame.image == held[-1].frame.image).all(), "nothing newer leaves unseen"
    assert (sink.outputs[-1].image == square(79)).all()


def test_quitting_works_while_paused(desk):
    live = desk("none")
    live.press("space")
    threading.Timer(0.3, lambda: live.press("q")).start()
    play(live, MovingSquare(1000), ListSink(main_thread=True))
    assert live.stop.is_set()


def play(live: Desk, source: MovingSquare, sink: ListSink) -> None:
    with source:
        run(
            source,
            live.pipeline,
            {"window:": sink},
            live.stats,
            stop=live.stop,
            paused=live.paused,
            on_event=live.control.react,
        )


# === Objects ===


def with_objects(live: Desk, num: int = 3, *, tracked: bool = True) -> Output:
    """Show three discs, ids 5, 6 and 7, in the left, the middle and the right of 640x480."""
    found = discs((120, 160), num, tracked=tracked)
    image = np.zeros((480, 640, 3), np.uint8)
    look = live.pipeline.look
    chosen = look.choose(found) if look.choose is not None else found
    output = output_of(image, 0, 0.0, alpha=found.union(), instances=chosen, found=found)
    live.control.draw(output)
    return output


def kept(live: Desk) -> list[int]:
    found = discs((120, 160), 3, tracked=True)
    choose = live.pipeline.look.choose
    return (choose(found) if choose is not None else found).ids.tolist()


def test_click_drops_an_object_and_keeps_it_again(desk):
    live = desk()
    with_objects(live)
    live.click(620, 240)
    assert kept(live) == [5, 6]
    assert shown_message(live) == "#7 cat: dropped"
    with_objects(live)
    live.click(620, 240)
    assert kept(live) == [5, 6, 7]
    assert shown_message(live) == "#7 cat: kept"


def test_click_keeps_what_the_command_line_dropped(desk):
    live = desk(keep=Keep.of(parse_keep("dog"), ("person", "dog", "cat")))
    with_objects(live)
    live.click(20, 240)
    assert kept(live) == [5, 6]


def test_click_beside_everything_changes_nothing(desk):
    live = desk()
    with_objects(live)
    live.click(2, 2)
    assert kept(live) == [5, 6, 7]
    assert shown_message(live) == "nothing was found there"


def test_click_with_a_network_without_ids_says_so(desk):
    live = desk()
    with_objects(live, tracked=False)
    live.click(320, 240)
    assert kept(live) == [5, 6, 7]
    assert "--model mask-rcnn-person" in shown_message(live)


def test_smallest_object_under_the_pointer_is_meant():
    found = discs((120, 160), 3, tracked=True)
    assert object_at(found, (20, 240), (480, 640)) == 0
    assert object_at(found, (160, 240), (480, 640)) == 1
    overlapping = found[np.array([0, 0])]
    overlapping.boxes[1] = [30, 50, 50, 70]
    overlapping.masks[1] = 0
    overlapping.masks[1, 50:70, 30:50] = 255
    assert object_at(overlapping, (160, 240), (480, 640)) == 1
    assert object_at(found[:0], (160, 240), (480, 640)) is None


def test_ids_are_kept_whatever_class_they_are_of():
    found = discs((24, 32), 3, tracked=True)
    assert Keep.of(parse_keep("#6"), ("a", "b", "c"))(found).ids.tolist() == [6]
    assert Keep.of(parse_keep("#6,a:1"), ("a", "b", "c"))(found).ids.tolist() == [5, 6]
    assert Picked(None, dropped=frozenset([5]))(found).ids.tolist() == [6, 7]
    assert parse_keep("person:1,#3") == {"person": 1, "#3": None}
    for text in ("#", "#x", "#3:1", "#-1"):
        with pytest.raises(ValueError, match="#3"):
            parse_keep(text)


# === What the window shows ===


def test_figures_and_marks_are_on_the_window_alone(desk):
    live = desk("mask")
    output = live.output()
    before = output.image.copy()
    live.press("o")
    shown = live.control.draw(output)
    assert shown.shape[0] >= 360, "enlarged, so that it can be read"
    assert len(np.unique(shown)) > 2
    assert (output.image == before).all()
    live.press("o", "h", "h")
    live.control.tell("")
    assert set(np.unique(live.control.draw(output))) == {0, 255}, "a bare picture"


def test_mask_is_shown_in_the_window_alone(desk):
    live = desk("replace=#0000ff")
    live.press("m", "h", "h")
    live.control.tell("")
    output = live.output()
    shown = live.control.draw(output)
    assert (shown[..., 0] == enlarged(output.alpha)).all()
    assert output.image[2, 60].tolist() == [0, 0, 255]


def test_window_never_shows_the_room_without_a_mask(desk):
    live = desk("replace=#0000ff")
    live.press("o", "m")
    frame = Frame(RgbPicture(square(0)), 0, 0.0)
    blue = np.full((48, 64, 3), (0, 0, 255), np.uint8)
    shown = live.control.draw(Output(frame, RgbPicture(blue), None, None, None))
    colours = shown.reshape(-1, 3)
    assert not (colours == ROOM).all(axis=1).any()
    assert not (colours == PERSON).all(axis=1).any()


def test_help_lists_every_key(desk, monkeypatch):
    written: list[str] = []
    monkeypatch.setattr(
        "stream.control.write_lines", lambda image, lines, where: written.extend(lines)
    )
    live = desk()
    live.press("h")
    live.control.draw(live.output())
    for key, meaning in KEYS:
        assert f"{key}\t{meaning}" in written


@pytest.mark.parametrize("size_hw", [(1, 1), (40, 30), (480, 640), (1080, 1920)])
@pytest.mark.parametrize("where", ["top", "middle", "bottom"])
def test_text_fits_into_every_picture(size_hw, where):
    image = np.full((*size_hw, 3), 200, np.uint8)
    write_lines(image, ["a line that is quite long for a small picture\tand a column"] * 9, where)
    write_lines(image, [], where)
    if size_hw[0] >= 480:
        assert (image[0] == 200).all()
        assert (image[-1] == 200).all()
        assert (image[:, -1] == 200).all()
        assert image.max() == 255


def test_other_keys_do_nothing_and_full_screen_is_passed_on(desk):
    live = desk()
    before = live.pipeline.look
    live.press("x", "9", "0", "F1")
    assert live.pipeline.look is before
    live.press("f")
    assert live.num_fullscreen == 1
    live.control.react(Event("closed"))
    assert live.stop.is_set()


def shown_message(live: Desk) -> str:
    return live.control._message[0]


# === Recordings and snapshots ===


def test_recording_is_whole_and_begins_and_ends_when_told(desk, tmp_path):
    live = desk("none")
    for index in range(60):
        if index in (20, 40):
            live.press("r")
        live.recorder.write(live.output(index))
    live.recorder.finish(cut_short=False)
    (path,) = tmp_path.glob("maskcast-*.mp4")
    with VideoSource(str(path)) as video:
        frames = list(video)
    assert len(frames) == 20
    assert frames[0].time_s == 0
    assert np.abs(frames[0].image.astype(int) - square(20)).mean() < 8
    assert live.messages == [f"{path.name}: written"]
    assert list(tmp_path.glob(".*")) == []


def test_recording_that_runs_at_the_end_is_completed(desk, tmp_path):
    live = desk("none")
    live.press("r")
    for index in range(10):
        live.recorder.write(live.output(index))
    assert live.recorder.recording
    live.recorder.finish(cut_short=True)
    (path,) = tmp_path.glob("maskcast-*.mp4")
    with VideoSource(str(path)) as video:
        assert len(list(video)) == 10


def test_recording_is_discarded_when_the_run_fails(desk, tmp_path):
    live = desk("none")
    live.press("r")
    live.recorder.write(live.output())
    live.recorder.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_recording_that_fails_ends_and_the_stream_goes_on(desk, tmp_path):
    live = desk("none")
    live.press("r")
    live.recorder.write(live.output(0))
    process = live.recorder._video._process
    process.kill()
    process._process.wait()
    for index in range(1, 5):
        live.recorder.write(live.output(index))
    assert not live.recorder.recording
    assert len(live.messages) == 1
    assert "could not be written" in live.messages[0]
    assert list(tmp_path.iterdir()) == []


def test_recording_without_a_frame_is_told(desk, tmp_path):
    live = desk("none")
    live.press("r", "r")
    live.recorder.finish(cut_short=False)
    assert "no frames" in live.messages[0]
    assert list(tmp_path.iterdir()) == []


def test_snapshots_are_what_other_outputs_get(desk, tmp_path):
    live = desk("mask")
    live.press("s")
    assert list(tmp_path.iterdir()) == [], "nothing was shown yet"
    output = live.output()
    live.recorder.write(output)
    live.press("o", "s")
    live.recorder.finish(cut_short=False)
    live.press("s")
    live.recorder.finish(cut_short=False)
    paths = sorted(tmp_path.glob("maskcast-*.png"))
    assert len(paths) == 2
    for path in paths:
        assert (read_photo(path) == output.image).all()


def test_look_is_one_value():
    effect = Blur()
    look = Look(effect)
    with pytest.raises(AttributeError):
        look.invert = True  # type: ignore[misc]
