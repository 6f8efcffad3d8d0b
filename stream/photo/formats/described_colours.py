"""Colours that a file describes in a few numbers, without a profile, and what they are in sRGB.

Sources: ITU-T H.273 (tables 2 and 3), the PNG specification (gAMA, cHRM, cICP), ITU-R BT.2100
(PQ and HLG), BT.2408 (203 cd/m2 are the white of a page).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
#: x and y of red, green and blue, and of white.
Points = tuple[Sequence[tuple[float, float]], tuple[float, float]]

_D65 = (0.3127, 0.3290)
_SRGB: Points = (((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)), _D65)
_POINTS: dict[int, Points] = {
    4: (((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), (0.310, 0.316)),
    5: (((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)), _D65),
    6: (((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), _D65),
    7: (((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), _D65),
    9: (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), _D65),
    11: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.314, 0.351)),
    12: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65),
}
_LINEAR, _PQ, _HLG = 8, 16, 18
_GAMMAS = {4: 2.2, 5: 2.8}
#: How far numbers may be from those of sRGB and still mean them.
_GAMMA_TOLERANCE, _POINT_TOLERANCE = 0.01, 0.003
_WHITE_NITS, _PEAK_NITS, _HLG_NITS = 203.0, 10_000.0, 1000.0
_KNEE = 0.75  # of white: what is brighter is compressed
_ROWS = 64  # converted at a time, so that their numbers stay in the processor's cache


@dataclass(frozen=True, slots=True)
class DescribedColours:
    """Colours other than those of sRGB.

    Attributes:
        transfer: from values in [0, 1] to light, of which 1 is white; `None` for that of sRGB.
        matrix: (3, 3), from that light to that of sRGB; `None` where they have the same primaries.
        is_hdr: light may be brighter than white.
        is_hlg: the light is that of the scene.
    """

    transfer: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None
    matrix: NDArray[np.float64] | None
    is_hdr: bool = False
    is_hlg: bool = False

    def to_srgb(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return (H, W, 3) RGB in sRGB, of the same dtype, uint8 or uint16."""
        most = np.iinfo(image.dtype).max
        values = np.arange(most + 1) / most
        light = (srgb_to_light if self.transfer is None else self.transfer)(values)
        if self.matrix is None and not self.is_hdr:
            table = np.rint(light_to_srgb(light) * most).astype(image.dtype)
            return np.asarray(table[image])
        table = light.astype(np.float32)
        shown = np.empty_like(image)
        for top in range(0, len(image), _ROWS):
            rows = slice(top, top + _ROWS)
            shown[rows] = np.rint(light_to_srgb(self._light(table[image[rows]])) * most)
        return shown

    def _light(self, light: Floats) -> Floats:
        """Return light of other primaries as that of sRGB, in [0, 1]."""
        if self.is_hlg:
            luma = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
            gain = np.maximum(luma, 1e-6) ** 0.2 * (_HLG_NITS / _WHITE_NITS)
            light = np.asarray(light * gain[..., None], np.float32)
        if self.matrix is not None:
            light = np.asarray(cv2.transform(light, self.matrix), np.float32)
        light = np.asarray(np.maximum(light, 0), np.float32)
        if not self.is_hdr:
            return np.asarray(np.minimum(light, 1), np.float32)
        brightest = np.maximum(light.max(axis=2, keepdims=True), np.float32(1e-6))
        over = np.maximum(brightest - _KNEE, 0) / (1 - _KNEE)
        compressed = np.minimum(brightest, _KNEE) + (1 - _KNEE) * over / (over + 1)
        return np.asarray(np.minimum(light * (compressed / brightest), 1), np.float32)


def of_code_points(primaries: int, transfer: int) -> DescribedColours | None:
    """Return the colours that two numbers of H.273 mean, `None` for sRGB and what is not known.

    The transfer of BT.709 counts as that of sRGB, as everybody shows it.
    """
    points = _POINTS.get(primaries)
    curves: dict[int, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        _LINEAR: lambda values: values,
        _PQ: _from_pq,
        _HLG: _from_hlg,
        **{number: _power(gamma) for number, gamma in _GAMMAS.items()},
    }
    curve = curves.get(transfer)
    if points is None and curve is None:
        return None
    matrix = None if points is None else _to_srgb_matrix(points)
    return DescribedColours(curve, matrix, transfer in (_PQ, _HLG), transfer == _HLG)


def of_gamma(gamma: float | None, points: Points | None) -> DescribedColours | None:
    """Return the colours of an encoding gamma (1 / 2.2) and of primaries, `None` for sRGB.

    Args:
        gamma: light to that power are the values; `None` where nothing is said.
        points: likewise.
    """
    is_srgb = gamma is None or abs(gamma - 1 / 2.2) < _GAMMA_TOLERANCE or gamma <= 0
    matrix = None if points is None or _is_srgb(points) else _to_srgb_matrix(points)
    if is_srgb and matrix is None:
        return None
    return DescribedColours(None if is_srgb or gamma is None else _power(1 / gamma), matrix)


def _is_srgb(points: Points) -> bool:
    numbers, wanted = (np.array([*corners, white]) for corners, white in (points, _SRGB))
    # what has no height is no colour: nothing is said
    return bool((abs(numbers - wanted) < _POINT_TOLERANCE).all() or (numbers[:, 1] <= 0).any())


def _to_srgb_matrix(points: Points) -> NDArray[np.float64] | None:
    try:
        return np.asarray(np.linalg.inv(_to_xyz(_SRGB)) @ _adapted(points) @ _to_xyz(points))
    except np.linalg.LinAlgError:  # three colours on a line
        return None


def _to_xyz(points: Points) -> NDArray[np.float64]:
    corners = np.array([_xyz(*xy) for xy in points[0]]).T
    return np.asarray(corners * np.linalg.solve(corners, _xyz(*points[1])))


def _adapted(points: Points) -> NDArray[np.float64]:
    """Return the matrix that makes their white that of sRGB (Bradford, ICC.1:2022, annex E)."""
    cones = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    scale = (cones @ _xyz(*_D65)) / (cones @ _xyz(*points[1]))
    return np.asarray(np.linalg.inv(cones) @ np.diag(scale) @ cones)


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _power(exponent: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda values: np.asarray(values**exponent)


def srgb_to_light(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of sRGB values, both in [0, 1]."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def light_to_srgb(light: NDArray[Any]) -> NDArray[Any]:
    """Return the sRGB values of light, both in [0, 1]."""
    bent = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, light * 12.92, bent)


def _from_pq(values: NDArray[np.float64]) -> NDArray[np.float64]:
    root = values ** (1 / 78.84375)
    ratio = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return np.asarray(ratio ** (1 / 0.1593017578125) * (_PEAK_NITS / _WHITE_NITS))


def _from_hlg(values: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
