"""COCO: polygons, runs, crowds, and all that is wrong told at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as rle

from segmentation.data import read_dataset
from segmentation.data.coco_writer import write_coco as write_coco_data
from segmentation.data.parts.shapes import encode_runs, run_lengths
from tests.inputs.annotated_photos import SIZE_HW, edit, problems, true_masks, write_coco


def test_compressed_rle_crowds_boxes_and_headings(tmp_path: Path) -> None:
    write_coco(tmp_path)
    encoded = rle.encode(np.asfortranarray(true_masks()["crate"]))
    counts = encoded["counts"].decode()

    def change(document: Any) -> None:
        ball, crate = document["annotations"]
        ball.update(bbox=[20.5, 30, 59, 60], area=2800, ignore=1)
        crate["segmentation"]["counts"] = counts
        crate["iscrowd"] = 1
        document["categories"][0]["supercategory"] = "things"
        document["categories"].insert(0, {"id": 0, "name": "things"})
        document["images"][0]["source"] = "a camera"

    edit(tmp_path / "annotations.json", change)
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("ball", "crate")
    (first,) = dataset.photos
    assert first.source == "a camera"
    ball, crate = first.annotations
    assert ball.is_crowd
    assert crate.is_crowd
    assert ball.box.tolist() == [20.5, 30, 79.5, 90]
    assert ball.area == 2800
    np.testing.assert_array_equal(crate.mask(SIZE_HW), true_masks()["crate"])


def test_runs_are_read_as_pycocotools_writes_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        mask = (cv2.resize(rng.random((9, 7)), (70, 90)) > rng.random()).astype(np.uint8)
        encoded = rle.encode(np.asfortranarray(mask))
        flat = mask.ravel(order="F")
        edges = np.flatnonzero(np.diff(flat)) + 1
        runs = np.diff([0, *edges.tolist(), flat.size]).tolist()
        read = run_lengths(encoded["counts"], flat.size)
        assert read is not None
        assert read.tolist() == ([0, *runs] if flat[0] else runs)


@pytest.mark.parametrize("counts", ["", "0", "zzz", "\u00e9", [5, -5, 24000], [24001], [1.5], {}])
def test_damaged_runs_are_refused(counts: Any) -> None:
    with pytest.raises(ValueError, match="damaged"):
        encode_runs({"size": list(SIZE_HW), "counts": counts}, SIZE_HW)


def spoil(folder: Path) -> None:
    """Put something else wrong with almost each of twelve photos."""
    ball = json.loads((folder / "annotations.json").read_text())["annotations"][0]["segmentation"]
    away = [[1000 + value for value in ball[0]]]
    wide = [[value * 3 for value in ball[0]]]
    outlines: dict[int, Any] = {
        2: [],
        4: [[]],
        6: [[5, 5, 5, 5, 5, 5]],
        8: away,
        10: wide,
        12: {"size": [5, 5], "counts": [25]},
        14: [[1, 2, 3]],
        16: "polygon",
        20: [[10, 10, 50, 10, 90, 10]],
    }

    def change(document: Any) -> None:
        rows = document["annotations"]
        for number, outline in outlines.items():
            rows[number]["segmentation"] = outline
        rows[18]["category_id"] = 99
        rows[19]["image_id"] = 99
        rows[22]["bbox"] = [100, 100, 50, 10]
        rows[23]["id"] = 22
        document["images"][11]["file_name"] = "gone.png"
        document["images"].append({"id": 10, "file_name": "0.png"})
        document["images"][7]["file_name"] = "0.png"

    edit(folder / "annotations.json", change)
    (folder / "images" / "9.png").write_bytes(b"no picture")
    cv2.imwrite(str(folder / "images" / "1.png"), np.zeros((8, 9, 3), np.uint8))


def test_coco_lists_all_that_is_wrong(tmp_path: Path) -> None:
    spoil(write_coco(tmp_path, 12))
    told = problems(tmp_path)
    head, *lines = told.splitlines()
    file = tmp_path / "annotations.json"
    assert head == f"{file}: {len(lines)} problems"
    wanted = [
        "another entry of 'images' has the id 10",
        "2 entries of 'annotations' have the id 22",
        "image 21: there is no photo 'gone.png'",
        "image 17: another entry of 'images' is the photo '0.png' as well",
        "annotation 19: there is no image with the id 99",
        f"1.png: annotated at 200x120, but {tmp_path / 'images' / '1.png'} is 9x8",
        "2.png, annotation 4: the polygon is empty",
        "3.png, annotation 6: the polygon has fewer than 3 different corners",
        "4.png, annotation 8: the outline from 1020, 1030 to 1080, 1090 lies outside the photo",
        "5.png, annotation 10: the outline from 60, 90 to 240, 270 reaches 150 pixels beyond",
        "6.png, annotation 12: the RLE is of size [5, 5], the photo is [120, 200]",
        "8.png, annotation 16: the segmentation is neither polygons nor RLE",
        "images/9.png: not a picture that can be read",
        "10.png, annotation 20: the polygon encloses nothing",
    ]
    for line in wanted:
        assert sum(line in each for each in lines) == 1, (line, told)
    assert len(lines) == len(wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["annotations"][0].update(category_id=99), "no category with the id 99"),
        (lambda d: d["annotations"][0].update(bbox=[1, 1, 9, 9]), "is not that of the mask"),
        (lambda d: d["annotations"][0].update(bbox="wide"), "is not x, y, width, height"),
        (lambda d: d["annotations"][0].update(segmentation=None), "has no segmentation"),
        (lambda d: d["categories"].append({"id": 9, "name": "ball"}), "2 categories are called"),
        (lambda d: d["categories"].append({"id": 3, "name": "x"}), "'categories' have the id 3"),
        (lambda d: d["images"][0].pop("id"), "an entry of 'images' has no id"),
        (lambda d: d.update(annotations={}), "'annotations' is not a list of objects"),
        (lambda d: d.pop("categories"), "'categories' is not a list of objects"),
        (lambda d: d.update(_via_img_metadata={}), "two formats are mixed in it, COCO and VIA"),
    ],
)
def test_coco_tells_what_is_wrong(
    change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    write_coco(tmp_path)
    edit(tmp_path / "annotations.json", change)
    assert message in problems(tmp_path)


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    write_coco(tmp_path, 40)

    def empty(document: Any) -> None:
        for row in document["annotations"]:
            row["segmentation"] = [[]]

    edit(tmp_path / "annotations.json", empty)
    lines = problems(tmp_path).splitlines()
    assert len(lines) == 52
    assert lines[0].endswith(": 80 problems")
    assert lines[-1] == "  ... and 30 more"


@pytest.mark.parametrize("area", [1, 0.03, 1e11, float("inf")])
def test_an_area_that_no_mask_has_is_told_and_that_of_the_mask_counts(
    area: float, tmp_path: Path
) -> None:
    write_coco(tmp_path)
    edit(tmp_path / "annotations.json", lambda d: d["annotations"][0].update(area=area))
    dataset = read_dataset(tmp_path)
    ball = dataset.photos[0].annotations[0]
    assert ball.area == ball.mask(SIZE_HW).sum()
    assert [each.what for each in dataset.problems] == [
        f"the area {area:g} is not that of the mask ({ball.area:g}), which counts"
    ]


def test_objects_smaller_than_a_pixel_are_left_out(tmp_path: Path) -> None:
    write_coco(tmp_path)
    speck = [[10.1, 10.1, 10.3, 10.1, 10.3, 10.3, 10.1, 10.3]]
    edit(
        tmp_path / "annotations.json",
        lambda document: document["annotations"][0].update(segmentation=speck),
    )
    (first,) = read_dataset(tmp_path).photos
    assert first.labels().tolist() == [1]


@pytest.mark.parametrize("photos", [".", "images", "..", "../images", "../val"])
def test_where_the_photos_of_coco_may_lie(photos: str, tmp_path: Path) -> None:
    made = write_coco(tmp_path / "made")
    folder = tmp_path / "data" / "annotations"
    folder.mkdir(parents=True)
    (made / "annotations.json").rename(folder / "instances_val.json")
    place = (folder / photos).resolve()
    place.mkdir(exist_ok=True)
    (made / "images" / "0.png").rename(place / "0.png")
    for path in (folder / "instances_val.json", str(tmp_path / "data")):
        assert len(read_dataset(path).photos) == 1


def test_the_box_of_something_very_thin_is_that_of_its_corners(tmp_path: Path) -> None:
    write_coco(tmp_path)
    outline = [30, 30, 30.3, 10, 30.4, 30, 60, 30, 60, 60, 30, 60]

    def change(document: Any) -> None:
        document["annotations"][0].update(segmentation=[outline], bbox=[30, 10, 30, 50])

    edit(tmp_path / "annotations.json", change)
    dataset = read_dataset(tmp_path, strict=True)
    assert dataset.photos[0].annotations[0].box.tolist() == [30, 10, 60, 60]


def test_the_photos_of_people_are_read(shared_data: Path) -> None:
    dataset = read_dataset(shared_data / "stills" / "coco_multi")
    assert len(dataset.classes) == 80
    assert sum(each.is_crowd().sum() for each in dataset.photos) == 4
    from pycocotools.coco import COCO

    coco = COCO(str(shared_data / "stills" / "coco_multi" / "annotations.json"))
    by_name = {row["file_name"]: row["id"] for row in coco.imgs.values()}
    for each in dataset.photos[:6]:
        rows = coco.loadAnns(coco.getAnnIds(by_name[each.path.name]))
        for row, annotation in zip(rows, each.annotations, strict=True):
            np.testing.assert_array_equal(annotation.mask(each.size_hw), coco.annToMask(row))
            x, y, width, height = row["bbox"]
            np.testing.assert_allclose(annotation.box, [x, y, x + width, y + height], rtol=1e-6)


def test_ids_survive_being_written_again(tmp_path):
    path = write_coco(tmp_path / "in", 3) / "annotations.json"
    document = json.loads(path.read_text())
    new_ids = {row["id"]: 70 - index for index, row in enumerate(document["images"])}
    for row in document["images"]:
        row["id"] = new_ids[row["id"]]
    for row in document["annotations"]:
        row["image_id"] = new_ids[row["image_id"]]
    path.write_text(json.dumps(document))
    dataset = read_dataset(path)
    assert dataset.category_ids == (3, 7)
    write_coco_data(dataset, tmp_path / "out")
    again = json.loads((tmp_path / "out" / "annotations.json").read_text())
    names = {row["id"]: row["file_name"] for row in document["images"]}
    assert {row["id"]: row["file_name"] for row in again["images"]} == {
        number: Path(name).name for number, name in names.items()
    }
    assert [row["id"] for row in again["categories"]] == [3, 7]
    learn, validate = dataset.split(0.5, 0)
    assert learn.category_ids == validate.category_ids == (3, 7)


def test_ids_that_are_no_numbers_are_counted_anew(tmp_path):
    path = write_coco(tmp_path / "in", 1) / "annotations.json"
    document = json.loads(path.read_text())
    document["categories"][0]["id"] = "a"
    for row in document["annotations"]:
        row["category_id"] = "a" if row["category_id"] == 3 else row["category_id"]
    path.write_text(json.dumps(document))
    dataset = read_dataset(path)
    assert dataset.category_ids is None
    write_coco_data(dataset, tmp_path / "out")
    again = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [row["id"] for row in again["categories"]] == [1, 2]
