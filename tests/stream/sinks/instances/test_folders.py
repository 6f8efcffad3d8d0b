"""Label maps, cut-outs and data sets: what is in the folders that hold objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from segmentation.coco import CATEGORIES
from segmentation.data import read_dataset
from segmentation.instances import Instances
from stream.errors import StreamError
from stream.files.photos import open_photo
from stream.frame import Frame, Output, OutputInfo, Sink, StreamInfo
from stream.photo.colour_profile import to_srgb
from stream.photo.photo import photo_of
from stream.sinks.instances.coco_folder import CocoFolder
from stream.sinks.instances.crops import Crops
from stream.sinks.instances.label_maps import LabelMaps
from stream.sinks.instances.labelme_folder import LabelMeFolder
from stream.sinks.instances.masks import at_frame_size
from stream.sinks.parts.options import SinkOptions
from tests.inputs.icc_profiles import ADOBE_RGB, rgb_profile
from tests.stand_ins.fakes import discs, output_of

SIZE_HW = (45, 71)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), np.uint8)
DISCS = discs(SIZE_HW)
INFO = OutputInfo(StreamInfo(SIZE_HW[1], SIZE_HW[0], None), categories=CATEGORIES)
Make = Callable[[Path, OutputInfo, SinkOptions], Sink]


def written(make: Make, folder: Path, *outputs: Output, info: OutputInfo = INFO) -> Path:
    with make(folder, info, SinkOptions(overwrite=True)) as sink:
        for output in outputs:
            sink.write(output)
        sink.finish(cut_short=False)
    return folder


def output(index: int = 0, name: str | None = "dog.jpg", found: Instances | None = DISCS) -> Output:
    return output_of(IMAGE, index, 0.0, name, instances=found)


def of_file(path: Path, index: int = 0, found: Instances | None = None) -> Output:
    """Return the output of a photo on the disk."""
    photo = open_photo(path)
    one = output_of(photo.image, index, 0.0, path.name)
    frame = Frame(one.frame.picture, index, 0.0, path.name, photo=photo, path=path)
    size_hw = frame.picture.size_hw
    return Output(frame, one.picture, None, discs(size_hw) if found is None else found)


def masks_of(one: Output) -> list[np.ndarray]:
    return [mask != 0 for _, mask in at_frame_size(one)]


def read(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


# === Label maps ===


def test_label_maps_say_class_and_object_of_each_pixel(tmp_path):
    one = output()
    folder = written(LabelMaps, tmp_path / "out", one)
    classes, objects = read(folder / "classes/dog.png"), read(folder / "instances/dog.png")
    assert (classes.dtype, objects.dtype) == (np.uint8, np.uint16)
    assert classes.shape == objects.shape == SIZE_HW
    legend = json.loads((folder / "legend.json").read_text())
    (row,) = legend["images"]
    assert (row["image_id"], row["file_name"]) == (0, "dog.jpg")
    assert (row["classes"], row["instances"]) == ("classes/dog.png", "instances/dog.png")
    names = {each["value"]: each["name"] for each in legend["classes"]}
    covered = np.zeros(SIZE_HW, bool)
    for mask, told in zip(masks_of(one), row["objects"], strict=True):
        assert (objects[mask & ~covered] == told["value"]).all()
        assert (classes[mask & ~covered] == told["class_value"]).all()
        assert names[told["class_value"]] == told["category_name"]
        covered |= mask
    assert [told["category_id"] for told in row["objects"]] == [1, 2, 3]
    assert not objects[~covered].any()
    assert not classes[~covered].any()


@pytest.mark.parametrize(
    ("ids", "values", "dtype"),
    [
        ((3, 7, 300), [3, 7, 300], np.uint16),
        ((0, 1, 2), [1, 2, 3], np.uint8),
        ((-4, 1, 2), [1, 2, 3], np.uint8),
        ((70000, 1, 2), [1, 2, 3], np.uint8),
    ],
)
def test_category_ids_that_no_picture_can_hold_have_other_values(tmp_path, ids, values, dtype):
    categories = tuple(zip(ids, ("a", "b", "c"), strict=True))
    info = OutputInfo(INFO.stream, categories=categories)
    folder = written(LabelMaps, tmp_path / "out", output(), info=info)
    classes = read(folder / "classes/dog.png")
    assert classes.dtype == dtype
    assert set(np.unique(classes)) == {0, *values}
    legend = json.loads((folder / "legend.json").read_text())
    assert [each["value"] for each in legend["classes"]] == values
    assert [each["category_id"] for each in legend["classes"]] == list(ids)


def test_a_tracked_object_has_one_value_in_all_label_maps(tmp_path):
    tracked = discs(SIZE_HW, tracked=True)
    outputs = [output(0, None, tracked), output(1, None, tracked[1:])]
    folder = written(LabelMaps, tmp_path / "out", *outputs)
    assert set(np.unique(read(folder / "instances/000000.png"))) == {0, 6, 7, 8}
    assert set(np.unique(read(folder / "instances/000001.png"))) == {0, 7, 8}


def test_more_objects_than_16_bits_count_are_refused(tmp_path):
    tracked = discs(SIZE_HW, 1, tracked=True)
    tracked.ids[:] = 65535
    with (
        LabelMaps(tmp_path / "out", INFO, SinkOptions()) as sink,
        pytest.raises(StreamError, match="16 bits"),
    ):
        sink.write(output(0, None, tracked))
    assert not (tmp_path / "out").exists()


def test_no_mask_has_no_label_map_and_nothing_found_an_empty_one(tmp_path):
    outputs = [output(0, None, None), output(1, None, Instances.empty(SIZE_HW))]
    folder = written(LabelMaps, tmp_path / "out", *outputs)
    assert [path.name for path in (folder / "classes").iterdir()] == ["000001.png"]
    unknown, empty = json.loads((folder / "legend.json").read_text())["images"]
    assert (unknown["classes"], unknown["objects"]) == (None, None)
    assert (empty["classes"], empty["objects"]) == ("classes/000001.png", [])


# === Cut-outs ===


def test_cut_outs_are_the_pixels_of_each_object(tmp_path):
    one = output()
    folder = written(Crops, tmp_path / "out", one)
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == [
        "dog_0-person-0.98.png",
        "dog_1-bicycle-0.87.png",
        "dog_2-car-0.75.png",
    ]
    for path, mask in zip(paths, masks_of(one), strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        crop = read(path)
        assert (crop[..., 2::-1] == IMAGE[part]).all()
        assert (crop[..., 3] == mask[part] * 255).all()


def test_an_object_without_a_pixel_has_no_cut_out(tmp_path):
    found = discs(SIZE_HW, 2)
    found.masks[0] = 0
    folder = written(Crops, tmp_path / "out", output(found=found))
    assert [path.name for path in folder.iterdir()] == ["dog_1-bicycle-0.75.png"]


# === Data sets ===


def photo_on_disk(folder: Path, name: str, orientation: int = 1) -> Path:
    from PIL import Image

    picture = Image.fromarray(IMAGE)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(folder / name, exif=exif)
    return folder / name


def test_a_data_set_is_read_again_with_its_masks_and_ids(tmp_path):
    paths = [photo_on_disk(tmp_path, name) for name in ("000000000042.jpg", "dog.png")]
    outputs = [of_file(path, index) for index, path in enumerate(paths)]
    categories = ((7, "käfer, klein: rot"), (300, "b"), (0, "c"))
    info = OutputInfo(INFO.stream, categories=categories)
    folder = written(CocoFolder, tmp_path / "out", *outputs, info=info)
    document = COCO(str(folder / "annotations.json"))
    assert sorted(document.getImgIds()) == [1, 42]
    assert {row["id"]: row["name"] for row in document.cats.values()} == dict(categories)
    dataset = read_dataset(folder)
    assert not dataset.problems
    by_name = {photo.path.name: photo for photo in dataset.photos}
    for one in outputs:
        photo = by_name[str(one.frame.name)]
        assert photo.path.samefile(str(one.frame.path)), "a link"
        for annotation, mask in zip(photo.annotations, masks_of(one), strict=True):
            assert (annotation.mask(SIZE_HW) == mask).all()


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("make", [CocoFolder, LabelMeFolder])
def test_a_photo_that_is_turned_becomes_one_that_is_not(tmp_path, make, orientation):
    path = photo_on_disk(tmp_path, "dog.jpg", orientation)
    one = of_file(path)
    folder = written(make, tmp_path / "out", one)
    (photo,) = folder.rglob("*.png")
    assert (read(photo)[..., ::-1] == one.image).all()
    (read_again,) = read_dataset(folder).photos
    assert read_again.size_hw == (SIZE_HW if orientation == 3 else SIZE_HW[::-1])


def test_a_jpeg_with_several_pictures_is_a_link_for_all_show_its_first_one(tmp_path):
    pictures = pytest.importorskip("PIL.Image")
    path = photo_on_disk(tmp_path, "dog.jpg")
    first = pictures.open(path)
    first.save(path, "MPO", save_all=True, append_images=[pictures.new("RGB", first.size)])
    folder = written(CocoFolder, tmp_path / "out", of_file(path))
    assert (folder / "images/dog.jpg").samefile(path)


def test_a_photo_is_copied_where_no_link_can_be(tmp_path, monkeypatch):
    def refuse(*paths: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    path = photo_on_disk(tmp_path, "dog.jpg")
    folder = written(CocoFolder, tmp_path / "out", of_file(path))
    copy = folder / "images/dog.jpg"
    assert copy.read_bytes() == path.read_bytes()
    assert not copy.samefile(path)


def test_a_data_set_can_be_written_again_over_itself(tmp_path):
    path = photo_on_disk(tmp_path, "dog.jpg")
    options = SinkOptions(overwrite=True, input_paths=[path])
    for _ in range(2):
        with CocoFolder(tmp_path / "out", INFO, options) as sink:
            sink.write(of_file(path))
            sink.finish(cut_short=False)
    assert sorted(each.name for each in (tmp_path / "out").rglob("*")) == [
        "annotations.json",
        "dog.jpg",
        "images",
    ]


def test_no_mask_is_not_a_photo_that_shows_nothing(tmp_path):
    outputs = [output(0, "a.jpg", None), output(1, "b.jpg", Instances.empty(SIZE_HW))]
    folder = written(CocoFolder, tmp_path / "coco", *outputs)
    rows = json.loads((folder / "annotations.json").read_text())["images"]
    assert [row["file_name"] for row in rows] == ["b.png"]
    folder = written(LabelMeFolder, tmp_path / "labelme", *outputs)
    assert sorted(path.name for path in folder.iterdir()) == ["b.json", "b.png"]


def test_photos_of_one_name_both_come_into_a_data_set(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
    paths = [photo_on_disk(tmp_path / "a", "dog.jpg"), photo_on_disk(tmp_path / "b", "DOG.png")]
    outputs = [of_file(path, index) for index, path in enumerate(paths)]
    folder = written(LabelMeFolder, tmp_path / "out", *outputs)
    assert len(list(folder.glob("*.json"))) == 2
    assert len(read_dataset(folder).photos) == 2


def test_what_labelme_gets_is_nearly_the_mask_and_quick_to_correct(tmp_path):
    size_hw = (300, 400)
    image = np.zeros((*size_hw, 3), np.uint8)
    one = output_of(image, 0, 0.0, "dog.jpg", instances=discs(size_hw))
    info = OutputInfo(StreamInfo(400, 300, None), categories=((5, "a, b: ü"), (6, "b"), (9, "c")))
    folder = written(LabelMeFolder, tmp_path / "out", one, info=info)
    dataset = read_dataset(folder)
    assert dataset.classes == ("a, b: ü", "b", "c")
    annotations = dataset.photos[0].annotations
    for annotation, mask in zip(annotations, masks_of(one), strict=True):
        again = annotation.mask(size_hw) != 0
        assert (again & mask).sum() / (again | mask).sum() > 0.97
    shapes = json.loads((folder / "dog.json").read_text())["shapes"]
    assert max(len(shape["points"]) for shape in shapes) < 80
    assert [shape["group_id"] for shape in shapes[:2]] == [None, None], "without holes one polygon"


def test_a_photo_that_vanishes_meanwhile_is_one_line(tmp_path):
    path = photo_on_disk(tmp_path, "dog.jpg")
    one = of_file(path)
    path.unlink()
    with CocoFolder(tmp_path / "out", INFO, SinkOptions()) as sink:
        with pytest.raises(StreamError, match=r"dog\.jpg: cannot be read any more") as error:
            sink.write(one)
        assert "\n" not in str(error.value)
        with pytest.raises(StreamError, match="any more"):
            sink.finish(cut_short=False)
    assert not (tmp_path / "out").exists()


def test_cut_outs_have_the_colours_of_screens(tmp_path):
    profile = rgb_profile(*ADOBE_RGB)
    photo = photo_of(IMAGE.copy(), profile=profile)
    one = output(found=discs(SIZE_HW, 1))
    frame = Frame(one.frame.picture, 0, 0.0, "dog.jpg", photo=photo)
    folder = written(Crops, tmp_path / "out", Output(frame, one.picture, None, one.instances))
    (path,) = folder.iterdir()
    mask = masks_of(one)[0]
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    crop = read(path)[..., 2::-1].astype(int)
    assert abs(crop - to_srgb(IMAGE, profile)[y : y + height, x : x + width]).max() <= 2
    assert abs(crop - IMAGE[y : y + height, x : x + width]).max() > 20


# === What was made by hand ===


@pytest.mark.parametrize(
    ("make", "photos", "by_hand"),
    [
        (CocoFolder, "", "annotations.json"),
        (CocoFolder, "images/", "annotations.json"),
        (LabelMeFolder, "", "dog.json"),
    ],
)
def test_annotations_beside_the_photos_of_the_input_stay(
    tmp_path: Path, make: Make, photos: str, by_hand: str
) -> None:
    path = tmp_path / f"{photos}dog.png"
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), IMAGE)
    (tmp_path / by_hand).write_text("by hand")
    options = SinkOptions(overwrite=True, input_paths=[path])
    with pytest.raises(StreamError, match=f"{by_hand}: is beside the photos of the input"):
        make(tmp_path, INFO, options)
    assert (tmp_path / by_hand).read_text() == "by hand"
    assert len(list(tmp_path.rglob("*.png"))) == 1
    # elsewhere the one of an earlier run is replaced
    for _ in range(2):
        with make(tmp_path / "out", INFO, options) as sink:
            sink.write(of_file(path))
            sink.finish(cut_short=False)
    assert (tmp_path / "out" / by_hand).exists()


def test_beside_the_photos_what_is_not_there_yet_is_written(tmp_path: Path) -> None:
    path = tmp_path / "dog.png"
    cv2.imwrite(str(path), IMAGE)
    (tmp_path / "cat.json").write_text("of no photo")
    with LabelMeFolder(tmp_path, INFO, SinkOptions(overwrite=True, input_paths=[path])) as sink:
        sink.write(of_file(path))
        sink.finish(cut_short=False)
    assert json.loads((tmp_path / "dog.json").read_text())["imagePath"] == "dog.png"
    assert (tmp_path / "cat.json").read_text() == "of no photo"


def test_cut_outs_of_a_video_of_wide_pixels_are_as_wide_as_they_look(tmp_path):
    """Masks, and photos of data sets, which both count pixels, stay as the video stores them."""
    one = output()
    wide = replace(one, frame=replace(one.frame, pixel_aspect=Fraction(2)))
    narrow = written(Crops, tmp_path / "1", one), written(Crops, tmp_path / "2", wide)
    for path in sorted(narrow[0].iterdir()):
        cut, shown = read(path), read(narrow[1] / path.name)
        assert shown.shape == (cut.shape[0], 2 * cut.shape[1], 4)
        np.testing.assert_array_equal(shown[..., 3], np.repeat(cut[..., 3], 2, axis=1))
    folder = written(
        CocoFolder, tmp_path / "3", replace(wide, frame=replace(wide.frame, name=None))
    )
    assert read(folder / "images/000000.png").shape == IMAGE.shape
