"""`--keep '#ID'`: objects that are asked for and never come are named at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

import run


@pytest.fixture
def film(photo, tmp_path) -> Path:
    """A few frames of one person."""
    folder = tmp_path / "film"
    folder.mkdir()
    for index in range(2):
        (folder / f"{index}.png").write_bytes(photo.read_bytes())
    return folder


def told_of(film: Path, keep: str, capfd: pytest.CaptureFixture[str]) -> list[str]:
    arguments = [str(film), "--fps", "25", "-o", "null:", "--model", "mask-rcnn-person"]
    assert run.main([*arguments, "--keep", keep]) == 0
    return [line for line in capfd.readouterr().err.splitlines() if "never" in line]


def test_ids_that_never_occur_are_named_at_the_end(capfd, film):
    assert told_of(film, "#0,#77,#9", capfd) == ["--keep: never seen: #9, #77"]


@pytest.mark.parametrize("keep", ["#0", "person"])
def test_ids_that_occur_are_not(capfd, film, keep):
    assert told_of(film, keep, capfd) == []
