"""Training of mask-rcnn-person, on a handful of drawn people."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras")
rle = pytest.importorskip("pycocotools.mask")

from segmentation.data import Annotation, Dataset, Photo  # noqa: E402
from segmentation.errors import DataError, WeightsError  # noqa: E402
from segmentation.person.network import person_config  # noqa: E402
from segmentation.portrait import network as portrait_network  # noqa: E402
from segmentation.portrait.segmenter import WEIGHTS  # noqa: E402
from segmentation.training import photo_sources as sources  # noqa: E402
from segmentation.training import training_state  # noqa: E402
from segmentation.training.bundled import bystanders  # noqa: E402
from segmentation.training.bundled import train_person as training  # noqa: E402
from segmentation.training.bundled.bystanders import unlabelled_parts  # noqa: E402
from segmentation.training.bundled.person_dataset import read_person_dataset  # noqa: E402
from segmentation.training.mask_rcnn.images import TrainingImages  # noqa: E402
from segmentation.weights.named_weights import named_weights, read_named, save_named, set_named  # noqa: E402
from segmentation.weights.ordered_weights import read_weights  # noqa: E402

SIZE_HW = (60, 80)
SMALL = dataclasses.replace(training.TRAINING, max_objects=3, num_anchors=16, mini_mask_size=14)


def disc(x: int, radius: int = 12) -> np.ndarray:
    return cv2.circle(np.zeros(SIZE_HW, np.uint8), (x, 30), radius, 1, -1)


def write_photos(root: Path, sources: list[str]) -> Path:
    """A photo of one bright disc for each source, in COCO's layout."""
    (root / "images").mkdir(parents=True)
    person = {"id": 1, "name": "person"}
    document: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": [person]}
    for index, source in enumerate(sources):
        mask = disc(25 + index % 30)
        image = np.where(mask[..., None] > 0, (240, 120, 40), (20, 30, 60)).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{index}.png"), image[..., ::-1])
        encoded = rle.encode(np.asfortranarray(mask))
        segmentation = {"size": encoded["size"], "counts": encoded["counts"].decode()}
        document["images"].append({"id": index, "file_name": f"{index}.png", "source": source})
        document["annotations"].append(
            {"id": index, "image_id": index, "category_id": 1, "segmentation": segmentation}
        )
    (root / "annotations.json").write_text(json.dumps(document))
    return root


@pytest.fixture
def sees_a_bystander(monkeypatch) -> None:
    """A portrait network that sees the labelled disc and one at the right edge."""

    class Portrait:
        def segment(self, images):
            class Found:
                def union(self):
                    return np.maximum(disc(25), disc(70, 8)) * np.uint8(255)

            return [Found()]

    monkeypatch.setattr(bystanders, "portrait", Portrait)


# === What nobody labelled ===


@pytest.mark.usefixtures("sees_a_bystander")
def test_unlabelled_people_are_ignored_by_source(tmp_path):
    sources = ["coco_full", "vikram", "ccp", "pennfudan", "eg1800"]
    dataset = read_person_dataset(write_photos(tmp_path / "photos", sources))
    assert dataset.classes == ("person",)
    flags = {photo.source: photo.is_crowd().tolist() for photo in dataset.photos}
    assert flags["coco_full"] == flags["eg1800"] == [False]
    assert flags["vikram"] == [True]
    assert flags["ccp"] == [False, True]
    ccp = next(photo for photo in dataset.photos if photo.source == "ccp")
    found = ccp.masks()[1]
    assert np.array_equal(found, disc(70, 8)[:, :80])


def test_other_classes_than_people_are_refused(tmp_path):
    folder = write_photos(tmp_path / "photos", ["eg1800"])
    file = folder / "annotations.json"
    file.write_text(file.read_text().replace('"name": "person"', '"name": "dog"'))
    with pytest.raises(DataError, match="has the classes dog; learned here is person alone"):
        read_person_dataset(folder)


def test_parts_near_a_label_and_specks_are_explained():
    people = np.zeros((100, 100), bool)
    people[20:60, 20:40] = True  # labelled up to a margin of two pixels
    people[20:50, 70:90] = True
    people[90:92, 90:92] = True
    labelled = np.zeros((100, 100), np.uint8)
    labelled[22:58, 22:38] = 1
    (part,) = unlabelled_parts(people, labelled)
    assert part.sum() == 30 * 20
    assert part[20:50, 70:90].all()


@pytest.mark.usefixtures("sees_a_bystander")
def test_people_known_by_their_boxes_and_places_without_people(tmp_path):
    folder = with_boxes(write_photos(tmp_path / "photos", ["eg1800"] * 2))
    dataset = read_person_dataset(folder)
    sources = [photo.source for photo in dataset.photos]
    assert sources == ["eg1800", "eg1800", "boxed", "places", "places"]
    *_, boxed, place, _ = dataset.photos
    assert boxed.has_mask().tolist() == [False]
    np.testing.assert_array_equal(boxed.annotations[0].box, [13, 18, 38, 43])
    assert (place.size_hw, place.annotations) == (SIZE_HW, ())
    learn, validate = training._split([dataset])
    assert [photo.source for photo in learn.photos] == ["eg1800", "boxed", "places"]
    assert [photo.source for photo in validate.photos] == ["eg1800", "places"]
    batch = images_of([boxed, place], max_pastes=0).batch(0, 2)
    assert sorted(batch["labels"].max(axis=1).tolist()) == [0, 1]
    assert not batch["mini_masks"].any()
    assert (batch["rpn_matches"] == 1).any(axis=1).sum() == 1


@pytest.mark.usefixtures("sees_a_bystander")
def test_what_has_nothing_to_give_is_not_drawn_to_paste_from(tmp_path):
    photos = read_person_dataset(with_boxes(write_photos(tmp_path / "photos", ["eg1800"]))).photos
    places = [photo for photo in photos if photo.source == "places"]
    batch = images_of([photos[0], *places * 10], max_pastes=4).batch(0, 40)
    shows_somebody = (batch["labels"] > 0).any(axis=1)
    assert shows_somebody.sum() > 10


def test_boxes_that_are_none_are_refused(tmp_path):
    folder = with_boxes(write_photos(tmp_path / "photos", ["eg1800"]))
    file = folder / "boxes" / "boxes.json"
    file.write_text(file.read_text().replace("[13, 18, 25, 25]", "[13, 18]"))
    with pytest.raises(DataError, match=r"boxes\.json: each annotation needs a bbox"):
        read_person_dataset(folder)


def test_boxes_of_other_classes_are_refused(tmp_path):
    folder = with_boxes(write_photos(tmp_path / "photos", ["eg1800"]))
    file = folder / "boxes" / "boxes.json"
    file.write_text(file.read_text().replace('"name": "person"', '"name": "dog"'))
    with pytest.raises(DataError, match=r"boxes\.json: has the classes dog"):
        read_person_dataset(folder)
    file.write_text("[]")
    with pytest.raises(DataError, match=r"boxes\.json: is not in COCO's format"):
        read_person_dataset(folder)


def test_places_are_turned_as_their_cameras_say(tmp_path):
    folder = with_boxes(write_photos(tmp_path / "photos", ["eg1800"]))
    (folder / "backgrounds" / ".DS_Store").write_bytes(b"of the file manager")
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    tall = folder / "backgrounds" / "stairs.jpg"
    Image.new("RGB", (90, 40)).save(tall, exif=exif)
    photos = read_person_dataset(folder).photos
    (stairs,) = (photo for photo in photos if photo.path == tall)
    assert stairs.size_hw == (90, 40)
    assert stairs.image().shape == (90, 40, 3)
    (folder / "backgrounds" / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match=r"notes\.txt: not a picture"):
        read_person_dataset(folder)


def test_photos_that_tell_nothing_of_single_people_are_not_validated_with():
    photos = [
        Photo(Path(f"{source}{index}"), SIZE_HW, (Annotation.from_mask(0, disc(25)),), source)
        for source in ("vikram", "viton_studio", "eg1800")
        for index in range(2)
    ]
    learn, validate = training._split([Dataset(("person",), tuple(photos))])
    assert [photo.source for photo in validate.photos] == ["eg1800"]
    assert len(learn.photos) == 5


def with_boxes(folder: Path) -> Path:
    """Put a photo of somebody whose mask is not known, and one of nobody, beside those of masks."""
    write_photos(folder / "boxes", ["boxed"])
    file = folder / "boxes" / "annotations.json"
    document = json.loads(file.read_text())
    del document["annotations"][0]["segmentation"]
    document["annotations"][0]["bbox"] = [13, 18, 25, 25]
    file.rename(file.with_name("boxes.json")).write_text(json.dumps(document))
    (folder / "backgrounds").mkdir()
    for name in ("wall.png", "window.png"):
        cv2.imwrite(str(folder / "backgrounds" / name), np.zeros((*SIZE_HW, 3), np.uint8))
    return folder


# === Batches ===


def photos_of(folder: Path, *, crowd: bool) -> list[Photo]:
    path = folder / "photo.png"
    cv2.imwrite(str(path), np.full((*SIZE_HW, 3), 90, np.uint8))
    annotations = (
        Annotation.from_mask(0, disc(25)),
        Annotation.from_mask(0, disc(60), is_crowd=crowd),
        Annotation.from_mask(0, disc(42, 1)),
    )
    return [Photo(path, SIZE_HW, annotations, "a")]


def images_of(photos: list[Photo], **changes: Any) -> TrainingImages:
    config = dataclasses.replace(SMALL, **changes)
    return TrainingImages(photos, person_config((128, 128)), config)


def test_what_is_left_of_somebody_at_the_border_is_ignored(tmp_path):
    images = images_of(photos_of(tmp_path, crowd=True), max_pastes=0)
    batch = images.batch(0, 8)
    assert batch["image"].shape == (8, 128, 128, 3)
    assert batch["mini_masks"].shape == (8, 3, 14, 14)
    assert batch["rpn_targets"].shape == (8, 16, 4)
    labels, boxes, masks = (batch[name] for name in ("labels", "boxes", "mini_masks"))
    areas = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    assert (areas[labels > 0] >= SMALL.min_side**2).all()
    shares = (masks[labels > 0] >= 128).mean(axis=(1, 2))
    np.testing.assert_allclose(shares, np.pi / 4, atol=0.3)
    assert set(labels.ravel().tolist()) == {-1, 0, 1}


def test_people_are_pasted_in_several_times(tmp_path):
    photos = photos_of(tmp_path, crowd=False)
    num = [
        (images_of(photos, max_pastes=pastes, max_objects=20).batch(0, 12)["labels"] > 0).sum()
        for pastes in (0, 4)
    ]
    assert num[1] > num[0]


def test_photos_are_drawn_by_odds(tmp_path):
    one = photos_of(tmp_path, crowd=False)
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), np.full((*SIZE_HW, 3), 200, np.uint8))
    photos = one * 9 + [dataclasses.replace(one[0], source="b", path=other)]
    odds = sources.odds([photo.source for photo in photos], {"a": 0.25, "b": 0.75})
    assert odds.sum() == pytest.approx(1)
    assert odds[-1] == pytest.approx(0.75)
    images = TrainingImages(photos, person_config((128, 128)), SMALL, odds=odds)
    bright = [images._photo(place).path == other for place in range(200)]
    assert np.mean(bright) == pytest.approx(0.75, abs=0.1)


# === Weights by name ===


def test_weights_go_by_name_and_are_checked(tmp_path):
    def network() -> keras.Model:
        x = keras.Input((4,))
        return keras.Model(x, keras.layers.Dense(3, name="b")(keras.layers.Dense(2, name="a")(x)))

    path = tmp_path / "weights.npz"
    first, second = network(), network()
    named = {f"{v.path}": np.asarray(v) for v in first.variables}
    save_named(named, path)
    set_named(second, read_named(path), path)
    for left, right in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-3)
    del named["a/kernel"]
    before = second.get_weights()
    with pytest.raises(WeightsError, match=r"weights\.npz: 1 tensors missing: a/kernel"):
        set_named(second, named, path)
    assert all(map(np.array_equal, before, second.get_weights()))
    whole = path.read_bytes()
    for content in (b"", b"not an archive", whole[: len(whole) // 2], b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"weights\.npz: no \.npz of weights"):
            read_named(path)
    path.unlink()
    with pytest.raises(WeightsError, match=r"weights\.npz: no such file"):
        read_named(path)


# === The run ===


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.usefixtures("eager")
def test_a_run_moves_what_is_above_the_finest_layers(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "TRAINING", SMALL)
    monkeypatch.setattr(training_state, "AVERAGE_EVERY", 1)
    folder = write_photos(tmp_path / "photos", ["a", "b"] * 2)
    settings = dataclasses.replace(training.SETTINGS, size=64, epochs=1, images_per_device=1)
    lines: list[str] = []
    best = training.train_person(
        [folder], tmp_path / "run", settings, lines.append, lambda photo, *_: photo.image()
    )
    assert lines[0] == "begins with the portrait network"
    assert lines[1] == "2 photos to train on, 2 to validate with, 2 steps"
    for name, num in (("steps.csv", 2), ("epochs.csv", 1)):
        assert len(table(tmp_path / "run" / name)) == num
    found = read_named(best)
    moved = np.abs(found["stage3_1_in/kernel"] - portrait()["stage3_1_in/kernel"])
    assert moved.max() > 3e-4
    for name in ("stem/kernel", "stage2_1_in/kernel"):  # weights are kept with 16 bits
        np.testing.assert_allclose(found[name], portrait()[name], rtol=1e-3, atol=1e-4)
    assert found["mrcnn_class_logits/bias"].any()


def table(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)


def portrait() -> dict[str, np.ndarray]:
    network = portrait_network.build((64, 64))
    network.set_weights(read_weights(WEIGHTS))
    return named_weights(network)
