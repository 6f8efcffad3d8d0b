"""How results are held against what the original programs compute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from tests.golden.reference import Golden

if TYPE_CHECKING:
    import keras

#: pixels of a mask, at least, of which a share may differ
LEAST_PIXELS = 200


class Case(NamedTuple):
    """One network with reference data, and what it makes of the photo."""

    name: str
    weights: Path
    golden: Golden
    network: keras.Model
    tensors: dict[str, NDArray[Any]]
    heads: keras.Model  # goes on from the tensors


class Tolerance(NamedTuple):
    """By how much two results may differ that are of the same object."""

    score: float
    box_px: float  # of each side
    mask: float  # share of the object's pixels, which are at least `LEAST_PIXELS`


def run(model: keras.Model, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return what a Keras model makes of its inputs."""
    from keras import ops

    return [ops.convert_to_numpy(x) for x in model(list(arrays))]


def sampled(golden: Golden, name: str, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what is known of a tensor, found and wanted, flat."""
    if name in golden:
        assert golden[name].shape == values.shape, name
        return values.ravel(), golden[name].ravel()
    assert tuple(golden[f"{name}/shape"]) == values.shape, name
    return values.ravel()[golden[f"{name}/idx"]], golden[f"{name}/val"]


def sampled_error(golden: Golden, name: str, values: NDArray[Any]) -> float:
    """Return the largest difference of a tensor, relative to its largest value."""
    found, wanted = sampled(golden, name, values)
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def golden_objects(golden: Golden) -> Instances:
    """Return the final objects of a network; of their masks, the rows `final_mask_rows`."""
    masks = golden["final_masks"] * np.uint8(255)
    if "final_boxes_yxyx" in golden:  # Matterport's, whose classes begin with the background
        boxes, labels = golden["final_boxes_yxyx"], golden["final_class_ids"] - 1
    else:
        boxes, labels = golden["final_boxes_xyxy"][:, [1, 0, 3, 2]], golden["final_class_ids0"]
    return Instances.untracked(boxes, golden["final_scores"], labels, masks)


def at_rows(found: Instances, golden: Golden) -> Instances:
    """Return objects with those rows of their masks alone that the reference data has."""
    masks = np.ascontiguousarray(found.masks[:, golden["final_mask_rows"]])
    return Instances(found.boxes, found.scores, found.labels, masks, found.ids)


def same_objects(found: Instances, wanted: Instances, tolerance: Tolerance) -> dict[int, int]:
    """Return which objects of `found` are which of `wanted`, each at most once."""
    matches: dict[int, int] = {}
    for index in range(len(wanted)):
        fitting = [
            other
            for other in set(range(len(found))) - set(matches)
            if _is_same(found[[other]], wanted[[index]], tolerance)
        ]
        if fitting:
            score = wanted.scores[index]
            matches[min(fitting, key=lambda other: abs(found.scores[other] - score))] = index
    return matches


def _is_same(found: Instances, wanted: Instances, tolerance: Tolerance) -> bool:
    if (
        found.labels != wanted.labels
        or np.abs(found.boxes - wanted.boxes).max() > tolerance.box_px
        or np.abs(found.scores - wanted.scores) > tolerance.score
    ):
        return False
    inside = wanted.masks >= 128
    differing = np.count_nonzero((found.masks >= 128) != inside)
    return bool(differing <= tolerance.mask * max(np.count_nonzero(inside), LEAST_PIXELS))


def assert_same_set(found: Instances, wanted: Instances, tolerance: Tolerance) -> dict[int, int]:
    """Each wanted object is found once, and nothing else; see `same_objects`."""
    matches = same_objects(found, wanted, tolerance)
    lost = set(range(len(wanted))) - set(matches.values())
    assert len(found) == len(wanted)
    assert not lost
    return matches


def assert_golden(
    found: Instances,
    golden: Golden,
    tolerance: Tolerance,
    chosen: NDArray[np.bool_] | slice = slice(None),
) -> None:
    """The objects of the original, or those chosen, are found, and nothing else.

    Masks are compared in the rows that the reference data has; of all others the area counts.
    """
    wanted = golden_objects(golden)[chosen]
    areas = golden["final_mask_areas"][chosen]
    for ours, index in assert_same_set(at_rows(found, golden), wanted, tolerance).items():
        differing = abs(int((found.masks[ours] >= 128).sum()) - int(areas[index]))
        assert differing <= tolerance.mask * max(areas[index], LEAST_PIXELS), index
