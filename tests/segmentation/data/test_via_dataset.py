"""Projects of the VGG Image Annotator, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segmentation.data import read_dataset
from tests.inputs.annotated_photos import edit, problems, write_via, write_via_1


def test_via_without_attributes_has_one_class(tmp_path: Path) -> None:
    write_via_1(tmp_path)

    def strip(document: Any) -> None:
        for region in document["0.png5"]["regions"].values():
            region["region_attributes"] = {}

    edit(tmp_path / "via_region_data.json", strip)
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("object",)
    assert len(dataset.photos) == 1, "the photo without regions waits to be annotated"
    assert len(dataset.photos[0].annotations) == 2


def regions(document: Any) -> Any:
    return document["_via_img_metadata"]["0.png123"]["regions"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r[0].update(region_attributes={}), "region 1: has no class"),
        (lambda r: r[0].update(region_attributes={"a": "x", "b": "y"}), "(a, b) is called class"),
        (lambda r: r[1]["shape_attributes"].update(name="point"), "region 2: a point has no area"),
        (lambda r: r[1]["shape_attributes"].update(all_points_x=[]), "has 0 x and 4 y"),
        (lambda r: r[1]["shape_attributes"].pop("all_points_y"), "lacks numbers"),
        (lambda r: r[0]["shape_attributes"].update(r=0), "region 1: the radii are 0 and 0"),
        (lambda r: r[0]["shape_attributes"].update(cx=900), "lies outside the photo"),
        (lambda r: r.clear(), "no photo has a region"),
    ],
)
def test_via_tells_what_is_wrong(
    change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    write_via(tmp_path)
    edit(tmp_path / "via_project.json", lambda document: change(regions(document)))
    assert message in problems(tmp_path)


def test_via_checkboxes_and_regions_to_be_ignored(tmp_path: Path) -> None:
    write_via(tmp_path)

    def change(document: Any) -> None:
        first, second = regions(document)
        first["region_attributes"] = {"kind": {"ball": True, "crate": False}}
        second["region_attributes"] = {"kind": "ignore"}

    edit(tmp_path / "via_project.json", change)
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("ball",)
    assert dataset.photos[0].is_crowd().tolist() == [False, True]
