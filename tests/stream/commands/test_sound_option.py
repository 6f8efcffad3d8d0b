"""`--sound`: with which sources and outputs it goes, and what is said where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

import run
from stream.microphone import devices, opening
from stream.microphone.microphone import Microphone
from stream.microphone.option import Wanted
from tests import ffmpeg_reference as reference
from tests.command_line.failing import failing, files
from tests.stand_ins.devices.fake_microphone import FakeCapture


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What microphones are asked for, each of which is there and gives nothing."""
    found: list[object] = []

    def make(asked: object, on_message: object) -> Microphone:
        found.append(asked)
        return Microphone(asked, on_message, lambda name: FakeCapture([], waits=True))  # type: ignore[arg-type]

    monkeypatch.setattr(opening, "Microphone", make)
    monkeypatch.setattr(opening, "ways", tuple)
    return found


def test_it_reaches_the_microphone_and_the_file_has_a_track(
    capfd, tmp_path: Path, wanted: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skimage", reason="scikit-image carries the portrait")
    monkeypatch.setattr("stream.sources.demo.NUM_FRAMES", 20)
    out = tmp_path / "out.mp4"
    options = ("--realtime", "--sound", "mic:yeti,delay=40", "--effect", "none")
    assert run.main(["demo:", *options, "-o", str(out)]) == 0, capfd.readouterr().err
    assert wanted == [Wanted("yeti", 0.04)]
    assert reference.has_sound(out), "silence, as nothing came"


@pytest.mark.parametrize("outputs", [["virtualcam:"], ["null:", "out.png"], ["out.gif"]])
def test_outputs_that_hold_no_sound(capfd, tmp_path: Path, outputs: list[str]) -> None:
    addresses = [part for output in outputs for part in ("-o", output)]
    line = failing(capfd, 2, "demo:", "--realtime", "--sound", "mic", *addresses)
    assert line.startswith("error: --sound mic: no output holds sound; a video, a stream or window")


def test_a_page_can_record_it(capfd, tmp_path: Path, wanted: list[object]) -> None:
    """So it is not refused; that output is not there."""
    pytest.importorskip("aiohttp", reason="the extra serve")
    options = ("--realtime", "--sound", "mic", "--control", "0")
    line = failing(capfd, 1, "demo:", *options, "-o", f"virtualcam:{tmp_path / 'none'}")
    assert "holds sound" not in line
    assert "none" in line


@pytest.mark.parametrize("more", [[], ["--realtime"]], ids=["", "as a camera"])
def test_files_have_their_own(
    capfd, demo_clip: Path, tmp_path: Path, wanted: list[object], more: list[str]
) -> None:
    out = tmp_path / "out.mp4"
    line = failing(capfd, 1, demo_clip, *more, "--sound", "mic:yeti", "-o", out)
    assert line.startswith("error: --sound mic:yeti: is for cameras, the screen and live streams")
    assert (files(tmp_path), wanted) == ([], [])


def test_parts_of_films_have_their_own(capfd, demo_clip: Path, tmp_path: Path) -> None:
    options = ("--split", "1", "--sound", "mic", "-o", tmp_path / "out.mp4")
    assert "--split: not with --sound" in failing(capfd, 2, demo_clip, *options)


@pytest.mark.parametrize("text", ["mic:", "line", "mic,delay=x"])
def test_what_is_no_microphone(capfd, text: str) -> None:
    with pytest.raises(SystemExit) as exit:
        run.main(["--sound", text])
    assert exit.value.code == 2
    assert "error: argument --sound: " in capfd.readouterr().err.splitlines()[-1]


def test_where_nothing_records_one_line_says_what_is_missing(
    capfd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "executable", lambda: "/nowhere/ffmpeg")
    monkeypatch.setattr(devices.shutil, "which", lambda name: None)
    devices.ways.cache_clear()
    try:
        line = failing(
            capfd, 1, "demo:", "--realtime", "--sound", "mic", "-o", tmp_path / "out.mp4"
        )
    finally:
        devices.ways.cache_clear()
    assert line.startswith("error: --sound: nothing here records a microphone; install")
    assert files(tmp_path) == []
