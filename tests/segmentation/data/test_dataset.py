"""Datasets: every format gives the same objects; all that is wrong is told at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

rle = pytest.importorskip("pycocotools.mask")

from segmentation.data.dataset import Annotation, DataError, Dataset, Photo, read_dataset  # noqa: E402
from segmentation.data.shapes import encode_runs, run_lengths  # noqa: E402
from tests.annotated_photos import (  # noqa: E402
    SIZE_HW,
    WRITERS,
    labelme_document,
    photo,
    true_masks,
    write_coco,
    write_labelme,
    write_masks,
    write_photo,
    write_via,
    write_via_1,
)


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    return float(np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth))


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def problems(path: Path) -> str:
    """The message about data that cannot be used."""
    with pytest.raises(DataError) as caught:
        read_dataset(path)
    return str(caught.value)


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


# === COCO ===


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
        assert run_lengths(encoded["counts"]) == ([0, *runs] if flat[0] else runs)


@pytest.mark.parametrize("counts", ["", "0", "zzz", "\u00e9", [5, -5, 24000], [24001], [1.5], {}])
def test_damaged_runs_are_refused(counts: Any) -> None:
    with pytest.raises(ValueError, match="damaged"):
        encode_runs({"size": list(SIZE_HW), "counts": counts}, SIZE_HW)


def test_coco_lists_all_that_is_wrong(tmp_path: Path) -> None:
    write_coco(tmp_path, 12)
    ball = json.loads((tmp_path / "annotations.json").read_text())["annotations"][0]["segmentation"]
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

    edit(tmp_path / "annotations.json", change)
    (tmp_path / "images" / "9.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "images" / "1.png"), np.zeros((8, 9, 3), np.uint8))
    told = problems(tmp_path)
    head, *lines = told.splitlines()
    file = tmp_path / "annotations.json"
    assert head == f"{file}: {len(lines)} problems"
    wanted = [
        "2 entries of 'images' have the id 10",
        "2 entries of 'annotations' have the id 22",
        "image 21: there is no photo 'gone.png'",
        f"2 entries of 'images' are the photo {tmp_path / 'images' / '0.png'}",
        "annotation 19: there is no image with the id 99",
        f"1.png: annotated at 200x120, but {tmp_path / 'images' / '1.png'} is 9x8",
        "2.png, annotation 4: the polygon is empty",
        "3.png, annotation 6: the polygon has fewer than 3 different corners",
        "4.png, annotation 8: the outline from 1020, 1030 to 1080, 1090 lies outside the photo",
        "5.png, annotation 10: the outline from 60, 90 to 240, 270 reaches 150 pixels beyond",
        "6.png, annotation 12: the RLE is of size [5, 5], the photo is [120, 200]",
        "7.png, annotation 14: the points are not a list of pairs",
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
    for path in (folder / "instances_val.json", tmp_path / "data"):
        assert len(read_dataset(path).photos) == 1


# === VIA, LabelMe, masks ===


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


def test_a_region_of_no_class_is_ignored_for_each(tmp_path: Path) -> None:
    write_masks(tmp_path)
    (tmp_path / "masks" / "ignore").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "ignore" / "0.png"), np.ones(SIZE_HW, np.uint8))
    (first,) = read_dataset(tmp_path).photos
    ignored = [each for each in first.annotations if each.is_crowd]
    assert [each.label for each in ignored] == [0, 1]
    assert all(each.area == SIZE_HW[0] * SIZE_HW[1] for each in ignored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["shapes"][0].update(label=""), "shape 1: has no label"),
        (lambda d: d["shapes"][0].update(shape_type="line"), "shape 1 (ball): a line has no area"),
        (lambda d: d["shapes"][0].update(points=[[1, 2]]), "has 1 points, not 2"),
        (lambda d: d["shapes"][1].update(shape_type="polygon"), "fewer than 3 different corners"),
        (
            lambda d: d["shapes"][1].update(points=[["a", "b"]]),
            "shape 2 (crate): the points are not a list",
        ),
        (lambda d: d["shapes"][1].update(shape_type="mask", mask="?"), "the mask is damaged"),
        (lambda d: d.update(imagePath="gone.png"), "there is no photo 'gone.png'"),
        (lambda d: d.update(imageWidth=400), "annotated at 400x120"),
        (lambda d: d.update(shapes={}), "'shapes' is not a list of shapes"),
        (lambda d: d["shapes"].clear(), "no photo has a shape"),
    ],
)
def test_labelme_tells_what_is_wrong(
    change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    write_labelme(tmp_path)
    edit(tmp_path / "0.json", change)
    assert message in problems(tmp_path)


def test_labelme_files_share_no_photo(tmp_path: Path) -> None:
    write_labelme(tmp_path)
    (tmp_path / "copy.json").write_text(json.dumps(labelme_document("0.png")))
    assert "is already that of" in problems(tmp_path)


def test_numbers_and_colours_of_a_mask_are_objects(tmp_path: Path) -> None:
    write_photo(tmp_path / "images" / "a.png")
    write_photo(tmp_path / "images" / "b.png", 1)
    write_photo(tmp_path / "images" / "c.png", 2)
    (tmp_path / "masks").mkdir()
    ball, crate = true_masks().values()
    numbers = np.asarray(ball + 7 * crate, np.uint16)
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), numbers)
    colours = ball[..., None] * np.uint8([200, 0, 9]) + crate[..., None] * np.uint8([0, 200, 9])
    small = cv2.resize(colours, (100, 60), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "masks" / "b.png"), small)
    cv2.imwrite(str(tmp_path / "masks" / "c.png"), ball * 0)
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("object",)
    assert [len(each.annotations) for each in dataset.photos] == [2, 2, 0]
    np.testing.assert_array_equal(dataset.photos[0].masks(), [ball, crate])
    for mask, truth in zip(dataset.photos[1].masks(), (crate, ball), strict=True):
        assert overlap(mask, truth) > 0.93, "enlarged to the size of the photo"


def test_masks_tell_what_is_wrong(tmp_path: Path) -> None:
    write_masks(tmp_path, 4)
    masks = tmp_path / "masks" / "ball"
    cv2.imwrite(str(masks / "0.png"), np.zeros((50, 50), np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, SIZE_HW).astype(np.uint8)
    cv2.imwrite(str(masks / "1.png"), noise)
    (masks / "2.png").write_bytes(b"")
    (masks / "3.png").rename(masks / "other.png")
    (tmp_path / "masks" / "crate" / "3.png").unlink()
    write_photo(tmp_path / "images" / "2.jpg")
    told = problems(tmp_path)
    for line in (
        "0.png: 50x50, its photo is 200x120",
        "values where each should be an object",
        "2.png: not a picture that can be read",
        "other.png: there is no photo of this name in images/",
        "3.png: has no mask",
        "2.png: has the same name as 2.jpg",
    ):
        assert line in told


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
