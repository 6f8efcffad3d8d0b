"""What the window shows over the picture, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.picture import RgbPicture
from stream.frame import Frame, Output
from stream.live.hud import enlarged, write_lines
from stream.live.keys import KEYS
from tests.stand_ins.devices.fake_microphone import heard
from tests.stand_ins.fakes import PERSON, ROOM, output_of, square
from tests.users.desk import written


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


def test_help_on_a_large_picture_is_not_drawn_into_what_others_get(desk):
    """It is as large as the window wants it, so that it need not be enlarged first."""
    live = desk("none")
    image = np.full((480, 640, 3), 90, np.uint8)
    output = output_of(image, 0, 0.0, alpha=np.zeros((480, 640), np.uint8))
    live.press("h")
    assert (live.control.draw(output) != 90).any()
    assert (image == 90).all()


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
        "stream.live.panel.write_lines", lambda image, lines, where: written.extend(lines)
    )
    live = desk()
    live.press("h")
    live.control.draw(live.output())
    for key, meaning in KEYS:
        assert f"{key}\t{meaning}" in written


def test_help_lies_beside_the_figures(desk, monkeypatch):
    monkeypatch.setattr("stream.live.control.Figures.line", lambda self: "30.0 frames/s")
    live = desk()
    figures = live.control.draw(live.output())
    live.press("h")
    helped = live.control.draw(live.output())
    live.press("h")
    bare = live.control.draw(live.output())
    rows, columns = np.nonzero((figures != bare).any(axis=2))
    plate = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_array_equal(helped[plate], figures[plate])
    below = (helped != bare).any(axis=2)[rows.max() + 1 :]
    assert below.sum() > 10_000


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


# === Whoever is heard knows it ===


def test_a_microphone_that_is_on_is_always_shown(desk):
    microphone = heard(0.1)
    live = desk("blur", microphone=microphone)
    output = live.output()
    live.control.tell("")
    assert "microphone lost: silence" in written(live, output)["top"]
    microphone.is_on = True
    for _ in range(3):  # figures, help, nothing
        assert "MICROPHONE ON" in written(live, output)["top"]
        live.press("h")
    live.press("h", "h")
    assert written(live, output)["top"] == ["MICROPHONE ON"]


def test_without_one_nothing_is_said_of_it(desk):
    live = desk("blur")
    assert not any("microphone" in line.lower() for line in written(live, live.output())["top"])
