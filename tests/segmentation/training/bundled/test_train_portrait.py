"""Training of the portrait network, on a handful of drawn people."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("keras")
pytest.importorskip("pycocotools.mask")

from segmentation.errors import WeightsError
from segmentation.portrait.network import build
from segmentation.training import training_log, training_run, training_state
from segmentation.training.bundled import portrait_schedule
from segmentation.training.bundled import train_portrait as training
from segmentation.training.bundled.portrait_photos import Photo
from segmentation.training.photo_sources import HOLD_OUT
from segmentation.weights.ordered_weights import read_weights
from tests.segmentation.training.bundled.people import write_people


def made_here(open_maker, steps):
    """Make batches in this process, where a test has smaller crops than the program's."""
    return map(open_maker(), steps)


def test_checkpoints_know_their_teachers():
    settings = training._as_json(training.Schedule(teachers=("portrait", "other.onnx")))
    assert json.loads(json.dumps(settings)) == settings
    assert settings["teachers"] == ["portrait", "other.onnx"]
    # so that a run begun before there were any goes on
    assert "teachers" not in training._as_json(training.Schedule())


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.usefixtures("eager")
def test_run_that_was_killed_equals_one_that_was_not(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "EPOCH_STEPS", 2)
    monkeypatch.setattr(training_run, "CHECKPOINT_EVERY_S", 0)
    monkeypatch.setattr(training_log, "REPORT_EVERY_S", 0)
    monkeypatch.setattr(training_state, "AVERAGE_EVERY", 2)
    monkeypatch.setattr(training, "batches", made_here)
    monkeypatch.setattr(portrait_schedule, "CROPS_HW", (((32, 64),), ((64, 64),), ((64, 64),)))
    monkeypatch.setattr(training.portrait, "SIZES_HW", ((64, 64),))
    folder = write_people(tmp_path / "people", ["a", "b"] * HOLD_OUT, crowds=True)
    schedule = training.Schedule(num_steps=5, batch_size=2)

    def report(line: str) -> None:
        if line.startswith("step 4 "):  # what a kill would leave
            shutil.copytree(tmp_path / "whole", tmp_path / "killed")

    whole = training.train_portrait([folder], tmp_path / "whole", schedule, report)
    lines: list[str] = []
    resumed = training.train_portrait([folder], tmp_path / "killed", schedule, lines.append)
    assert lines[0] == "goes on after step 3"
    for left, right in zip(read_weights(whole), read_weights(resumed), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)
    for name, num in (("steps.csv", 5), ("epochs.csv", 3)):
        one, other = (
            np.loadtxt(tmp_path / run / name, delimiter=",", skiprows=1)
            for run in ("whole", "killed")
        )
        assert len(one) == num
        np.testing.assert_allclose(other, one, rtol=1e-5)
    with pytest.raises(ValueError, match="go on with that"):
        training.train_portrait([folder], tmp_path / "whole", training.Schedule(), lines.append)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.usefixtures("eager")
def test_photos_of_any_aspect_are_validated(monkeypatch):
    monkeypatch.setattr(training.portrait, "SIZES_HW", ((64, 32), (32, 64)))
    photos = [
        Photo(np.zeros((*size_hw, 3), np.uint8), np.full(size_hw, 255, np.uint8))
        for size_hw in ((40, 60), (60, 40), (30, 70))
    ]
    weights = build((64, 64)).get_weights()
    weights[-1] = np.full(1, 50, np.float32)  # the last bias: everything is a person
    assert training._validate(weights, photos)["validation_iou"] == 1


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.usefixtures("eager")
def test_validation_leaves_out_what_nobody_knows(monkeypatch):
    monkeypatch.setattr(training.portrait, "SIZES_HW", ((64, 64),))
    weights = build((64, 64)).get_weights()
    weights[-1] = np.full(1, 50, np.float32)  # everything is a person
    mask, void = np.zeros((2, 40, 40), np.uint8)
    mask[:, :20] = void[:, 20:] = 255
    photo = Photo(np.zeros((40, 40, 3), np.uint8), mask, void)
    assert training._validate(weights, [photo])["validation"] == 1
    known = Photo(photo.image, mask)
    assert training._validate(weights, [known])["validation_iou"] == pytest.approx(0.5)


def test_hostile_weights_are_one_line(tmp_path):
    np.savez(tmp_path / "hostile.npz", arr_0=np.array([{}], object))
    with pytest.raises(WeightsError, match=r"hostile\.npz: no \.npz of the portrait network"):
        read_weights(tmp_path / "hostile.npz")
