"""Boxes in pixels and normalised ones."""

from __future__ import annotations

import numpy as np

from segmentation.mask_rcnn.box_coordinates import denormalise, normalise


def test_normalised_corners() -> None:
    whole = np.array([[0, 0, 20, 30], [5, 6, 7, 8]])
    normalised = normalise(whole, (20, 30))
    np.testing.assert_array_equal(normalised[0], [0, 0, 1, 1])
    np.testing.assert_array_equal(denormalise(normalised, (20, 30)), whole)
