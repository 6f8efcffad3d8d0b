"""docs/training.md: its layout is read, its list is what is told."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import run
from segmentation.data import read_dataset
from stream.commands.parts.data_options import read_data
from tests.folders import ROOT
from tests.inputs.annotated_photos import photo, true_masks

PAGE = (ROOT / "docs" / "training.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_masks_are_read_from_the_layout_shown(tmp_path: Path) -> None:
    (layout,) = (block for block in blocks("text") if block.startswith("fruit/"))
    paths = re.findall(r"^ +(\S+\.\w+)", layout, re.MULTILINE)
    assert len(paths) == 6
    ball, crate = true_masks().values()
    for path in paths:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = photo() if path.startswith("images") else (ball + 2 * crate) * np.uint8(100)
        cv2.imwrite(str(file), ball * 255 if "pear" in path else picture)
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("apple", "pear")
    assert [each.labels().tolist() for each in dataset.photos] == [[0, 0, 1, 1], [0, 0]]


def polygon(*points: int) -> dict[str, object]:
    shape = {"name": "polygon", "all_points_x": points[::2], "all_points_y": points[1::2]}
    return {"shape_attributes": shape, "region_attributes": {"class": "balloon"}}


def test_problems_are_told_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("balloons")
    folder.mkdir()

    good = polygon(10, 10, 90, 10, 90, 90)
    unnamed = polygon(10, 10, 90, 10, 90, 90) | {"region_attributes": {}}
    regions = {
        "a.jpg": [polygon(100, 10, 500, 10, 500, 90)],
        "b.jpg": [good, unnamed],
        "c.jpg": [good],
        "d.jpg": [good],
    }
    for name in "ab":
        cv2.imwrite(str(folder / f"{name}.jpg"), photo())
    (folder / "c.jpg").write_bytes(b"half a picture")
    rows = {name: {"filename": name, "regions": each} for name, each in regions.items()}
    (folder / "via_project.json").write_text(json.dumps({"_via_img_metadata": rows}))
    assert run.main(["evaluate", "--data", "balloons/", "--strict", "--model", "portrait"]) == 1
    (shown,) = (block for block in blocks("text") if block.startswith("error:"))
    assert capsys.readouterr().err == shown


def test_what_is_left_out_is_told_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("balloons")
    folder.mkdir()
    good = polygon(10, 10, 90, 10, 90, 90)
    regions = {f"{name}.jpg": [good] for name in "abcdefg"}
    regions["b.jpg"].append(good | {"region_attributes": {}})
    for name in "abcefg":
        cv2.imwrite(str(folder / f"{name}.jpg"), photo())
    rows = {name: {"filename": name, "regions": each} for name, each in regions.items()}
    (folder / "via_project.json").write_text(json.dumps({"_via_img_metadata": rows}))
    read_data(folder, argparse.Namespace(strict=False, crowds=None))
    (shown,) = (block for block in blocks("text") if block.startswith("left out"))
    assert capsys.readouterr().err == shown
