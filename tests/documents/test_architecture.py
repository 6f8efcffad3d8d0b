"""ARCHITECTURE.md is one page, and what it names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import ROOT

PAGE = (ROOT / "ARCHITECTURE.md").read_text()
TABLES, JOURNEYS = PAGE.split("## Five journeys")
#: What folders grow when they are full.
TO_COME = ("background/", "picture/", "over/", "common/", "propagation/")
#: Where a journey's files are looked for; the last two hold several of one journey.
ROOMS = (
    "",
    "stream/",
    "segmentation/",
    "segmentation/training/mask_rcnn/",
    "stream/sinks/instances/",
)


def named(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each file or folder that a line names, and those named before it in that line."""
    for line in text.splitlines():
        names = re.findall(r"`([a-zA-Z_./-]+(?:\.py|/))`", line)
        for index, name in enumerate(names):
            yield name, tuple(names[:index])


def exists(name: str, before: tuple[str, ...]) -> bool:
    """Return whether there is such a file: from the root, or in or beside what came before it."""
    rooms = [ROOT, ROOT / "stream", ROOT / "segmentation"]
    rooms += [each for other in before for room in rooms[:3] for each in _around(room / other)]
    return any((room / name).exists() for room in rooms)


def _around(path: Path) -> list[Path]:
    return [path, path.parent] if path.exists() else []


def test_it_is_one_page():
    assert len(PAGE.splitlines()) < 120
    assert len(PAGE) < 10_500


@pytest.mark.parametrize(("name", "before"), [*named(TABLES)])
def test_files_and_folders_are_there(name, before):
    assert exists(name, before) or "NAME" in name or name in TO_COME


def test_a_file_that_is_not_there_is_noticed():
    assert not exists("stream/gone.py", ())
    assert not exists("visitor.py", ("stream/live/control.py",))
    assert exists("visitor.py", ("stream/serve/page/",))


@pytest.mark.parametrize("journey", re.findall(r"^- \*\*.*?(?=^- |\Z)", JOURNEYS, re.M | re.S))
def test_journeys_go_through_files_that_are_there(journey):
    steps = re.findall(r"`([a-z_/]+)`", journey)
    assert len(steps) > 10
    for step in steps:
        rooms = [room for room in ROOMS if (ROOT / f"{room}{step}.py").exists()]
        assert rooms or any((ROOT / each / step).is_dir() for each in ROOMS[1:3]), step
    for step in {step for step in steps if steps.count(step) > 1}:
        assert re.search(rf"`{step}`( and `[a-z_/]+`)? again", journey), step


def test_five_journeys():
    assert len(re.findall(r"^- \*\*", JOURNEYS, re.MULTILINE)) == 5
