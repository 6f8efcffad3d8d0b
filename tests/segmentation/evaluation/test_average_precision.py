"""Average precision: perfect and spoilt predictions, and pycocotools called directly."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

rle = pytest.importorskip("pycocotools.mask")

from segmentation.data import (  # noqa: E402
    Annotation,
    Dataset,
    Photo,
    read_dataset,
)
from segmentation.evaluation.average_precision import evaluate  # noqa: E402
from segmentation.instances import Instances  # noqa: E402
from tests.stand_ins.oracle import DatasetOracle  # noqa: E402


@pytest.fixture
def squares(tmp_path: Path) -> Dataset:
    """Four photos with two squares each, of two classes: 20 and 60 pixels a side."""
    import cv2

    photos = []
    for index in range(4):
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), np.full((100, 200, 3), index, np.uint8))
        masks = np.zeros((2, 100, 200), np.uint8)
        masks[0, 10:30, 10:30] = 1
        masks[1, 20:80, 100:160] = 1
        annotations = tuple(Annotation.from_mask(k, mask) for k, mask in enumerate(masks))
        photos.append(Photo(path, (100, 200), annotations))
    return Dataset(("small", "large"), tuple(photos))


def test_what_is_perfect_has_an_average_precision_of_one(squares: Dataset) -> None:
    result = evaluate(DatasetOracle(squares), squares)
    assert result.num_photos == 4
    assert result.num_objects == 8
    for figures in (result.box, result.mask, *result.mask_by_class.values()):
        assert (figures.ap, figures.ap50, figures.ap75, figures.recall) == (1, 1, 1, 1)
    assert (result.mask.ap_small, result.mask.ap_medium, result.mask.ap_large) == (1, 1, None)
    assert (result.mask_by_class["small"].ap_small, result.mask_by_class["small"].ap_medium) == (
        1,
        None,
    )


def test_half_of_the_objects_is_half_of_the_precision(squares: Dataset) -> None:
    result = evaluate(DatasetOracle(squares, lambda found: found[:1]), squares)
    assert result.mask_by_class["small"].ap == 1
    assert result.mask_by_class["large"].ap == 0
    assert result.mask.ap == result.box.ap == 0.5


def test_overlap_decides_which_thresholds_are_met(squares: Dataset) -> None:
    def lower(found: Instances) -> Instances:
        """Cut masks to 0.7 of their height and boxes to 0.87."""
        masks, boxes = found.masks.copy(), found.boxes.copy()
        for mask, box in zip(masks, boxes, strict=True):
            side = box[3] - box[1]
            mask[int(box[1] + round(0.7 * side)) :] = 0
            box[3] = box[1] + 0.87 * side
        return replace(found, masks=masks, boxes=boxes)

    result = evaluate(DatasetOracle(squares, lower), squares)
    # 0.7 meets 0.50 to 0.70: five of ten; 0.87 meets 0.50 to 0.85: eight
    assert result.mask.ap == pytest.approx(0.5)
    assert (result.mask.ap50, result.mask.ap75) == (1, 0)
    assert result.box.ap == pytest.approx(0.8)
    assert result.box.ap75 == 1


def with_mistakes(found: Instances) -> Instances:
    """A mistake that is as certain before each object."""
    wrong = replace(found, masks=np.zeros_like(found.masks), boxes=found.boxes + 500)
    wrong.masks[:, 90:95, 180:190] = 255
    parts = [
        np.concatenate([getattr(each, name) for each in (wrong, found)])
        for name in ("boxes", "scores", "labels", "masks", "ids")
    ]
    return Instances(*parts)


def test_a_certain_mistake_before_each_object_halves_precision(squares: Dataset) -> None:
    result = evaluate(DatasetOracle(squares, with_mistakes), squares)
    assert result.mask.ap == pytest.approx(0.5, abs=0.02)
    assert result.mask.recall == 1


def test_masks_are_ranked_by_scores_of_their_own(squares: Dataset) -> None:
    class Doubtful(DatasetOracle):
        """Invents objects that it is certain of, and whose masks it does not believe in."""

        def score_masks(self, image: np.ndarray) -> tuple[Instances, np.ndarray]:
            (found,) = self.segment(image[None])
            return found, np.where(found.masks[:, 90, 185] == 255, 0, found.scores)

    result = evaluate(Doubtful(squares, with_mistakes), squares)
    assert result.box.ap == pytest.approx(0.5, abs=0.02)
    assert result.mask.ap == 1


def test_regions_to_be_ignored_forgive(squares: Dataset) -> None:
    def crowd(photo: Photo) -> Photo:
        small, large = photo.annotations
        mask = large.mask(photo.size_hw)
        return replace(photo, annotations=(small, Annotation.from_mask(0, mask, is_crowd=True)))

    class Eager(DatasetOracle):
        """Takes the large square for a small one too."""

        def segment(self, images: np.ndarray) -> list[Instances]:
            return [replace(found, labels=found.labels * 0) for found in super().segment(images)]

    eager = Eager(squares, lambda found: replace(found, scores=found.scores[::-1].copy()))
    assert evaluate(eager, squares).mask_by_class["small"].ap == pytest.approx(0.5, abs=0.02)
    forgiving = Dataset(squares.classes, tuple(map(crowd, squares.photos)))
    result = evaluate(eager, forgiving)
    assert result.mask_by_class["small"].ap == result.box_by_class["small"].ap == 1
    assert result.num_objects == 4
    assert result.mask_by_class["large"].ap is None


def test_classes_meet_by_name(squares: Dataset) -> None:
    class Other(DatasetOracle):
        """Knows other classes beside them, in another order."""

        def __init__(self, dataset: Dataset) -> None:
            super().__init__(dataset)
            self.classes = ("dog", "large", "cat")

        def segment(self, images: np.ndarray) -> list[Instances]:
            return [found[found.labels == 1] for found in super().segment(images)]

    result = evaluate(Other(squares), squares)
    assert result.left_out == ("small",)
    assert list(result.mask_by_class) == ["large"]
    assert result.mask.ap == 1
    assert result.num_objects == 4
    with pytest.raises(ValueError, match="the data has the classes a; the network looks for dog"):
        evaluate(Other(squares), Dataset(("a",), squares.photos))


def test_a_network_that_finds_nothing_scores_zero(squares: Dataset) -> None:
    result = evaluate(DatasetOracle(squares, lambda found: found[:0]), squares)
    assert result.mask.ap == result.box.ap == result.mask.recall == 0
    json.dumps(result.as_dict())


def spoilt(found: Instances, rng: np.random.Generator) -> Instances:
    """Leave some out, and move the others a little."""
    found = found[rng.random(len(found)) < 0.8]
    masks = found.masks.copy()
    for mask in masks:
        mask[:] = np.roll(mask, rng.integers(-4, 5), 1)
    scores = rng.random(len(found)).astype(np.float32)
    boxes = found.boxes + rng.normal(0, 3, found.boxes.shape).astype(np.float32)
    return replace(found, masks=masks, scores=scores, boxes=boxes)


def test_same_figures_as_pycocotools_called_directly(shared_data: Path, capfd) -> None:
    """COCO's own photos, polygons, crowds and boxes; predictions spoilt at random."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    path = shared_data / "stills" / "coco_multi" / "annotations.json"
    dataset = read_dataset(path)
    spoil = functools.partial(spoilt, rng=np.random.default_rng(0))
    document = json.loads(path.read_text())
    ids = {image["file_name"]: image["id"] for image in document["images"]}
    category_ids = {row["name"]: row["id"] for row in document["categories"]}
    results: dict[str, list[dict[str, object]]] = {"bbox": [], "segm": []}
    seen: list[str] = []

    def keep(photo: Photo, found: Instances) -> None:
        seen.append(photo.path.name)
        for k in range(len(found)):
            x1, y1, x2, y2 = (float(value) for value in found.boxes[k])
            row = {
                "image_id": ids[photo.path.name],
                "category_id": category_ids[dataset.classes[found.labels[k]]],
                "score": float(found.scores[k]),
            }
            mask = np.asfortranarray(found.masks[k] >= 128).view(np.uint8)
            results["bbox"].append({**row, "bbox": [x1, y1, x2 - x1, y2 - y1]})
            results["segm"].append({**row, "segmentation": rle.encode(mask)})

    ours = evaluate(DatasetOracle(dataset, spoil), dataset, keep)
    assert capfd.readouterr().out == ""
    assert seen == [photo.path.name for photo in dataset.photos]
    for kind, figures in (("bbox", ours.box), ("segm", ours.mask)):
        coco = COCO(str(path))
        evaluation = COCOeval(coco, coco.loadRes(results[kind]), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        found = (figures.ap, figures.ap50, figures.ap75)
        found += (figures.ap_small, figures.ap_medium, figures.ap_large, figures.recall)
        wanted = [*evaluation.stats[:6], evaluation.stats[8]]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
        assert 0.05 < wanted[0] < 0.9
