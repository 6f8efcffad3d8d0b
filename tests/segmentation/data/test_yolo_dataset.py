"""YOLO's lists of photos, names of classes in YAML, and texts with keypoints."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segmentation.data import Dataset, read_dataset
from segmentation.data.parts.yaml_subset import read_yaml
from tests.inputs.annotated_photos import SIZE_HW, problems, write_photo

NAMES = "names: [ball]\n"


def written(root: Path, *names: str, line: str = "0 0.1 0.1 0.9 0.1 0.9 0.9") -> Path:
    """Write photos in `images/`, each with a text in `labels/`."""
    photo = root.parent / "photo.png"
    write_photo(photo)
    for name in names:
        for folder, ending in (("images", ".png"), ("labels", ".txt")):
            place = (root / folder / name).with_suffix(ending)
            place.parent.mkdir(parents=True, exist_ok=True)
            if ending == ".png":
                shutil.copy(photo, place)
            else:
                place.write_text(f"{line}\n")
    return root


def described(root: Path, text: str, **lists: str) -> Path:
    """Write data.yaml and lists of photos, "__" in their names for a folder."""
    (root / "data.yaml").write_text(NAMES + text)
    for name, content in lists.items():
        file = root / f"{name.replace('__', '/')}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


def splits(dataset: Dataset, root: Path) -> dict[str, str]:
    return {
        photo.path.relative_to(root / "images").as_posix(): photo.split for photo in dataset.photos
    }


def test_photos_that_differ_in_their_ending_alone_have_one_text(tmp_path: Path) -> None:
    root = described(written(tmp_path / "fruit", *"abcde"), "")
    shutil.copy(root / "images" / "a.png", root / "images" / "a.tif")
    dataset = read_dataset(root)
    assert [photo.path.name for photo in dataset.photos] == [f"{name}.png" for name in "abcde"]
    assert [len(photo.annotations) for photo in dataset.photos] == [1] * 5
    text = root / "labels" / "a.txt"
    (told,) = map(str, dataset.problems)
    assert told == f"{root}/images/a.tif: has the same text, {text}, as {root}/images/a.png"
    assert not dataset.remarks


# === Lists ===

FOUR = ("a/000001", "a/000002", "b/000001", "b/000002")
DIVIDED = {f"{name}.png": "train" if name[0] == "a" else "val" for name in FOUR}
LISTS = {
    name: "".join(f"PLACE/images/{each}.png\n" for each in FOUR if each[0] == part)
    for name, part in (("train", "a"), ("val", "b"))
}


@pytest.mark.parametrize("place", [".", "", "data/fruit", "/home/somebody/fruit", "C:\\fruit"])
def test_photos_of_one_name_in_two_lists_are_told_apart(place: str, tmp_path: Path) -> None:
    root = written(tmp_path / "fruit", *FOUR)
    lists = {name: text.replace("PLACE", place) for name, text in LISTS.items()}
    lists = {name: text.removeprefix("/") if not place else text for name, text in lists.items()}
    described(root, "path: .\ntrain: train.txt\nval: val.txt\n", **lists)
    dataset = read_dataset(root, strict=True)
    assert splits(dataset, root) == DIVIDED
    assert not dataset.remarks


@pytest.mark.parametrize("stated", ["", "path: .\n", "path: ..\n", "path: fruit\n"])
def test_lists_lie_under_the_path_or_beside_the_yaml(stated: str, tmp_path: Path) -> None:
    root = written(tmp_path / "fruit", *FOUR)
    # of a list in a folder "./" is that folder
    lists = {f"lists__{name}": text.replace("PLACE", "..") for name, text in LISTS.items()}
    described(root, f"{stated}train: lists/train.txt\nval: [lists/val.txt]\n", **lists)
    if stated == "path: ..\n":
        (root / "lists").rename(tmp_path / "lists")
    assert splits(read_dataset(root / "data.yaml", strict=True), root) == DIVIDED


def test_a_list_of_whole_paths_elsewhere_on_this_machine(tmp_path: Path) -> None:
    root = written(tmp_path / "fruit", *FOUR)
    elsewhere = tmp_path / "lists"
    elsewhere.mkdir()
    for name, text in LISTS.items():
        (elsewhere / f"{name}.txt").write_text(text.replace("PLACE", str(root)))
    described(root, "".join(f"{name}: {elsewhere}/{name}.txt\n" for name in LISTS))
    assert splits(read_dataset(root, strict=True), root) == DIVIDED


def test_a_list_that_is_missing_is_told(tmp_path: Path) -> None:
    root = written(tmp_path / "fruit", *FOUR)
    described(root, "train: train.txt\nval: lists/val.txt\n", train=LISTS["train"])
    dataset = read_dataset(root)
    (told,) = map(str, dataset.problems)
    assert told.startswith(f"{root / 'data.yaml'}, val: there is no list 'lists/val.txt'")
    assert "lists/val.txt" in problems(root)


def test_lines_of_a_list_without_a_photo_are_told(tmp_path: Path) -> None:
    root = written(tmp_path / "fruit", *FOUR, "c/000001")
    lines = ["images/a/000001.png", "000001.png", "images/gone.png", "elsewhere/a/000002.png"]
    text = "\n".join([*lines, "b/000002.jpg"])
    described(root, "train: train.txt\nval: val.txt\n", train=text, val="images/a/000001.png")
    dataset = read_dataset(root)
    assert splits(dataset, root) == {
        **dict.fromkeys(("a/000001.png", "a/000002.png", "b/000002.png"), "train"),
        **dict.fromkeys(("b/000001.png", "c/000001.png"), ""),
    }
    (told,) = map(str, dataset.problems)
    assert "train.txt: 2 of its lines name no one photo, such as '000001.png'" in told
    (elsewhere, twice) = dataset.remarks
    assert "2 photos of its lists lie in other folders or have other endings" in elsewhere
    assert "'elsewhere/a/000002.png' for images/a/000002.png" in elsewhere
    assert "1 photos are in several lists" in twice


@pytest.mark.parametrize("place", ["images/{}", "./images/{}", "ROOT/images/{}", "/x/images/{}"])
def test_folders_of_parts_with_names_of_any_kind(place: str, tmp_path: Path) -> None:
    root = written(tmp_path / "fruit", *FOUR)
    place = place.replace("ROOT", str(root))
    described(root, f"train: {place.format('a')}\nval: {place.format('b')}/\n")
    assert splits(read_dataset(root, strict=True), root) == DIVIDED


# === Names in YAML ===


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (r'- "\xE4pfel"', "äpfel"),
        (r'- "\u4EBA\U0001F34E"', "人🍎"),
        (r'- "\"a\" \\ b\t\/\e\_\N"', '"a" \\ b\t/\x1b\xa0\x85'),
        (r'- "a\" # b"  # c', 'a" # b'),
        (r"- '\xE4'", r"\xE4"),
        (r"- \xE4", r"\xE4"),
    ],
)
def test_escapes_of_yaml(text: str, names: str) -> None:
    assert read_yaml(f"names:\n{text}\n")["names"] == [names]
    flow = text.removeprefix("- ").partition("  #")[0]
    assert read_yaml(f"names: [{flow}]\n")["names"] == [names]
    assert read_yaml(f"names: {{0: {flow}}}\n")["names"] == {"0": names}
    assert read_yaml(f"names: {{'0': {flow}}}\n")["names"] == {"0": names}
    assert read_yaml(f"names:\n  0: {flow}\n")["names"] == {"0": names}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (r'["\q"]', r"\\q is no escape"),
        (r'["\xg1"]', r"\\x is no escape"),
        (r'["\uD800"]', r"\\uD800 is no character"),
        (r'["\U00110000"]', r"\\U00110000 is no character"),
        ('\n- a\n- "b\n', "quote is not closed"),
        ("\n- a\n-\n- b", "class number 1 is empty"),
        ("\n- a\n- ''\n- b", "class number 1 is empty"),
        ("[a, , b]", "class number 1 is empty"),
        ("[, a]", "class number 0 is empty"),
        ("\n  0: a\n  1:\n", "class number 1 is empty"),
        ("[a, b, a]", "classes number 0 and 2 are both called 'a'"),
    ],
)
def test_names_that_are_none_are_one_line(text: str, told: str, tmp_path: Path) -> None:
    root = written(tmp_path, "0")
    (root / "data.yaml").write_text(f"names: {text}\n")
    line = problems(root)
    assert told.replace("\\\\", "\\") in line
    assert "data.yaml" in line
    assert "\n" not in line


def test_a_comma_at_the_end_is_no_name() -> None:
    assert read_yaml("names: [a, b,\n]")["names"] == ["a", "b"]


# === Keypoints ===


@pytest.mark.parametrize("dimensions", [2, 3])
def test_of_poses_the_boxes_are_taken(dimensions: int, tmp_path: Path) -> None:
    points = " ".join([" ".join(["0.3", "0.4", "2"][:dimensions])] * 3)
    root = written(tmp_path, "0", "1", line=f"0 0.5 0.5 0.4 0.5 {points}")
    described(root, f"kpt_shape: [3, {dimensions}]\ntrain: images\n")
    dataset = read_dataset(root, strict=True)
    height, width = SIZE_HW
    box = [0.3 * width, 0.25 * height, 0.7 * width, 0.75 * height]
    for photo in dataset.photos:
        (annotation,) = photo.annotations
        assert annotation.box.tolist() == pytest.approx(box)
        assert annotation.area == pytest.approx(0.2 * width * height)
    assert "keypoints" in dataset.remarks[0]


def test_poses_with_other_numbers_than_stated_are_told(tmp_path: Path) -> None:
    root = written(tmp_path, *map(str, range(6)), line="0 0.5 0.5 0.4 0.4 0.1 0.1 0.2 0.2")
    text = root / "labels" / "0.txt"
    described(root, "kpt_shape: [2, 2]\n")
    text.write_text("0 0.5 0.5 0.4 0.4 0.1 0.1 0.2\n")
    dataset = read_dataset(root)
    assert "7 numbers behind the class" in str(dataset.problems[0])
    assert "a box and 2 keypoints of 2 have 8" in str(dataset.problems[0])
    text.write_text("0 0.5 0.5 0.4 0.4 0.1 0.1 0.2 0.2 0.93\n")  # the score of a result
    assert not read_dataset(root).problems
    described(root, "kpt_shape: [many]\n")
    assert "kpt_shape" in problems(root)
