"""The same objects in the same photo: by the command, by `evaluate`, in Python."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import run
from segmentation import load
from segmentation.data.parts.dataset import Annotation, Dataset, Photo
from segmentation.evaluation.average_precision import evaluate
from segmentation.instances import Instances

pytest.importorskip("pycocotools", reason="the extra mask-rcnn")

from pycocotools.mask import decode

#: of photos: none is what any network takes, and some are far larger
SIZES_HW = [(512, 512), (427, 640), (801, 1201), (1500, 1100), (2160, 3840)]


def write_photos(folder: Path) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the photo")
    whole = data.astronaut()[..., ::-1]
    folder.mkdir()
    for index, (height, width) in enumerate(SIZES_HW):
        scale = max(height, width) / 512
        large = cv2.resize(whole, None, fx=scale, fy=scale)[:height, :width]
        cv2.imwrite(str(folder / f"{index}.png"), large)


def by_command(folder: Path, out: Path, *options: object) -> dict[str, Instances]:
    arguments = [folder, "-o", out, *options]
    assert run.main([str(argument) for argument in arguments]) == 0
    records: dict[str, list[dict]] = {}
    for record in json.loads(out.read_text()):
        records.setdefault(record["file_name"], []).append(record)
    found = {}
    for name, those in records.items():
        x, y, width, height = np.array([each["bbox"] for each in those]).T
        found[name] = Instances.untracked(
            np.stack([y, x, y + height, x + width], axis=1),
            np.array([each["score"] for each in those]),
            np.array([each["category_id"] for each in those]) - 1,
            np.stack([decode(each["segmentation"]) for each in those]) * np.uint8(255),
        )
    return found


def check_same(found: Instances, wanted: Instances) -> None:
    assert len(found) == len(wanted) > 0
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=0.0051)  # as they are written
    np.testing.assert_allclose(found.scores, wanted.scores, atol=5.1e-7)
    np.testing.assert_array_equal(found.masks >= 128, wanted.masks >= 128)


@pytest.mark.parametrize(
    "name",
    ["portrait", "mask-rcnn-person", pytest.param("mask-rcnn", marks=pytest.mark.long)],
)
def test_a_photo_has_the_same_objects_whichever_way_it_takes(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, object] = {}
    if name == "mask-rcnn":
        pytest.importorskip("keras")
        from tests.segmentation.mask_rcnn.fewer_proposals import propose_less

        propose_less(monkeypatch)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        options = {"weights": request.getfixturevalue("mask_rcnn_weights"), "size": 128}
    write_photos(tmp_path / "photos")
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    commanded = by_command(tmp_path / "photos", tmp_path / "out.json", "--model", name, *words)

    segmenter = load(name, **options)  # type: ignore[arg-type]
    some = Annotation.from_mask(0, np.ones((8, 8), np.uint8))
    paths = sorted((tmp_path / "photos").iterdir())
    photos = tuple(
        Photo(path, size_hw, (some,)) for path, size_hw in zip(paths, SIZES_HW, strict=True)
    )
    evaluated: dict[str, Instances] = {}
    evaluate(
        segmenter,
        Dataset(segmenter.classes, photos),
        lambda photo, found: evaluated.update({photo.path.name: found}),
    )
    for path in paths:
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        (in_python,) = segmenter.segment(image[None])
        check_same(commanded[path.name], in_python)
        for field in ("boxes", "scores", "labels", "masks"):
            np.testing.assert_array_equal(
                getattr(evaluated[path.name], field), getattr(in_python, field), field
            )
