"""What is wrong with data that people have: left out and counted, mended, or too much."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segmentation.data import read_dataset
from segmentation.data.parts.data_problems import Problems, table
from segmentation.data.parts.json_file import read_json
from segmentation.data.parts.shapes import encode_outlines, encode_runs, polygon
from segmentation.errors import DataError
from tests.inputs.annotated_photos import (
    BOX_CORNERS,
    SIZE_HW,
    edit,
    overlap,
    photo,
    problems,
    true_masks,
    write_coco,
    write_labelme,
    write_photo,
    write_via,
)

NUM = 12


def read(change: Callable[[Any], None], folder: Path, **options: Any) -> Any:
    """Read a COCO file with a change in it."""
    write_coco(folder, NUM)
    edit(folder / "annotations.json", change)
    return read_dataset(folder, **options)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ([[5, 5, 9, 9, 5, 5]], "fewer than 3 different corners"),
        ([], "has no segmentation"),
        ([[]], "the polygon is empty"),
        ([[1, 2, 3, 4]], "fewer than 3 different corners"),
        ({"size": list(SIZE_HW), "counts": [3]}, "do not fill the photo"),
    ],
)
def test_one_bad_annotation_is_left_out_and_told(change: Any, what: str, tmp_path: Path) -> None:
    dataset = read(lambda d: d["annotations"][2].update(segmentation=change), tmp_path)
    assert [len(each.annotations) for each in dataset.photos] == [2, 1, *[2] * (NUM - 2)]
    (row,) = dataset.problems
    assert (row.annotation, row.num) == ("annotation 2", 1)
    assert row.file.endswith("annotations.json, 1.png")
    assert what in row.what
    assert what in problems(tmp_path)


def test_more_than_a_fifth_is_refused(tmp_path: Path) -> None:
    def spoil(num: int) -> Callable[[Any], None]:
        def change(document: Any) -> None:
            for row in document["annotations"][:num]:
                row["segmentation"] = []

        return change

    assert read(spoil(4), tmp_path / "few").problems[0].num == 4
    with pytest.raises(DataError, match=r"more than a fifth of it is bad \(5 of 24 annotations\)"):
        read(spoil(5), tmp_path / "many")


def test_photos_that_are_missing_and_annotations_of_none(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        document["images"][0]["file_name"] = "gone.png"
        document["images"][1]["file_name"] = "2.png"
        document["annotations"][-1]["image_id"] = 99

    dataset = read(change, tmp_path)
    assert len(dataset.photos) == NUM - 2
    told = "\n".join(table(dataset.problems))
    for line in ("no photo 'gone.png'", "is the photo '2.png' as well", "image with the id 99"):
        assert told.count(line) == 1
    assert told.splitlines()[0].split() == ["file", "annotation", "how", "many", "what"]


@pytest.mark.parametrize("kind", [float, str, lambda number: f"{number}.0"])
def test_ids_are_numbers_however_they_are_written(kind: Any, tmp_path: Path) -> None:
    def change(document: Any) -> None:
        for row in document["annotations"][::2]:
            row.update(image_id=kind(row["image_id"]), category_id=kind(row["category_id"]))

    dataset = read(change, tmp_path)
    assert not dataset.problems
    assert all(each.labels().tolist() == [0, 1] for each in dataset.photos)
    with pytest.raises(DataError, match=r"no image with the id 10\.5"):
        read(lambda d: d["annotations"][0].update(image_id=10.5), tmp_path / "b", strict=True)


def test_polygons_that_are_not_nested_and_runs_that_are_floats(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        ball, crate, pairs, mixed = document["annotations"][:4]
        ball["segmentation"] = ball["segmentation"][0]
        crate["segmentation"]["counts"] = [float(run) for run in crate["segmentation"]["counts"]]
        flat = pairs["segmentation"][0]
        pairs["segmentation"] = [flat[k : k + 2] for k in range(0, len(flat), 2)]
        mixed["segmentation"] = [np.ravel(BOX_CORNERS).tolist(), [1, 2, 3, 4]]

    dataset = read(change, tmp_path)
    for each in dataset.photos[:2]:
        for mask, truth in zip(each.masks(), true_masks().values(), strict=True):
            assert overlap(mask, truth) > 0.97
    (row,) = dataset.problems
    assert row.what.startswith("1 of 2 outlines are left out")


def test_what_is_slightly_outside_is_cut_off() -> None:
    outline = polygon([-6, 10, 60, 10, 60, 50, -6, 50])
    rle = encode_outlines([outline], SIZE_HW)
    assert rle is not None
    with pytest.raises(ValueError, match="reaches 30 pixels beyond"):
        encode_outlines([outline - [24, 0]], SIZE_HW)


@pytest.mark.parametrize("above", ["none", "ball"])
def test_a_heading_of_roboflow_may_have_the_name_of_the_class(above: str, tmp_path: Path) -> None:
    def change(document: Any) -> None:
        for row in document["categories"]:
            row["supercategory"] = "ball"
        document["categories"].insert(0, {"id": 0, "name": "ball", "supercategory": above})

    assert read(change, tmp_path).classes == ("ball", "crate")


def test_hidden_files_of_macos_are_no_annotations(tmp_path: Path) -> None:
    for folder in (write_coco(tmp_path / "coco"), write_labelme(tmp_path / "labelme")):
        (folder / "._0.json").write_bytes(b"\0\5\x16\7")
        assert len(read_dataset(folder).photos) == 1


def test_boxes_that_are_not_the_masks(tmp_path: Path) -> None:
    dataset = read(lambda d: d["annotations"][0].update(bbox=[20, 30, 80, 90]), tmp_path)
    assert dataset.photos[0].annotations[0].box.tolist() == [20, 30, 80, 90]
    assert "is not that of the mask, which counts" in dataset.problems[0].what


# === Crowds ===


@pytest.mark.parametrize(
    ("value", "is_crowd"), [("0", False), ("1", True), (0.0, False), (1, True)]
)
def test_what_marks_a_crowd(value: Any, is_crowd: bool, tmp_path: Path) -> None:
    dataset = read(lambda d: d["annotations"][0].update(iscrowd=value), tmp_path)
    assert dataset.photos[0].is_crowd().tolist() == [is_crowd, False]
    assert not dataset.remarks


def test_crowds_of_cvat_are_objects(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        for row in document["annotations"]:
            row.update(iscrowd=1, attributes={"occluded": False})

    assert not any(each.is_crowd().any() for each in read(change, tmp_path).photos)
    again = read_dataset(tmp_path, crowds="ignore")
    assert all(each.is_crowd().all() for each in again.photos)


def test_many_crowds_are_told(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        for row in document["annotations"][:4]:
            row["iscrowd"] = 1

    (remark,) = read(change, tmp_path).remarks
    assert "4 of 24 annotations are crowds" in remark
    assert "--crowds objects" in remark
    assert not any(
        each.is_crowd().any() for each in read_dataset(tmp_path, crowds="objects").photos
    )


# === LabelMe and VIA ===


@pytest.mark.parametrize("kind", ["rectangle", "oriented_rectangle", "rotation"])
def test_rectangles_of_four_corners(kind: str, tmp_path: Path) -> None:
    write_labelme(tmp_path)
    corners = [[110, 60], [140, 20], [170, 60], [140, 100]]
    edit(
        tmp_path / "0.json",
        lambda d: d["shapes"][1].update(points=corners, shape_type=kind),
    )
    (first,) = read_dataset(tmp_path, strict=True).photos
    assert first.annotations[1].area == pytest.approx(60 * 80 / 2, rel=0.02)


def test_marks_without_an_area_are_no_objects(tmp_path: Path) -> None:
    write_labelme(tmp_path)
    line = {"label": "tip", "points": [[1, 1], [5, 5]], "shape_type": "linestrip"}
    edit(tmp_path / "0.json", lambda d: d["shapes"].extend([line] * 5))
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("ball", "crate")
    assert [(row.num, row.what) for row in dataset.problems] == [
        (5, "a linestrip has no area and is no object")
    ]
    write_via(tmp_path / "via")
    shape = {"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 2]}
    edit(
        tmp_path / "via" / "via_project.json",
        lambda d: d["_via_img_metadata"]["0.png123"]["regions"].append(
            {"shape_attributes": shape, "region_attributes": {}}
        ),
    )
    assert read_dataset(tmp_path / "via").classes == ("ball", "crate")


def test_holes_are_cut_out(tmp_path: Path) -> None:
    write_labelme(tmp_path)
    hole = {"label": "_background_", "points": [[120, 30], [160, 90]], "shape_type": "rectangle"}
    edit(tmp_path / "0.json", lambda d: d["shapes"].append(hole))
    dataset = read_dataset(tmp_path, strict=True)
    assert dataset.classes == ("ball", "crate")
    ball, crate = dataset.photos[0].annotations
    assert crate.area == 60 * 80 - 40 * 60
    assert ball.area == pytest.approx(np.pi * 900, rel=0.02)


@pytest.mark.parametrize(("group", "num"), [("", 3), (None, 3), (0, 2)])
def test_an_empty_group_of_labelme_is_none(group: object, num: int, tmp_path: Path) -> None:
    write_labelme(tmp_path)

    def change(document: Any) -> None:
        document["shapes"].append(dict(document["shapes"][0]))
        for shape in document["shapes"]:
            shape["group_id"] = group

    edit(tmp_path / "0.json", change)
    assert len(read_dataset(tmp_path).photos[0].annotations) == num


def test_the_copy_of_a_photo_in_a_file_of_labelme(tmp_path: Path) -> None:
    write_labelme(tmp_path)
    data = (tmp_path / "0.png").read_bytes()
    (tmp_path / "0.png").unlink()
    edit(tmp_path / "0.json", lambda d: d.update(imageData=base64.b64encode(data).decode()))
    (first,) = read_dataset(tmp_path, strict=True).photos
    np.testing.assert_array_equal(first.image(), photo())
    large = bytearray(data)
    large[16:24] = (60_000).to_bytes(4, "big") * 2
    edit(tmp_path / "0.json", lambda d: d.update(imageData=base64.b64encode(large).decode()))
    assert "its imageData is 60000x60000" in problems(tmp_path)


def test_a_project_of_via_3(tmp_path: Path) -> None:
    write_photo(tmp_path / "0.png")
    corners = np.ravel(BOX_CORNERS).tolist()
    rim = [20, 60, 50, 30, 80, 60]
    rows = {
        "1_a": {"vid": "1", "z": [], "xy": [9, *rim], "av": {"1": "0"}},
        "1_b": {"vid": "1", "z": [], "xy": [7, *corners], "av": {"1": "1"}},
        "1_c": {"vid": "1", "z": [], "xy": [1, 5, 5], "av": {"1": "1"}},
        "1_d": {"vid": "1", "z": [], "xy": [], "av": {}},
    }
    options = {"0": "ball", "1": "crate"}
    document = {
        "project": {"pname": "x"},
        "config": {},
        "attribute": {"1": {"aname": "class", "type": 4, "options": options}},
        "file": {"1": {"fid": "1", "fname": "0.png", "type": 2, "loc": 1, "src": ""}},
        "metadata": rows,
        "view": {"1": {"fid_list": ["1"]}},
    }
    (tmp_path / "via3.json").write_text(json.dumps(document))
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("ball", "crate")
    for mask, truth in zip(dataset.photos[0].masks(), true_masks().values(), strict=True):
        assert overlap(mask, truth) > 0.97


# === What is hostile ===


def test_json_of_many_small_parts_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b'{"images": [' + b"{}," * 1_500_000)
    with pytest.raises(DataError, match="more small parts than annotations have"):
        read_json(file)


def test_outlines_and_runs_that_would_take_all_memory() -> None:
    wild = np.tile([[0.0, 0.0], [200.0, 120.0], [0.0, 9.0]], (100_000, 1))
    with pytest.raises(ValueError, match="pixels long, no object's"):
        encode_outlines([wild], SIZE_HW)
    for counts in ("0" * 1_000_000, "oooooooooo0", [1] * 100_000):
        with pytest.raises(ValueError, match="damaged"):
            encode_runs({"size": list(SIZE_HW), "counts": counts}, SIZE_HW)


def test_a_mask_that_claims_to_be_huge_is_not_decoded(tmp_path: Path) -> None:
    write_labelme(tmp_path)
    png = bytearray(cv2.imencode(".png", np.ones((9, 9), np.uint8))[1].tobytes())
    png[16:24] = (30_000).to_bytes(4, "big") * 2
    mask = {"shape_type": "mask", "mask": base64.b64encode(png).decode()}
    edit(tmp_path / "0.json", lambda d: d["shapes"][1].update(mask))
    assert "the mask is 30000x30000, larger than its photo" in problems(tmp_path)


def test_not_all_of_very_many_problems_is_looked_at() -> None:
    found = Problems(Path("a"))
    found.expect(annotations=100_000)
    for number in range(20_000):
        found.add("a", f"wrong {number}", annotations=1)
    with pytest.raises(DataError, match="20001 problems; more than a fifth"):
        found.add("a", "wrong", annotations=1)
    assert [row.num for row in found.rows()] == [20_000, 1]


def test_names_steer_no_terminal(tmp_path: Path) -> None:
    write_coco(tmp_path)
    edit(tmp_path / "annotations.json", lambda d: d["images"][0].update(file_name="\x1b[2J\n"))
    assert "\x1b" not in problems(tmp_path)


@pytest.mark.parametrize("write", [write_coco, write_via, write_labelme])
def test_a_photo_of_more_objects_than_any_shows_is_left_out(
    write: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    root = write(tmp_path, 6)

    def repeat(document: Any) -> None:
        if "shapes" in document:
            document["shapes"] *= 11_000
        elif "_via_img_metadata" in document:
            next(iter(document["_via_img_metadata"].values()))["regions"] *= 11_000
        else:
            first = document["annotations"][0]
            document["annotations"] += [{**first, "id": 100 + k} for k in range(21_000)]

    edit(sorted(root.glob("*.json"))[0], repeat)
    dataset = read_dataset(root)
    assert len(dataset.photos) == 5
    (problem,) = dataset.problems
    assert "objects, more than a photo shows" in problem.what
