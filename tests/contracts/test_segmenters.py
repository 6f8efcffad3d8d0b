"""What every network promises: see `segmentation.segmenter.Segmenter`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.loading import LOADERS
from segmentation.segmenter import Options, Segmenter
from tests.contracts.segmenters import SAME_BUT_FOR_LAYERS, SEGMENTERS, Case, Open
from tests.contracts.subclasses import classes_with
from tests.recipes import Recipes

SIZES_HW = [(48, 64), (37, 53), (1, 1), (1, 400), (300, 2), (90, 400), (240, 320)]
#: for networks that take seconds an image
FEW_SIZES_HW = [(37, 53)]
Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Loaded:
    """A case, what loads it, and the network with no options at all."""

    case: Case
    open: Open
    segmenter: Segmenter


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(case, id=name, marks=[pytest.mark.long] if case.is_long else [])
        for name, case in SEGMENTERS.items()
    ],
)
def loaded(request: pytest.FixtureRequest, recipes: Recipes) -> Iterator[Loaded]:
    case: Case = request.param
    with case.surroundings(recipes) as load:
        yield Loaded(case, load, load(Options()))


def noise(size_hw: tuple[int, int], num: int = 2) -> Images:
    return np.random.default_rng(1).integers(0, 256, (num, *size_hw, 3), np.uint8)


def photo() -> Images:
    """A person, (1, 200, 200, 3)."""
    data = pytest.importorskip("skimage.data")
    return np.asarray(cv2.resize(data.astronaut(), (200, 200)), np.uint8)[None]


def check_found(found: Instances, size_hw: tuple[int, int], segmenter: Segmenter) -> None:
    """What was found lies in the image and comes best first; `Instances` checks the dtypes."""
    height, width = size_hw
    assert found.masks.shape == (len(found), height, width)
    assert (found.boxes >= 0).all()
    assert (found.boxes[:, [0, 2]] <= width).all()
    assert (found.boxes[:, [1, 3]] <= height).all()
    assert (found.boxes[:, :2] < found.boxes[:, 2:]).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (np.diff(found.scores) <= 1e-6).all()
    assert set(found.labels.tolist()) <= set(range(len(segmenter.classes)))
    assert (found.ids == -1).all()


def assert_same(found: Instances, wanted: Instances, case: Case) -> None:
    if not case.is_exact:  # where one is hardly less certain than another they may change places
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4)
        difference = np.abs(found.union().astype(float) - wanted.union())
        assert difference.mean() < 0.1
        return
    for name in ("boxes", "scores", "labels", "masks", "ids"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), name)


def test_every_network_is_in_the_list() -> None:
    for name in LOADERS:
        tested = SAME_BUT_FOR_LAYERS.get(name, name)
        # of files of others the name is that of the file
        assert SEGMENTERS[tested].name.endswith(tested)


def test_every_kind_is_in_the_part_of_the_list_that_does_not_take_long() -> None:
    quick = {case.kind for case in SEGMENTERS.values() if not case.is_long}
    assert classes_with("segmentation", "segment") == quick


def test_it_says_what_it_is(loaded: Loaded) -> None:
    segmenter = loaded.segmenter
    assert type(segmenter).__name__ == loaded.case.kind
    assert segmenter.name == loaded.case.name
    assert segmenter.classes
    assert len(set(segmenter.classes)) == len(segmenter.classes)
    assert segmenter.max_input is None or segmenter.max_input > 0
    assert segmenter.max_images >= 1
    assert segmenter.device


def test_results_are_in_pixels_of_the_images(loaded: Loaded) -> None:
    for size_hw in FEW_SIZES_HW if loaded.case.is_long else SIZES_HW:
        results = loaded.segmenter.segment(noise(size_hw))
        assert len(results) == 2
        for found in results:
            check_found(found, size_hw, loaded.segmenter)


def test_each_result_belongs_to_its_image(loaded: Loaded) -> None:
    shown = photo()
    images = np.concatenate([shown, shown[:, :, ::-1], shown // 4])
    together = loaded.segmenter.segment(images)
    alone = [loaded.segmenter.segment(image[None])[0] for image in images]
    for found, wanted in zip(together, alone, strict=True):
        check_found(found, shown.shape[1:3], loaded.segmenter)
        if loaded.segmenter.max_images == 1:
            assert_same(found, wanted, loaded.case)
        else:  # several at once are computed in another order
            np.testing.assert_allclose(found.scores[:3], wanted.scores[:3], atol=1e-3)


def test_no_images_have_no_results(loaded: Loaded) -> None:
    assert loaded.segmenter.segment(noise((48, 64))[:0]) == []


def test_images_are_left_as_they_are_and_may_be_views(loaded: Loaded) -> None:
    whole = np.ascontiguousarray(photo()[:, :, ::-1])
    view = whole[:, :, ::-1]
    copy = view.copy()
    view.setflags(write=False)
    (found,) = loaded.segmenter.segment(view)
    np.testing.assert_array_equal(view, copy)
    assert_same(found, loaded.segmenter.segment(copy)[0], loaded.case)


def test_the_same_image_has_the_same_result_whatever_was_seen_between(loaded: Loaded) -> None:
    (first,) = loaded.segmenter.segment(photo())
    kept = Instances(
        first.boxes.copy(),
        first.scores.copy(),
        first.labels.copy(),
        first.masks.copy(),
        first.ids.copy(),
    )
    loaded.segmenter.segment(noise(photo().shape[1:3], 1))
    loaded.segmenter.segment(photo()[:, ::-1])
    assert_same(first, kept, loaded.case)
    assert_same(loaded.segmenter.segment(photo())[0], kept, loaded.case)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3)),
        np.zeros((1, 4, 4), np.uint8),
        np.zeros((1, 0, 4, 3), np.uint8),
        [np.zeros((4, 4, 3), np.uint8)],
        None,
    ],
)
def test_wrong_images_are_refused(loaded: Loaded, images: Any) -> None:
    with pytest.raises(ValueError, match=r"images: expected .* \(N, H, W, 3\), got"):
        loaded.segmenter.segment(images)


def test_an_empty_result_is_an_empty_result(loaded: Loaded) -> None:
    grey = np.full((2, 200, 200, 3), 128, np.uint8)
    segmenter = loaded.segmenter
    if "min_score" not in loaded.case.refuses:
        segmenter = loaded.open(Options(min_score=1.0))
    for found in segmenter.segment(grey):
        assert len(found) == 0
        assert found.size_hw == (200, 200)
        assert not found.union().any()


def test_what_is_less_certain_than_min_score_is_not_reported(loaded: Loaded) -> None:
    if "min_score" in loaded.case.refuses:
        with pytest.raises(ValueError, match="score"):
            loaded.open(Options(min_score=0.5))
        return
    (every,) = loaded.open(Options(min_score=0.0)).segment(photo())
    assert len(every) >= 2
    least = float(every.scores[0] + every.scores[-1]) / 2
    (certain,) = loaded.open(Options(min_score=least)).segment(photo())
    assert 0 < len(certain) < len(every)
    if not loaded.case.scores_fall:
        assert (certain.scores >= least).all()
        assert len(certain) == np.count_nonzero(every.scores >= least)


def test_of_classes_that_are_not_kept_nothing_is_reported(loaded: Loaded) -> None:
    more = Options() if "min_score" in loaded.case.refuses else Options(min_score=0.0)
    (every,) = loaded.open(more).segment(photo())
    label = int(every.labels[-1])
    options = Options(min_score=more.min_score, keep=[loaded.segmenter.classes[label]])
    (kept,) = loaded.open(options).segment(photo())
    assert set(kept.labels.tolist()) == {label}
    assert len(kept) >= np.count_nonzero(every.labels == label)


def test_a_class_that_it_does_not_know_is_refused(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="no class 'unicorn'"):
        loaded.open(Options(keep=["unicorn"]))
