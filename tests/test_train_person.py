"""Training of mask-rcnn-person, on a handful of drawn people."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras")
rle = pytest.importorskip("pycocotools.mask")

from segmentation.data import person_dataset  # noqa: E402
from segmentation.data.dataset import Annotation, Photo  # noqa: E402
from segmentation.data.person_dataset import read_person_dataset, unlabelled_parts  # noqa: E402
from segmentation.person_network import person_config  # noqa: E402
from segmentation.segmenter import WeightsError  # noqa: E402
from segmentation.training import person_batches  # noqa: E402
from segmentation.training import train_person as training  # noqa: E402
from segmentation.training.person_batches import PersonBatches  # noqa: E402
from segmentation.weight_files.named_weights import read_named, save_named, set_named  # noqa: E402

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

    monkeypatch.setattr(person_dataset, "load_portrait", lambda options: Portrait())


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


def test_batches_are_what_the_graph_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(person_batches, "MAX_PASTES", 0)
    batches = PersonBatches(photos_of(tmp_path, crowd=True), {}, person_config((128, 128)), SMALL)
    batch = batches.batch(4, (0, 1))
    assert batch["image"].shape == (4, 128, 128, 3)
    assert batch["mini_masks"].shape == (4, 3, 14, 14)
    assert batch["rpn_targets"].shape == (4, 16, 4)
    for labels, boxes, masks in zip(
        batch["labels"], batch["boxes"], batch["mini_masks"], strict=True
    ):
        for label, box, mask in zip(labels, boxes, masks, strict=True):
            height, width = box[2:] - box[:2]
            if label > 0:  # a whole disc, or what the crop leaves of it
                assert height * width >= person_batches.MIN_SIDE**2
                assert (mask >= 128).mean() == pytest.approx(np.pi / 4, abs=0.25)
    values = batch["labels"].ravel().tolist()
    assert {-1, 1} <= set(values)
    again, other = batches.batch(4, (0, 1)), batches.batch(4, (0, 2))
    assert all(np.array_equal(batch[name], again[name]) for name in batch)
    assert not np.array_equal(batch["image"], other["image"])


def test_sources_are_drawn_by_weight(tmp_path):
    one = photos_of(tmp_path, crowd=False)
    photos = one * 9 + [dataclasses.replace(one[0], source="b")]
    batches = PersonBatches(photos, {"a": 0.25, "b": 0.75}, person_config((128, 128)), SMALL)
    assert batches._odds.sum() == pytest.approx(1)
    assert batches._odds[-1] == pytest.approx(0.75)


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


def test_run_that_was_killed_equals_one_that_was_not(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CROP", 64)
    monkeypatch.setattr(training, "TRAINING", SMALL)
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    monkeypatch.setattr(training, "AVERAGE_EVERY", 1)
    monkeypatch.setattr(training, "_validate", lambda weights, dataset: {"mask_ap": 0.5})
    folder = write_photos(tmp_path / "photos", ["a", "b"] * 4)
    schedule = training.Schedule(num_steps=4, batch_size=2)
    lines: list[dict[str, Any]] = []
    whole = training.train_person([folder], tmp_path / "whole", schedule, lines.append)

    class Killed(Exception):
        pass

    def kill(line: dict[str, Any]) -> None:
        raise Killed

    with pytest.raises(Killed):
        training.train_person([folder], tmp_path / "killed", schedule, kill)
    resumed = training.train_person([folder], tmp_path / "killed", schedule, lines.append)
    left, right = read_named(whole), read_named(resumed)
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_allclose(left[name], right[name], rtol=0, atol=2e-3, err_msg=name)
    assert [line["step"] for line in lines] == [2, 4, 4]
    assert lines[1]["mask_loss"] == pytest.approx(lines[2]["mask_loss"], rel=1e-3)
    assert lines[1]["mask_ap"] == 0.5
    frozen = training._portrait_weights()
    assert np.allclose(left["stem/kernel"], frozen["stem/kernel"], atol=1e-3)
    assert left["mrcnn_class_logits/bias"].any()
