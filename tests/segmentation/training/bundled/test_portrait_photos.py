"""Photos of people as the portrait network learns from them."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

pytest.importorskip("pycocotools.mask")

from segmentation.errors import DataError
from segmentation.training.bundled import bystanders
from segmentation.training.bundled.portrait_photos import (
    PersonPhotos,
    read_photos,
)
from segmentation.training.photo_sources import HOLD_OUT
from tests.segmentation.training.bundled.people import BRIGHT, disc, write_people


def test_photos_are_read_rgb_and_some_are_held_out(tmp_path):
    folder = write_people(tmp_path / "people", ["a", "b"] * HOLD_OUT)
    photos = PersonPhotos([folder], {"a": 1.0, "b": 0.0})
    assert len(photos) == 2 * HOLD_OUT - 2
    assert len(photos.validation) == 2
    photo = photos.draw(np.random.default_rng(0))
    assert (photo.image[photo.mask > 0] == BRIGHT).all()
    read = read_photos(folder)
    drawn = photos.draw(np.random.default_rng(1))
    assert any(np.array_equal(drawn.image, each.image) for each in read if each.source == "a")
    assert not photos.has_cutouts
    assert not photos.has_backgrounds


def test_crowds_are_void_and_no_people(tmp_path):
    for photo in read_photos(write_people(tmp_path / "people", ["a"] * 3, crowds=True)):
        assert photo.void is not None
        assert (photo.void[:, :10] == 255).all()
        assert (photo.void[:, 10:] == 0).all()
        assert (photo.mask[:, :10] == 0).all()
        assert photo.mask.any()


def test_what_may_be_a_bystander_is_void(tmp_path, monkeypatch):
    class Portrait:
        def segment(self, images):
            class Found:
                def union(self):
                    return disc(72, 6) * np.uint8(255)

            return [Found()]

    monkeypatch.setattr(bystanders, "portrait", Portrait)
    photos = read_photos(write_people(tmp_path / "people", ["ccp", "eg1800"]))
    voids = {photo.source: photo.void for photo in photos}
    assert voids["eg1800"] is None
    assert np.array_equal(voids["ccp"] > 0, disc(72, 6) > 0)


def test_cutouts_have_their_transparency_as_a_mask_and_places_nobody(tmp_path):
    folder = write_people(tmp_path / "people", ["a"] * 2, cutouts=2, places=1)
    photos = PersonPhotos([folder], {})
    cutout = photos.draw_cutout(np.random.default_rng(0))
    assert cutout.image.shape == (44, 24, 3)
    assert cutout.mask[22, 12] == 255
    assert (cutout.image[cutout.mask > 0] == 255).all()
    for border in (cutout.mask[0], cutout.mask[-1], cutout.mask[:, 0], cutout.mask[:, -1]):
        assert not border.any()
    place = photos.draw_background(np.random.default_rng(0))
    assert place.image.shape == (50, 70, 3)
    assert not place.mask.any()


def test_bad_data_is_one_line(tmp_path):
    with pytest.raises(DataError, match="no annotations in it"):
        read_photos(tmp_path)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((4, 4, 3), np.uint8))
    document = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []}
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="no photo has a person"):
        read_photos(tmp_path)
    folder = write_people(tmp_path / "people", ["a"] * 2, cutouts=1)
    cv2.imwrite(str(folder / "cutouts" / "0.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r"0\.png: a cut-out is an RGBA picture"):
        PersonPhotos([folder], {}).draw_cutout(np.random.default_rng(0))


def test_a_single_photo_is_too_few(tmp_path):
    folder = write_people(tmp_path / "people", ["a"])
    with pytest.raises(DataError, match="no photos are left to train on"):
        PersonPhotos([folder], {})


def test_what_is_no_picture_is_refused_before_anything_is_trained(tmp_path):
    folder = write_people(tmp_path / "people", ["a"] * 2, places=1)
    (folder / "backgrounds" / ".DS_Store").write_bytes(b"of the file manager")
    assert PersonPhotos([folder], {}).has_backgrounds
    (folder / "backgrounds" / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match=r"notes\.txt: not a picture"):
        PersonPhotos([folder], {})
