"""How well masks agree with the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def intersection_over_union(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return the Jaccard index of two boolean arrays of one shape; 1 when both are empty."""
    union = int(np.count_nonzero(mask | truth))
    return int(np.count_nonzero(mask & truth)) / union if union else 1.0
