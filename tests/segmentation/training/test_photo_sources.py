"""Photos of several sources: which are held out."""

from __future__ import annotations

import numpy as np

from segmentation.training.photo_sources import held_out


def test_some_of_each_source_are_held_out():
    names = ["a"] * 81 + ["b", "a", "c"]
    assert np.flatnonzero(held_out(names)).tolist() == [0, 40, 80, 81, 83]
