"""Framing, light and the picture in front, switched by keys."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from effects.over.front import Front
from stream.commands.parts.cast_options import palette_of
from stream.commands.parts.command_line import CommandError
from stream.errors import StreamError
from stream.frame import Output
from stream.framing.crop import Crop
from stream.live import watched_photo
from stream.live.palette import Palette
from stream.looks.look import Staging
from tests.stand_ins.fakes import discs, output_of
from tests.stream.live.test_watched_photo import wait_until
from tests.users.desk import shown_message, written


def test_keys_switch_each_of_them_on_and_off(desk):
    live = desk()
    for key, name in (("t", "framed"), ("l", "light"), ("w", "light_wrap")):
        live.press(key)
        assert getattr(live.pipeline.look.staging, name)
        live.press("2")
        assert getattr(live.pipeline.look.staging, name), "another effect changes nothing of it"
        live.press(key)
        assert live.pipeline.look.staging == Staging()
    live.press("t", "l")
    (lines,) = (written(live, live.output())[where] for where in ("top",))
    assert lines[0] == "grey, framed, light"


def test_the_picture_in_front_comes_and_goes(desk):
    live = desk()
    live.press("p")
    assert "--front" in shown_message(live)
    front = Front(np.full((4, 4, 4), 255, np.uint8))
    live = desk(staging=Staging(front=front))
    live.press("p")
    assert live.pipeline.look.staging.front is None
    live.press("p")
    assert live.pipeline.look.staging.front is front


def test_a_click_means_who_is_seen_there(desk):
    live = desk()
    found = discs((120, 160), 3, tracked=True)
    output = output_of(np.zeros((480, 640, 3), np.uint8))
    crop = Crop(0.5, 0.25, 0.5)
    live.control.draw(Output(output.frame, output.picture, output.alpha, found, found, crop))
    alone = (found.masks[2] >= 128) & (found.masks[:2] < 128).all(axis=0)
    y, x = np.argwhere(alone[60:80, 100:150])[0] + (60, 100)
    live.click(round((x / 160 - 0.5) * 2 * 640) + 2, round((y / 120 - 0.25) * 2 * 480) + 2)
    assert live.pipeline.look.choose.dropped == {int(found.ids[2])}


def paint(path: Path, colour: tuple[int, ...]) -> None:
    beside = path.with_name(".beside.png")
    cv2.imwrite(str(beside), np.full((4, 6, len(colour)), colour, np.uint8))
    beside.replace(path)


def test_a_logo_whose_file_changes_is_laid_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_photo, "LOOK_S", 0.02)
    path, told = tmp_path / "logo, new.png", list[str]()
    paint(path, (0, 0, 255, 255))
    black = np.zeros((20, 30, 3), np.uint8)
    with ExitStack() as stack:
        palette = Palette("blur", [], stack, told.append, f"{path},top,right")
        assert palette.paths == [path]
        assert palette.front is not None
        assert palette.front(black)[0, 29].tolist() == [255, 0, 0]
        assert palette.front(black)[0, 20].tolist() == [0, 0, 0]
        palette.live_on()
        paint(path, (0, 255, 0, 128))
        wait_until(lambda: len(told) == 1)
        assert palette.front(black)[0, 29].tolist() == [0, 128, 0]
    assert told == [f"{path}: has changed and is shown"]


def test_what_is_wrong_with_it_is_one_line(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with pytest.raises(CommandError, match=r"--front a.png,left,right: left and right cannot"):
            palette_of("blur", [], stack, "a.png,left,right")
        with pytest.raises(StreamError, match=r"none.png: no such file; what lies in front"):
            palette_of("blur", [], stack, str(tmp_path / "none.png,top"))
        (tmp_path / "broken.png").write_bytes(b"nothing")
        with pytest.raises(StreamError, match=r"broken.png"):
            palette_of("blur", [], stack, str(tmp_path / "broken.png"))
