"""`run.py data`: what it prints, draws and writes."""

from __future__ import annotations

import argparse
import tracemalloc
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

import run
from segmentation.data import read_dataset
from stream.commands.data import draw
from stream.commands.parts.data_options import read_data
from tests.inputs.annotated_photos import edit, write_coco


def test_counts_problems_and_contact_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, sheet = write_coco(tmp_path / "data", 6), tmp_path / "sheet.png"

    def spoil(document: object) -> None:
        document["annotations"][0]["segmentation"] = [[]]
        document["categories"].append({"id": 9, "name": "cone"})

    edit(folder / "annotations.json", spoil)
    assert run.main(["data", str(folder), "-o", str(sheet)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "6 photos, long side 200 to 200 pixels"
    assert told[2].split() == ["ball", "5", "0", "5", "0", "0", "5"]
    assert told[4].split() == ["all", "11", "0", "11", "0", "0", "6"]
    assert told[5] == "nothing of: cone"
    assert told[-1].endswith("annotation 0  1         the polygon is empty")
    picture = cv2.imread(str(sheet))
    assert picture.shape == (618, 1630, 3)
    assert len(set(map(tuple, picture.reshape(-1, 3).tolist()))) > 1000


def test_a_data_set_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, target = write_coco(tmp_path / "data", 3), tmp_path / "new" / "coco"
    command = ["data", str(folder), "-o", str(tmp_path / "s.png"), "-o", f"dataset:{target}/"]
    assert run.main(command) == 0
    assert len(read_dataset(target, strict=True).photos) == 3
    assert run.main(command) == 2
    assert "is there already" in capsys.readouterr().err
    assert run.main(["data", str(folder), "-o", "x.jpg"]) == 2


def test_too_much_that_is_bad_is_shown_and_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, target = write_coco(tmp_path / "data"), tmp_path / "coco"
    edit(folder / "annotations.json", lambda d: d["annotations"][0].update(segmentation=[]))
    outputs = ["-o", str(tmp_path / "s.png"), "-o", f"dataset:{target}/"]
    assert run.main(["data", str(folder), *outputs]) == 1
    said = capsys.readouterr()
    assert "has no segmentation" in said.out
    assert "more than a fifth of it is bad" in said.err
    assert (tmp_path / "s.png").exists()
    assert not target.exists()


def test_what_is_left_out_is_told_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_coco(tmp_path, 6)

    def spoil(document: object) -> None:
        document["annotations"][3]["segmentation"] = [[1, 1, 2, 2]]
        for row in document["annotations"][4:8]:
            row["iscrowd"] = 1

    edit(folder / "annotations.json", spoil)
    dataset = read_data(folder, argparse.Namespace(strict=False, crowds=None))
    assert sum(len(each.annotations) for each in dataset.photos) == 11
    remark, _, head, row = capsys.readouterr().err.splitlines()
    assert "4 of 12 annotations are crowds" in remark
    assert head.split() == ["file", "annotation", "how", "many", "what"]
    assert "annotation 3  1         the polygon has fewer than 3 different corners" in row


def test_of_very_many_annotations_the_largest_are_drawn(tmp_path: Path) -> None:
    """One mask each at the size of the sheet would take gigabytes."""
    (one,) = read_dataset(write_coco(tmp_path)).photos
    many = replace(one, annotations=one.annotations * 4000)
    tracemalloc.start()
    drawn = draw(many, ("ball", "crate"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40_000_000
    assert (drawn != one.image()).any(axis=2)[60, 140], "the crate, which is larger"
