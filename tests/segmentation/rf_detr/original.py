"""How results are held against those of RF-DETR's own program."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.golden.comparison import Tolerance, sampled_error
from tests.golden.reference import Golden

TOLERANCE = Tolerance(score=5e-4, box_px=0.1, mask=0.005)
#: relative to the largest value, up to the proposals and from the decoder on
EARLY, LATE = 1e-4, 5e-4
#: names of what the network returns
OUTPUTS = ("pred_boxes", "pred_logits", "pred_masks")


def recipe_of(name: str) -> str:
    """Return the recipe of a network's weights."""
    return name.replace("rf-detr", "rfdetr").replace("-", "_")


def error(golden: Golden, name: str, values: NDArray[Any]) -> float:
    """Return how far a tensor is off; windows and images may be an axis of their own."""
    shape = golden[name].shape if name in golden else tuple(golden[f"{name}/shape"])
    return sampled_error(golden, name, values.reshape(shape))


def at_the_edge(golden: Golden) -> Golden:
    """Return the same, but boxes beyond the photo's edge, of no width, as its outermost pixels."""
    boxes = golden["final_boxes_xyxy"].copy()
    height, width = golden["image"].shape[:2]
    for side, extent in ((0, width), (1, height)):
        is_beyond = boxes[:, side] == boxes[:, side + 2]
        boxes[is_beyond, side] = np.minimum(boxes[is_beyond, side], extent - 1)
        boxes[is_beyond, side + 2] = boxes[is_beyond, side] + 1
    return {**golden, "final_boxes_xyxy": boxes}
