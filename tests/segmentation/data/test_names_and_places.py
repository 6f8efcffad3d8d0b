"""Photos and annotations are found where people have them, whatever their names went through."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from segmentation.data import Dataset, read_dataset
from segmentation.data.dataset_formats import understand
from segmentation.data.mask_frames import has_sequences
from tests.inputs.annotated_photos import WRITERS, problems, write_coco, write_labelme
from tests.segmentation.data.test_more_formats import check, write_cvat, write_yolo


def renamed(root: Path, stated: str, name: str, place: str = "images") -> Path:
    """COCO with one photo, called `stated` in its file and `name` on the disk."""
    (file,) = write_coco(root).glob("*.json")
    (photo,) = (root / "images").iterdir()
    document = json.loads(file.read_text())
    document["images"][0]["file_name"] = stated
    file.write_text(json.dumps(document))
    target = root / place / name
    target.parent.mkdir(parents=True, exist_ok=True)
    photo.rename(target)
    return root


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("..\\..\\upload/1/abc-photo.png", "abc-photo.png"),
        ("images\\abc-photo%201.png", "abc-photo 1.png"),
        ("/data/local-files/?d=photo.png", "photo.png"),
        ("/data/local-files/?d=set%5Cphoto.png", "photo.png"),
        ("1/abcdef12-photo.png", "photo.png"),
        ("https://example.org/b/photo.png?key=a/b", "photo.png"),
        ("photo.png", "photo.PNG"),
        (unicodedata.normalize("NFD", "äpfel.png"), unicodedata.normalize("NFC", "äpfel.png")),
        (unicodedata.normalize("NFC", "äpfel.png"), unicodedata.normalize("NFD", "äpfel.png")),
        ("100%20.png", "100%20.png"),
    ],
)
def test_names_of_photos(stated: str, name: str, tmp_path: Path) -> None:
    (photo,) = read_dataset(renamed(tmp_path, stated, name), strict=True).photos
    assert photo.path.name == name
    assert len(photo.annotations) == 2


def test_a_name_that_two_photos_could_have_is_neither(tmp_path: Path) -> None:
    root = renamed(tmp_path, "photo.png", "Photo.PNG")
    shutil.copy(root / "images" / "Photo.PNG", root / "images" / "PHOTO.png")
    assert "there is no photo 'photo.png'" in problems(root)


@pytest.mark.parametrize("place", ["images/Train", "images", "Train"])
def test_photos_of_a_part_of_cvat(place: str, tmp_path: Path) -> None:
    root = renamed(tmp_path, "photo.png", "photo.png", place)
    (file,) = root.glob("*.json")
    (root / "annotations").mkdir()
    file.rename(root / "annotations" / "instances_Train.json")
    assert len(read_dataset(root, strict=True).photos) == 1


def test_coco_has_captions_and_keypoints_beside_its_objects(tmp_path: Path) -> None:
    root = renamed(tmp_path, "photo.png", "photo.png", "val2017")
    (file,) = root.glob("*.json")
    (root / "annotations").mkdir()
    for name in ("captions", "person_keypoints"):
        shutil.copy(file, root / "annotations" / f"{name}_val2017.json")
    file.rename(root / "annotations" / "instances_val2017.json")
    assert len(read_dataset(root, strict=True).photos[0].annotations) == 2


def capitals(root: Path) -> None:
    for part in ("train", "valid", "test"):
        for name in ("images", "labels"):
            (root / part / name).rename(root / part / name.capitalize())


def marks(root: Path) -> None:
    for text in root.rglob("*.txt"):
        text.write_text("\ufeff" + text.read_text())


def forms(root: Path) -> None:
    for file in [*root.rglob("*.png"), *root.rglob("*.txt")]:
        form = "NFC" if file.suffix == ".png" else "NFD"
        file.rename(file.with_stem(unicodedata.normalize(form, f"ä{file.stem}")))


def elsewhere(root: Path) -> None:
    inside = root / "set"
    inside.mkdir()
    for part in ("train", "valid", "test"):
        (root / part).rename(root.parent / part)
    inside.rmdir()
    text = (root / "data.yaml").read_text()
    (root / "data.yaml").write_text(f"path: ../\n{text}")


@pytest.mark.parametrize("change", [capitals, marks, forms, elsewhere])
def test_yolo_as_other_systems_have_it(change: Callable[[Path], None], tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "fruit")
    change(root)
    dataset = read_dataset(root, strict=True)
    assert not dataset.remarks
    check(dataset)


def counted(dataset: Dataset) -> int:
    return sum(len(photo.annotations) for photo in dataset.photos)


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_around_the_data(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / "archive" / "data")
    assert counted(read_dataset(tmp_path, strict=True)) == 2


def test_the_folder_of_the_devkit_of_voc(tmp_path: Path) -> None:
    write_cvat(tmp_path / "VOCdevkit" / "VOC2012")
    assert counted(read_dataset(tmp_path, strict=True)) == 2
    for folder in (tmp_path, tmp_path / "VOCdevkit", tmp_path / "VOCdevkit" / "VOC2012"):
        assert not has_sequences(folder)


def test_folders_of_labelme(tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        write_labelme(tmp_path / day)
    assert counted(read_dataset(tmp_path, strict=True)) == 4
    write_coco(tmp_path / "other")
    assert "several folders have annotations: monday, other, tuesday" in problems(tmp_path)


def test_labelme_beside_a_folder_of_photos(tmp_path: Path) -> None:
    write_labelme(tmp_path / "labels")
    (tmp_path / "images").mkdir()
    for photo in (tmp_path / "labels").glob("*.png"):
        photo.rename(tmp_path / "images" / photo.name)
    assert counted(read_dataset(tmp_path, strict=True)) == 2


def test_json_that_is_damaged_or_of_something_else_is_passed_over(tmp_path: Path) -> None:
    write_labelme(tmp_path, 6)
    (tmp_path / "classes.json").write_text("{}")
    damaged = tmp_path / "3.json"
    damaged.write_text(damaged.read_text()[:50])
    dataset = read_dataset(tmp_path)
    assert len(dataset.photos) == 5
    told = [str(problem) for problem in dataset.problems]
    assert any("3.json" in line and "not JSON" in line for line in told)
    assert any("classes.json: is none of the formats" in line for line in told)


def of_names(root: Path, stated: list[str], there: list[str]) -> Path:
    """COCO with photos called `stated` in its file, and photos `there` on the disk."""
    (file,) = write_coco(root, len(stated)).glob("*.json")
    shutil.move(root / "images" / "0.png", root / "photo")
    shutil.rmtree(root / "images")
    for name in there:
        place = root / "images" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "photo", place)
    document = json.loads(file.read_text())
    for row, name in zip(document["images"], stated, strict=True):
        row["file_name"] = name
    file.write_text(json.dumps(document))
    return root


def taken(root: Path) -> dict[int | None, str]:
    """Return the photo of each image id."""
    dataset, _ = understand(root)
    return {each.image_id: each.path.relative_to(root).as_posix() for each in dataset.photos}


def test_photos_found_in_another_folder_are_counted(tmp_path: Path) -> None:
    root = of_names(tmp_path, ["train/a.png", "train/b.png", "c.png"], ["a.png", "b.png", "c.png"])
    dataset = read_dataset(root, strict=True)
    assert len(dataset.photos) == 3
    (told,) = dataset.remarks
    assert told.startswith("2 photos were found by the last part of their names alone")
    assert f"'train/a.png' as {root / 'images' / 'a.png'}" in told


@pytest.mark.parametrize("stated", [["train/a.png", "a.png"], ["a.png", "train/a.png"]])
def test_a_photo_belongs_to_the_entry_that_names_it(stated: list[str], tmp_path: Path) -> None:
    root = of_names(tmp_path, stated, ["a.png"])
    assert taken(root) == {10 + stated.index("a.png"): "images/a.png"}
    assert "there is no photo 'train/a.png'" in problems(root)


def test_a_photo_that_two_entries_could_mean_is_of_neither(tmp_path: Path) -> None:
    root = of_names(tmp_path, ["train/a.png", "val/a.png", "b.png"], ["a.png", "b.png"])
    assert taken(root) == {12: "images/b.png"}


@pytest.mark.parametrize(
    ("stated", "there", "expected"),
    [
        (["deadbeef-1.png"], ["1.png"], {10: "images/1.png"}),
        (["deadbeef-1.png"], ["1.png", "deadbeef-1.png"], {10: "images/deadbeef-1.png"}),
        (["deadbeef-1.png", "2.png"], ["1.png", "2.png", "../1.png"], {11: "images/2.png"}),
        (["deadbeef-1.png", "1.png"], ["1.png"], {11: "images/1.png"}),
        (["deadbeef-1.png", "x/1.png"], ["1.png"], {11: "images/1.png"}),
        (["deadbeef-1.png", "abadcafe-1.png", "2.png"], ["1.png", "2.png"], {12: "images/2.png"}),
    ],
)
def test_the_prefix_of_label_studio(
    stated: list[str], there: list[str], expected: dict[int, str], tmp_path: Path
) -> None:
    assert taken(of_names(tmp_path, stated, there)) == expected


def test_photos_found_without_the_prefix_are_counted(tmp_path: Path) -> None:
    root = of_names(tmp_path, ["up/deadbeef-1.png", "2.png"], ["1.png", "2.png"])
    (told,) = read_dataset(root, strict=True).remarks
    assert told.startswith("1 photos were found without the eight characters")
    assert "'up/deadbeef-1.png' as" in told


def test_a_mask_of_cvat_does_not_take_the_photo_of_another(tmp_path: Path) -> None:
    root = write_cvat(tmp_path)
    for folder in ("SegmentationClass", "SegmentationObject"):
        (root / folder / "part").mkdir()
        shutil.copy(root / folder / "0.png", root / folder / "part" / "0.png")
    assert "part/0.png: there is no photo of this name" in problems(root)
