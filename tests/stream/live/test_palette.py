"""Effects and backgrounds that a person chooses by keys."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack

import numpy as np
import pytest

from effects import Blur
from stream.errors import StreamError
from stream.live.background import LoopingVideo
from stream.live.palette import MAX_ADDED, Palette
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from tests.stand_ins.fakes import output_of, square
from tests.users.desk import BLUE, INFO, shown_message


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


@pytest.mark.parametrize("address", ["s3://films/a b.jpg", "https://host/a.mp4"])
def test_what_does_not_lie_on_a_disk_is_named_as_it_was_given(address):
    said = f"{address}: cannot be shown from there; copy it to a disk first"
    with ExitStack() as stack:
        for begun, backgrounds, front in (
            (f"replace={address},contain", [], None),
            ("blur", [address], None),
            ("blur", [], f"{address},top"),
        ):
            with pytest.raises(StreamError, match=f"^{re.escape(said)}$"):
                Palette(begun, backgrounds, stack, front=front)


def test_video_goes_on_where_it_was_left(desk, tmp_path, monkeypatch):
    path = tmp_path / "clip.mkv"
    with VideoSink(path, INFO, SinkOptions()) as sink:
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
    advanced = []
    advance = LoopingVideo._advance
    monkeypatch.setattr(LoopingVideo, "_advance", lambda video: advanced.append(advance(video)))
    assert level(905.0) == pytest.approx(60, abs=3), "fifteen minutes later"
    assert level(905.041) == pytest.approx(80, abs=3)
    assert len(advanced) < 5


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


def test_whoever_reads_while_a_photo_is_added_sees_one_that_there_is():
    """As window and page do, which wait for no change."""
    photo = np.zeros((30, 40, 3), np.uint8)
    with ExitStack() as stack:
        palette = Palette("replace", ["#0000ff"], stack)
        for _ in range(MAX_ADDED):
            palette.choose_background(palette.add_photo("beach", photo, (48, 64)))
        seen = []

        def look(frame, event, value):
            seen.append(
                (palette.background, palette.title, palette.background in palette.backgrounds)
            )
            return look

        sys.settrace(lambda frame, *more: look if frame.f_code.co_name == "add_photo" else None)
        try:
            palette.add_photo("hill", photo, (48, 64))
        finally:
            sys.settrace(None)
    assert len(seen) > 3
    assert set(seen) == {("beach (8)", "replace beach (8)", True)}


def test_a_photo_may_be_called_as_what_is_asked_for():
    with ExitStack() as stack:
        palette = Palette("blur", ["#0000ff"], stack)
        assert palette.add_photo("next", np.zeros((30, 40, 3), np.uint8), (48, 64)) == "next (2)"
