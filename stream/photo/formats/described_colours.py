"""Colours that a file describes in a few numbers, without a profile, and what they are in sRGB.

Sources: ITU-T H.273 (tables 2 and 3), the PNG specification (gAMA, cHRM, cICP), IEC 61966-2-5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.colour.curves import (
    HLG_GAMMA,
    HLG_NITS,
    WHITE_NITS,
    hlg_to_scene,
    light_to_srgb,
    pq_to_light,
    srgb_to_light,
)
from stream.colour.primaries import ADOBE_RGB, BY_NUMBER, SRGB, Points, to_srgb_matrix
from stream.colour.tone_curve import gain

Floats = NDArray[np.float32]
_LINEAR, _PQ, _HLG = 8, 16, 18
_GAMMAS = {4: 2.2, 5: 2.8}
_ADOBE_GAMMA = 563 / 256
#: How far numbers may be from those of sRGB and still mean them.
_GAMMA_TOLERANCE, _POINT_TOLERANCE = 0.01, 0.003
# The brightest that PQ pictures are taken to have, and HLG pictures do.
_BRIGHTEST = HLG_NITS / WHITE_NITS
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
            screen = np.maximum(luma, 1e-6) ** (HLG_GAMMA - 1) * (HLG_NITS / WHITE_NITS)
            light = np.asarray(light * screen[..., None], np.float32)
        if self.matrix is not None:
            light = np.asarray(cv2.transform(light, self.matrix), np.float32)
        light = np.asarray(np.maximum(light, 0), np.float32)
        if not self.is_hdr:
            return np.asarray(np.minimum(light, 1), np.float32)
        share = gain(np.asarray(light.max(axis=2)), _BRIGHTEST)
        return np.asarray(np.minimum(light * share[..., None], 1), np.float32)


def of_code_points(primaries: int, transfer: int) -> DescribedColours | None:
    """Return the colours that two numbers of H.273 mean, `None` for sRGB and what is not known.

    The transfer of BT.709 counts as that of sRGB, as everybody shows it.
    """
    points = BY_NUMBER.get(primaries)
    curves: dict[int, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        _LINEAR: lambda values: values,
        _PQ: pq_to_light,
        _HLG: hlg_to_scene,
        **{number: _power(gamma) for number, gamma in _GAMMAS.items()},
    }
    curve = curves.get(transfer)
    if points is None and curve is None:
        return None
    matrix = None if points is None else to_srgb_matrix(points)
    return DescribedColours(curve, matrix, transfer in (_PQ, _HLG), transfer == _HLG)


def of_adobe_rgb() -> DescribedColours:
    """Return the colours of Adobe RGB (1998)."""
    return DescribedColours(_power(_ADOBE_GAMMA), to_srgb_matrix(ADOBE_RGB))


def of_gamma(gamma: float | None, points: Points | None) -> DescribedColours | None:
    """Return the colours of an encoding gamma (1 / 2.2) and of primaries, `None` for sRGB.

    Args:
        gamma: light to that power are the values; `None` where nothing is said.
        points: likewise.
    """
    is_srgb = gamma is None or abs(gamma - 1 / 2.2) < _GAMMA_TOLERANCE or gamma <= 0
    matrix = None if points is None or _is_srgb(points) else to_srgb_matrix(points)
    if is_srgb and matrix is None:
        return None
    return DescribedColours(None if is_srgb or gamma is None else _power(1 / gamma), matrix)


def _is_srgb(points: Points) -> bool:
    numbers, wanted = (np.array([*corners, white]) for corners, white in (points, SRGB))
    # what has no height is no colour: nothing is said
    return bool((abs(numbers - wanted) < _POINT_TOLERANCE).all() or (numbers[:, 1] <= 0).any())


def _power(exponent: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda values: np.asarray(values**exponent)
