"""Datasets: every format gives the same objects; all that is wrong is told at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from segmentation.data import Annotation, Dataset, Photo, read_dataset
from segmentation.errors import DataError
from tests.inputs.annotated_photos import (
    SIZE_HW,
    WRITERS,
    edit,
    overlap,
    photo,
    problems,
    true_masks,
    write_coco,
    write_labelme,
    write_masks,
    write_via,
)
from tests.inputs.icc_profiles import DISPLAY_P3, rgb_profile


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_objects(name: str, tmp_path: Path) -> None:
    dataset = read_dataset(WRITERS[name](tmp_path, 2))
    assert dataset.classes == ("ball", "crate")
    assert [each.path.name for each in dataset.photos] == ["0.png", "1.png"]
    for index, each in enumerate(dataset.photos):
        assert each.size_hw == SIZE_HW
        np.testing.assert_array_equal(each.image(), photo(index))
        assert sorted(each.labels().tolist()) == [0, 1]
        assert not each.is_crowd().any()
        for annotation, mask in zip(each.annotations, each.masks(), strict=True):
            truth = true_masks()[dataset.classes[annotation.label]]
            assert overlap(mask, truth) > 0.97
            x, y, width, height = cv2.boundingRect(truth)
            box = [x, y, x + width, y + height]
            np.testing.assert_allclose(annotation.box, box, rtol=0, atol=1)
            assert annotation.box.dtype == np.float32
            assert annotation.area == pytest.approx(truth.sum(), rel=0.03)


def test_a_name_in_both_forms_of_its_letters_is_one_class(tmp_path: Path) -> None:
    # macOS writes the names of folders decomposed
    write_masks(tmp_path)
    (tmp_path / "masks" / "ball").rename(tmp_path / "masks" / "ka\u0308fer")
    (tmp_path / "masks" / "crate").rename(tmp_path / "masks" / "k\u00e4fer")
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("k\u00e4fer",)
    assert [each.label for each in dataset.photos[0].annotations] == [0, 0]

    def change(document: Any) -> None:
        document["categories"][0]["name"] = " ka\u0308fer "

    edit(write_coco(tmp_path / "coco") / "annotations.json", change)
    assert read_dataset(tmp_path / "coco").classes == ("k\u00e4fer", "crate")


def test_masks_of_another_size(tmp_path: Path) -> None:
    (first,) = read_dataset(write_masks(tmp_path)).photos
    for size_hw in ((60, 100), (240, 400), SIZE_HW):
        for annotation, truth in zip(first.annotations, true_masks().values(), strict=True):
            mask = annotation.mask(size_hw)
            assert mask.shape == size_hw
            assert mask.dtype == np.uint8
            assert set(np.unique(mask)) == {0, 1}
            resized = cv2.resize(truth, size_hw[::-1], interpolation=cv2.INTER_NEAREST)
            assert overlap(mask, resized) > 0.93


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_photos_are_shrunk_with_their_masks(ending: str, tmp_path: Path) -> None:
    write_masks(tmp_path)
    (tmp_path / "images" / "0.png").unlink()
    large = cv2.resize(photo(), (803, 481), interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(tmp_path / "images" / f"0{ending}"), large[..., ::-1])
    (first,) = read_dataset(tmp_path).photos
    for max_side, size_hw in ((803, (481, 803)), (None, (481, 803)), (300, (180, 300))):
        assert first.image(max_side).shape[:2] == first.shrunk_hw(max_side) == size_hw
        assert first.masks(max_side).shape == (2, *size_hw)
    for max_side in (99, 150, 250, 402):
        image, (ball, crate) = first.image(max_side).astype(int), first.masks(max_side)
        shown = (image[..., 0] - image[..., 2] > 120, image[..., 2] - image[..., 0] > 120)
        assert overlap(ball, shown[0]) > 0.93
        assert overlap(crate, shown[1]) > 0.93
        wanted = cv2.resize(large, image.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(image - wanted).mean() < 3
    assert first.shrunk_hw(5000) == (481, 803)


def test_photos_are_turned_as_their_exif_tag_says(tmp_path: Path) -> None:
    write_coco(tmp_path)
    upright = photo()
    lying = np.rot90(upright)  # counter-clockwise; the tag says: turn clockwise
    jpeg = cv2.imencode(".jpg", lying[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    exif = b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag
    (tmp_path / "images" / "0.png").write_bytes(jpeg[:2] + exif + jpeg[2:])
    (first,) = read_dataset(tmp_path).photos
    assert first.size_hw == SIZE_HW
    assert np.abs(first.image().astype(int) - upright).mean() < 12
    half = cv2.resize(upright, (100, 60), interpolation=cv2.INTER_AREA)
    assert np.abs(first.image(100).astype(int) - half).mean() < 12

    def swap(document: Any) -> None:
        document["images"][0].update(width=SIZE_HW[0], height=SIZE_HW[1])

    edit(tmp_path / "annotations.json", swap)
    assert "annotated at 120x200" in problems(tmp_path)
    assert "is 200x120 (turned as its EXIF tag says)" in problems(tmp_path)


def test_photos_that_changed_are_told(tmp_path: Path) -> None:
    (first,) = read_dataset(write_coco(tmp_path)).photos
    cv2.imwrite(str(first.path), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(DataError, match="changed its size"):
        first.image()
    first.path.unlink()
    with pytest.raises(DataError, match="no such file"):
        first.image()


JUNK = (None, "", "x", -1, 1e400, 10**400, [], {}, [[]], [["a", "b"]], "../../nothing", True)


def places(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to each value of a JSON document."""
    yield place
    if isinstance(document, dict | list):
        rows = document.items() if isinstance(document, dict) else enumerate(document)
        for key, value in rows:
            yield from places(value, (*place, key))


@pytest.mark.parametrize("name", ["coco", "via", "via_1", "labelme", "labelme_pieces"])
def test_junk_anywhere_in_a_file_is_told_or_harmless(name: str, tmp_path: Path) -> None:
    (file, *_) = WRITERS[name](tmp_path).glob("*.json")
    text = file.read_text()
    num_refused = 0
    found = [place for place in places(json.loads(text)) if place]
    rng = np.random.default_rng(0)
    for place in found if len(found) < 60 else [found[k] for k in rng.choice(len(found), 60)]:
        for junk in (JUNK[k] for k in rng.choice(len(JUNK), 4, replace=False)):
            document = json.loads(text)
            holder = document
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = junk
            file.write_text(json.dumps(document))
            try:
                dataset = read_dataset(tmp_path)
            except DataError:
                num_refused += 1
            else:
                assert all(each.masks().shape[1:] == SIZE_HW for each in dataset.photos)
    assert num_refused > 60


# === Which format ===


def test_mixed_formats_are_refused_unless_one_is_named(tmp_path: Path) -> None:
    write_coco(tmp_path, 2)
    write_via(tmp_path)
    assert "formats are mixed in it: annotations.json (COCO), via_project.json (VIA)" in problems(
        tmp_path
    )
    assert len(read_dataset(tmp_path / "annotations.json").photos) == 2
    assert len(read_dataset(tmp_path / "via_project.json").photos) == 1
    (tmp_path / "via_project.json").unlink()
    (tmp_path / "masks").mkdir()
    for index in range(2):
        cv2.imwrite(str(tmp_path / "masks" / f"{index}.png"), true_masks()["ball"])
    assert "annotations.json (COCO), masks/ (masks)" in problems(tmp_path)
    assert read_dataset(tmp_path / "masks").classes == ("object",)
    write_labelme(tmp_path / "more")
    (tmp_path / "more" / "again.json").write_text((tmp_path / "annotations.json").read_text())
    assert "0.json (LabelMe), again.json (COCO)" in problems(tmp_path / "more")


def test_what_is_no_dataset_is_one_line(tmp_path: Path) -> None:
    assert "there is no such file or folder" in problems(tmp_path / "gone")
    assert "no annotations in it; known are COCO JSON" in problems(tmp_path)
    for text in ('{"images": [', '{"a": 1}', "[]", "3", "[" * 100_000):
        (tmp_path / "a.json").write_text(text)
        assert len(problems(tmp_path).splitlines()) == 1
    (tmp_path / "a.json").unlink()
    write_coco(tmp_path)
    empty = {"images": [], "annotations": [], "categories": []}
    (tmp_path / "val.json").write_text(json.dumps(empty))
    assert "no photo is named in it" in problems(tmp_path / "val.json")
    (tmp_path / "val.json").write_text((tmp_path / "annotations.json").read_text())
    assert "several: annotations.json (COCO), val.json (COCO); name the one" in problems(tmp_path)


# === Splits ===


def drawn(num_with: int, num_without: int) -> Dataset:
    mask = np.ones((4, 4), np.uint8)
    photos = [
        Photo(Path(f"{index}"), (4, 4), (Annotation.from_mask(0, mask),) * (index < num_with))
        for index in range(num_with + num_without)
    ]
    return Dataset(("a",), tuple(photos))


def test_splits_are_drawn_by_their_seed_and_share_nothing() -> None:
    dataset = drawn(20, 10)
    training, validation = dataset.split(0.2, 3)
    assert training.classes == validation.classes == ("a",)
    assert {*training.photos, *validation.photos} == {*dataset.photos}
    assert len(validation.photos) == 6
    assert sum(len(each.annotations) for each in validation.photos) == 4
    again = dataset.split(0.2, 3)[1]
    assert again.photos == validation.photos
    assert dataset.split(0.2, 4)[1].photos != validation.photos


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_either_side_of_a_split_shows_something(share: float) -> None:
    training, validation = drawn(2, 5).split(share, 0)
    for side in (training, validation):
        assert any(each.annotations for each in side.photos)


def test_no_photos_to_validate_with() -> None:
    with pytest.raises(DataError, match="no photos are left to validate with"):
        drawn(1, 5).split(0.2, 0)
    with pytest.raises(ValueError, match="expected a share"):
        drawn(5, 5).split(1.0, 0)


def test_profiles_that_are_not_right_are_nobodys_concern(tmp_path, capfd):
    write_masks(tmp_path)
    for path in (tmp_path / "images" / "0.png", tmp_path / "masks" / "ball" / "0.png"):
        with Image.open(path) as image:
            grey = image.convert("L")
        grey.save(path, icc_profile=rgb_profile(*DISPLAY_P3))  # of colours, in a grey picture
    (photo,) = read_dataset(tmp_path, strict=True).photos
    photo.image()
    assert capfd.readouterr().err == ""
