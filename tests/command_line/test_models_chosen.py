"""Which network a command takes, and what it says where there is none."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest

import run
from segmentation.mask_rcnn import segmenter as mask_rcnn
from segmentation.person import segmenter as person
from segmentation.rf_detr import segmenter as rf_detr
from segmentation.weights.bundled_weights import BUNDLED
from segmentation.yolact import segmenter as yolact
from stream.files.photos import read_photo
from tests.command_line.failing import failing, files
from tests.folders import ROOT


def test_models_are_listed_with_what_is_on_disk(capfd, tmp_path, monkeypatch):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    assert run.main(["models"]) == 0
    listed = capfd.readouterr().out
    for bundled in BUNDLED:
        assert re.search(
            rf"^{bundled.name} +in the package +[1-9]\d* MB  MIT", listed, re.MULTILINE
        )
    assert re.search(r"mask-rcnn +not on disk", listed)
    assert "MIT" in listed
    assert "name one of mask-rcnn" in failing(capfd, 2, "models", "fetch")
    assert run.main(["models", "remove", "mask-rcnn"]) == 0
    assert "was not on disk" in capfd.readouterr().err


def test_objects_without_weights_name_the_way_to_them(capfd, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    fetch = "run.py models fetch"
    for arguments, remedy in (
        (["--keep", "dog"], f"{fetch} rf-detr-seg-nano or mask-rcnn, or"),
        (["--model", "mask-rcnn"], f"{fetch} mask-rcnn, or"),
    ):
        assert remedy in failing(capfd, 1, photo, "-o", "null:", *arguments)
    assert files(tmp_path) == ["portrait.png"]


@pytest.mark.parametrize(
    "model",
    ["auto", "mask-rcnn", "yolact-base", "centermask-v39", "rf-detr-seg-nano", "rvm-mobilenet"],
)
def test_misspelt_classes_send_nobody_to_a_download(capfd, photo, tmp_path, monkeypatch, model):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    line = failing(capfd, 1, photo, "-o", "null:", "--keep", "persn", "--model", model)
    assert line == "error: no class 'persn'; did you mean 'person'?"


def test_least_scores_are_told_as_they_are(capfd):
    told = {"mask-rcnn": mask_rcnn.PUBLISHED_MIN_SCORE, "mask-rcnn-person": person.MIN_SCORE}
    told |= {"yolact-*": yolact.PUBLISHED_MIN_SCORE, "rf-detr-*": rf_detr.PUBLISHED_MIN_SCORE}
    with pytest.raises(SystemExit):
        run.main(["--help", "all"])
    text = " ".join(capfd.readouterr().out.split())
    for name, score in told.items():
        assert re.search(rf"[ ,]{re.escape(name)} {score}\b", text), name
    page = " ".join((ROOT / "docs" / "masks.md").read_text().split())
    page = page.partition("`--min-score` ")[2].partition(" - ")[0]
    assert re.findall(r"\b0\.\d+", page) == [str(score) for score in told.values()]
    assert f"a score of {person.MIN_SCORE} on" in (ROOT / "docs" / "person.md").read_text()


def test_people_are_found_one_by_one_without_weights_on_disk(capfd, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    found = tmp_path / "found.json"
    assert run.main([str(photo), "-o", str(found)]) == 0
    assert "model: mask-rcnn-person" in capfd.readouterr().err
    best = json.loads(found.read_text())[0]
    assert best["category_id"] == 1
    assert best["score"] > 0.8
    assert best["bbox"][3] > 0.5 * cv2.imread(str(photo)).shape[0]
    kept = tmp_path / "kept.png"
    assert run.main([str(photo), "-o", str(kept), "--effect", "mask", "--keep", "person:1"]) == 0
    assert "model: mask-rcnn-person" in capfd.readouterr().err
    assert 0.3 < (cv2.imread(str(kept), 0) > 0).mean() < 0.8


def test_files_are_known_by_their_endings_in_any_case(capfd, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    assert run.main([str(photo), "-o", str(tmp_path / "found.JSON")]) == 0
    assert "model: mask-rcnn-person" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my.npz", "no .npz of weights"),
        ("my.h5", "no HDF5 file"),
        ("my.pth", "Name its network with --model"),
    ],
)
def test_weights_without_a_model_are_taken_for_what_they_are(capfd, photo, tmp_path, name, words):
    pytest.importorskip("h5py")
    (tmp_path / name).write_bytes(b"nothing")
    assert words in failing(capfd, 1, photo, "-o", "null:", "--weights", tmp_path / name)


def test_portrait_gives_instances_when_asked_by_name(photo, tmp_path):
    pytest.importorskip("pycocotools")
    found, folder = tmp_path / "found.json", tmp_path / "masks"
    code = run.main(
        [str(photo), "-o", str(found), "-o", f"instances:{folder}/", "--model", "portrait"]
    )
    assert code == 0
    (person,) = json.loads(found.read_text())
    assert person["category_id"] == 1
    assert person["score"] > 0.5
    (name,) = files(folder)
    assert name.startswith("portrait_0-person-0.")
    assert set(np.unique(read_photo(folder / name))) == {0, 255}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keep", "cat"], "no class 'cat'"),
        (["--size", "320"], "takes no weights, size"),
        (["--precision", "tf32"], "computes in float32 here"),
        (["--device", "gpu"], "device gpu"),
        (["--device", "gpu", "--backend", "openvino"], "runs on the CPU here"),
    ],
)
def test_portrait_refuses_what_it_cannot_do(capfd, photo, arguments, words):
    pytest.importorskip("keras")
    assert words in failing(capfd, 1, photo, "-o", "null:", "--model", "portrait", *arguments)


@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", b"\x89HDF\r\n\x1a\n" + bytes(99)]
)
def test_unusable_weight_file_is_one_line(capfd, photo, tmp_path, content):
    pytest.importorskip("h5py")
    path = tmp_path / "bad.h5"
    path.write_bytes(content)
    line = failing(capfd, 1, photo, "-o", "null:", "--model", "mask-rcnn", "--weights", path)
    assert str(path) in line
