"""Curves between the values of pictures, in [0, 1], and light.

Light is a share of that of white: of a page's or of an SDR picture's, which has 203 cd/m2 ("nits")
in an HDR picture (ITU-R BT.2408). Sources: IEC 61966-2-1 (sRGB), ITU-R BT.2100 (PQ and HLG).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WHITE_NITS = 203.0
#: Of the value 1 in PQ, and of the screen that HLG is made for.
PQ_NITS, HLG_NITS = 10_000.0, 1000.0
#: Exponent of light of the scene in that of the screen, at `HLG_NITS`.
HLG_GAMMA = 1.2

_M1, _M2 = 0.1593017578125, 78.84375
_C1, _C2, _C3 = 0.8359375, 18.8515625, 18.6875
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073


def srgb_to_light(values: Floats) -> Floats:
    """Return the light of sRGB values, both in [0, 1]."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def light_to_srgb(light: NDArray[Any]) -> NDArray[Any]:
    """Return the sRGB values of light, both in [0, 1]."""
    bent = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, light * 12.92, bent)


def pq_to_light(values: Floats) -> Floats:
    """Return the light of PQ values, up to 10,000 nits."""
    root = values ** (1 / _M2)
    ratio = np.maximum(root - _C1, 0) / (_C2 - _C3 * root)
    return np.asarray(ratio ** (1 / _M1) * (PQ_NITS / WHITE_NITS))


def light_to_pq(light: Floats) -> Floats:
    """Return the PQ values of light, up to 10,000 nits."""
    power = (light * (WHITE_NITS / PQ_NITS)) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def hlg_to_scene(values: Floats) -> Floats:
    """Return the light of the scene, in [0, 1], of HLG values."""
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - _C) / _A) + _B) / 12)


def scene_to_hlg(light: Floats) -> Floats:
    """Return the HLG values of light of the scene, both in [0, 1]."""
    bent = _A * np.log(np.maximum(12 * light - _B, _B)) + _C
    return np.where(light <= 1 / 12, np.sqrt(3 * light), bent)
