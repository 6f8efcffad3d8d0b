"""YOLO's outlines, masks of VOC and CVAT, folders of parts, and COCO written again."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from segmentation.data import Dataset, read_dataset
from segmentation.data.coco_writer import write_coco as write_as_coco
from segmentation.data.mask_frames import has_sequences
from segmentation.data.parts.yaml_subset import read_yaml
from segmentation.errors import DataError
from tests.inputs.annotated_photos import (
    BOX_CORNERS,
    SIZE_HW,
    WRITERS,
    disc_polygon,
    overlap,
    problems,
    true_masks,
    write_coco,
    write_labelme,
    write_photo,
)

NAMES = ["ball", "crate"]


def line(label: int, corners: list[list[float]]) -> str:
    shares = np.array(corners) / SIZE_HW[::-1]
    return f"{label} " + " ".join(f"{value:.6f}" for value in shares.ravel())


LINES = [line(0, disc_polygon()), line(1, BOX_CORNERS)]


def write_yolo(root: Path, places: tuple[str, ...] = ("train/{}", "valid/{}", "test/{}")) -> Path:
    for index, place in enumerate(places):
        write_photo(root / place.format("images") / f"{index}.png", index)
        folder = root / place.format("labels")
        folder.mkdir(parents=True)
        (folder / f"{index}.txt").write_text("\n".join(LINES) + "\n")
    (root / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\n\nnc: 2\nnames: ['ball', 'crate']\n"
    )
    return root


def write_cvat(root: Path) -> Path:
    write_photo(root / "JPEGImages" / "0.png")
    ball, crate = true_masks().values()
    for name, colours in (
        ("SegmentationClass", [(128, 0, 0), (0, 128, 0)]),
        ("SegmentationObject", [(0, 128, 0), (128, 128, 0)]),
    ):
        (root / name).mkdir()
        picture = np.zeros((*SIZE_HW, 3), np.uint8)
        for mask, colour in zip((ball, crate), colours, strict=True):
            picture[mask > 0] = colour[::-1]
        cv2.imwrite(str(root / name / "0.png"), picture)
    (root / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nball:128,0,0::\ncrate:0,128,0::\n"
    )
    return root


def check(dataset: Dataset) -> None:
    """All photos show the two objects."""
    assert dataset.classes == ("ball", "crate")
    for each in dataset.photos:
        assert each.labels().tolist() == [0, 1]
        for mask, truth in zip(each.masks(), true_masks().values(), strict=True):
            assert overlap(mask, truth) > 0.97


# === YOLO ===


@pytest.mark.parametrize(
    "places", [("train/{}", "valid/{}", "test/{}"), ("{}/train", "{}/val", "{}/test")]
)
def test_yolo(places: tuple[str, ...], tmp_path: Path) -> None:
    root = write_yolo(tmp_path, places)
    for path in (root, root / "data.yaml"):
        dataset = read_dataset(path, strict=True)
        check(dataset)
        assert sorted(each.split for each in dataset.photos) == ["test", "train", "val"]
    if places[0] == "train/{}":
        assert len(read_dataset(root / "test").photos) == 1


def test_yolo_of_label_studio(tmp_path: Path) -> None:
    root = write_yolo(tmp_path, ("{}",))
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("ball\ncrate\n")
    (root / "notes.json").write_text('{"categories": [{"id": 0, "name": "ball"}], "info": {}}')
    check(read_dataset(root, strict=True))


@pytest.mark.parametrize("is_bare", [False, True])
def test_yolo_of_label_img_which_puts_the_names_among_the_labels(
    tmp_path: Path, is_bare: bool
) -> None:
    root = write_yolo(tmp_path, ("{}",))
    (root / "labels" / "classes.txt").write_text("ball\ncrate\n")
    if is_bare:
        (root / "data.yaml").unlink()
    check(read_dataset(root, strict=True))


def test_yolo_boxes_scores_and_what_is_wrong(tmp_path: Path) -> None:
    root = write_yolo(tmp_path, ("{}",) * 1)
    label = root / "labels" / "0.txt"
    label.write_text(f"1 0.7 0.5 0.3 0.666667\n{LINES[0]} 0.93\n")
    dataset = read_dataset(root, strict=True)
    assert [each.area for each in dataset.photos[0].annotations] == [
        60 * 80,
        pytest.approx(np.pi * 900, rel=0.02),
    ]
    label.write_text("\n".join([*LINES * 6, "9 0 0 1 0 1 1", "0 a b", "0 10 10 90 10 90 90"]))
    (root / "labels" / "gone.txt").write_text("")
    write_photo(root / "images" / "empty.png")
    dataset = read_dataset(root)
    assert len(dataset.photos[0].annotations) == 12
    told = problems(root)
    for text in ("no class with the number 9", "made of numbers", "perhaps pixels", "gone.txt"):
        assert text in told
    assert "1 photos have no text" in dataset.remarks[0]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [ball, 'crate']  # two", NAMES),
        ("names:\n- ball\n- crate\nnc: 2", NAMES),
        ('names:\n  0: ball  # round\n  1: "crate"\n', {"0": "ball", "1": "crate"}),
        ("names: {0: ball, 1: crate}", {"0": "ball", "1": "crate"}),
        ("names: [ball,\n  crate]\n", NAMES),
        ("names: ['it''s', a b, 'c: d, e']", ["it's", "a b", "c: d, e"]),
        ("x:\n  y: [1]\nnames: [\u00e4]", ["\u00e4"]),
    ],
)
def test_yaml(text: str, names: object) -> None:
    assert read_yaml(text)["names"] == names


@pytest.mark.parametrize(
    "text", ["names: [a", "just text\n", "nc: 2\n", "names: []", "names: [a, a]"]
)
def test_yaml_without_names_is_one_line(text: str, tmp_path: Path) -> None:
    root = write_yolo(tmp_path)
    (root / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=r"data\.yaml"):
        read_dataset(root / "data.yaml")


# === VOC and CVAT ===


def test_masks_of_cvat(tmp_path: Path) -> None:
    root = write_cvat(tmp_path)
    check(read_dataset(root, strict=True))
    assert not has_sequences(root), "JPEGImages is there too"


def test_masks_of_voc(tmp_path: Path) -> None:
    root = write_cvat(tmp_path)
    (root / "labelmap.txt").unlink()
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("0\n")
    dataset = read_dataset(root)
    assert dataset.classes == ("aeroplane", "bicycle")
    assert dataset.photos[0].split == "val"
    for file in (root / "SegmentationObject").iterdir():
        file.unlink()
    (root / "SegmentationObject").rmdir()
    dataset = read_dataset(root)
    assert "every connected area of a class" in dataset.remarks[0]
    assert [each.label for each in dataset.photos[0].annotations] in ([0, 1], [1, 0])


def test_a_labelmap_that_is_none_is_one_line(tmp_path: Path) -> None:
    root = write_cvat(tmp_path)
    (root / "labelmap.txt").write_text("ball:red::\n")
    with pytest.raises(DataError, match="is not label:red,green,blue"):
        read_dataset(root)


# === Parts ===


def test_folders_of_parts(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        write_coco(tmp_path / name)
    write_labelme(tmp_path / "training2")
    dataset = read_dataset(tmp_path)
    check(dataset)
    assert [each.split for each in dataset.photos] == ["test", "train", "val"]


def test_files_of_parts(tmp_path: Path) -> None:
    write_coco(tmp_path, 2)
    text = (tmp_path / "annotations.json").read_text()
    (tmp_path / "annotations.json").unlink()
    (tmp_path / "annotations").mkdir()
    for name in ("train", "val"):
        (tmp_path / "annotations" / f"instances_{name}2017.json").write_text(text)
    assert [each.split for each in read_dataset(tmp_path).photos] == ["train"] * 2 + ["val"] * 2


# === COCO written ===


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    dataset = read_dataset(WRITERS[name](tmp_path / "data", 2))
    write_as_coco(dataset, tmp_path / "coco")
    again = read_dataset(tmp_path / "coco", strict=True)
    assert again.classes == dataset.classes
    for old, new in zip(dataset.photos, again.photos, strict=True):
        assert new.path.read_bytes() == old.path.read_bytes()
        np.testing.assert_array_equal(new.masks(), old.masks())
        for one, other in zip(old.annotations, new.annotations, strict=True):
            np.testing.assert_array_equal(one.box, other.box)
            assert (one.label, one.area) == (other.label, other.area)
    assert not list(tmp_path.glob(".*"))


def test_parts_and_photos_of_one_name_are_written(tmp_path: Path) -> None:
    for name in ("train", "valid"):
        write_coco(tmp_path / "data" / name)
    write_as_coco(read_dataset(tmp_path / "data"), tmp_path / "coco")
    assert {path.name for path in (tmp_path / "coco" / "images").iterdir()} == {"0.png", "0_2.png"}
    again = read_dataset(tmp_path / "coco", strict=True)
    assert [each.split for each in again.photos] == ["train", "val"]
    file = tmp_path / "coco" / "annotations" / "instances_val.json"
    assert json.loads(file.read_text())["images"][0]["file_name"] == "0_2.png"


def test_yolo_of_more_lines_than_a_photo_has_objects_is_one_line(tmp_path: Path) -> None:
    root = write_yolo(tmp_path)
    text = root / "train" / "labels" / "0.txt"
    text.write_text("x\r\n" * 60_000)
    assert problems(root) == f"{text}: has 60000 lines, more objects than a photo shows"
