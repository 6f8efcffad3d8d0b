"""What red, green, blue and white of a picture are, and their light in others.

Source: ITU-T H.273, table 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
#: x and y of red, green and blue, and of white.
Points = tuple[Sequence[tuple[float, float]], tuple[float, float]]

_D65 = (0.3127, 0.3290)
SRGB: Points = (((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)), _D65)
#: IEC 61966-2-5, annex A: Adobe RGB (1998).
ADOBE_RGB: Points = (((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)), _D65)
#: By the standard's numbers; those of sRGB, and of BT.709, are left out.
BY_NUMBER: dict[int, Points] = {
    4: (((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), (0.310, 0.316)),
    5: (((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)), _D65),
    6: (((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), _D65),
    7: (((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), _D65),
    9: (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), _D65),
    11: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.314, 0.351)),
    12: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65),
}


def to_srgb_matrix(points: Points) -> Matrix | None:
    """Return (3, 3), from light of these primaries to that of sRGB; `None` of no colours."""
    try:
        return np.asarray(np.linalg.inv(_to_xyz(SRGB)) @ _adapted(points) @ _to_xyz(points))
    except np.linalg.LinAlgError:  # three colours on a line
        return None


def luma_weights(points: Points) -> NDArray[np.float64]:
    """Return (3,), what red, green and blue light count in luminance."""
    return np.asarray(_to_xyz(points)[1])


def _to_xyz(points: Points) -> Matrix:
    corners = np.array([_xyz(*xy) for xy in points[0]]).T
    return np.asarray(corners * np.linalg.solve(corners, _xyz(*points[1])))


def _adapted(points: Points) -> Matrix:
    """Return the matrix that makes their white that of sRGB (Bradford, ICC.1:2022, annex E)."""
    cones = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    scale = (cones @ _xyz(*_D65)) / (cones @ _xyz(*points[1]))
    return np.asarray(np.linalg.inv(cones) @ np.diag(scale) @ cones)


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])
