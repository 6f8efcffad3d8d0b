"""Whether a network on the device finds what the original program found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.gpu.networks import RVM_SIDE, Loaded
from benchmarks.gpu.parts import Part
from segmentation.coco import CATEGORIES
from segmentation.instances import Instances
from segmentation.rf_detr.segmenter import RFDETR
from segmentation.rvm.segmenter import RobustVideoMatting
from segmentation.segmenter import Segmenter
from tests.golden.comparison import Tolerance, at_rows, golden_objects, same_objects
from tests.golden.reference import Golden

#: by how much results of float32 may differ, of each family by how its networks' names begin; as
#: tests/golden/README.md has it
TOLERANCES = {
    "mask-rcnn": Tolerance(1e-3, 1, 0.005),
    "yolact": Tolerance(1.2e-3, 1, 0.003),
    "rf-detr": Tolerance(5e-4, 0.1, 0.005),
    "centermask": Tolerance(1.2e-3, 0.26, 0.014),
}
#: where operands are rounded to 10 or 7 bits, an object counts as found again within these
ROUGH = Tolerance(0.1, 30, 0.3)
#: of alpha, which is compared in bytes
MATTE_TOLERANCE = 0.5 / 255 + 1e-3
#: of the masks of networks without an original: pixels that are on the other side of one half
SAME_MASK = 0.001


def parity(part: Part, loaded: Loaded, _: int) -> dict[str, Any]:
    """Return how far results are from what they should be; `same` says whether they are right."""
    segmenter = loaded.network(part.network, part.precision)
    golden = loaded.golden(part.network)
    if golden is None:
        exact = loaded.network(part.network, "float32", on_cpu=True)
        return _against(segmenter, exact, loaded)
    if isinstance(segmenter, RobustVideoMatting):
        is_right = segmenter.small_side == RVM_SIDE
        return _mattes(segmenter if is_right else segmenter.at_size(RVM_SIDE), golden)
    begins = next(name for name in TOLERANCES if part.network.startswith(name))
    is_exact = part.precision == "float32"
    (found,) = segmenter.segment(golden["image"][None])
    if isinstance(segmenter, RFDETR):
        ids = np.array([number for number, _ in CATEGORIES], np.int32)
        found = replace(found, labels=ids[found.labels])
    return _objects(found, golden, TOLERANCES[begins] if is_exact else ROUGH)


def _objects(found: Instances, golden: Golden, tolerance: Tolerance) -> dict[str, Any]:
    wanted = golden_objects(golden)
    matches = same_objects(at_rows(found, golden), wanted, tolerance)
    ours, theirs = list(matches), list(matches.values())
    scores = np.abs(found.scores[ours] - wanted.scores[theirs])
    boxes = np.abs(found.boxes[ours] - wanted.boxes[theirs])
    return {
        "same": len(found) == len(wanted) == len(matches),
        "objects": len(found),
        "of_original": len(wanted),
        "found_again": len(matches),
        "score_error": round(float(scores.max(initial=0)), 6),
        "box_error_px": round(float(boxes.max(initial=0)), 3),
    }


def _mattes(network: RobustVideoMatting, golden: Golden) -> dict[str, Any]:
    """Compare the alpha of four frames, what is remembered carried along."""
    memory, errors = None, []
    for index in range(4):
        frame = np.roll(golden["image"], 3 * index, axis=1)
        found, memory = network.follow(frame, memory)
        assert found.matte is not None
        alpha = found.matte.alpha.ravel()[golden[f"q{index}/pha/idx"]] / 255
        errors.append(float(np.abs(alpha - golden[f"q{index}/pha/val"]).max()))
    return {
        "same": max(errors) < MATTE_TOLERANCE,
        "alpha_errors": [round(error, 5) for error in errors],
    }


def _against(network: Segmenter, exact: Segmenter, loaded: Loaded) -> dict[str, Any]:
    """Compare the masks of all people with those that the processor computes."""
    photo = loaded.photo()[None]
    ours, theirs = (each.segment(photo)[0] for each in (network, exact))
    differing = np.mean((ours.union() >= 128) != (theirs.union() >= 128))
    return {
        "same": len(ours) == len(theirs) and bool(differing <= SAME_MASK),
        "objects": len(ours),
        "on_the_processor": len(theirs),
        "differing_pixels": round(float(differing), 6),
    }
