"""How brighter light than a screen's white is brought onto that screen.

The curve of ITU-R BT.2390, section 5.4.1 (its "EETF"): dark and middle tones stay as they are, and
what is above a knee is compressed so that the brightest of the picture is the screen's white.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stream.colour.curves import Floats, light_to_pq, pq_to_light

_STEPS = 4096  # of the table, closer to each other the darker it is


def compressed(light: Floats, brightest: float) -> Floats:
    """Return light in [0, 1].

    Args:
        light: at least 0, 1 is white.
        brightest: that the picture has; what is brighter becomes white as well.
    """
    if brightest <= 1:
        return np.minimum(light, 1)
    source = float(light_to_pq(np.array(brightest)))
    white = float(light_to_pq(np.array(1.0))) / source
    knee = 1.5 * white - 0.5
    values = np.minimum(light_to_pq(np.maximum(light, 0)) / source, 1)
    part = np.maximum(values - knee, 0) / (1 - knee)
    bent = (
        (2 * part**3 - 3 * part**2 + 1) * knee
        + (part**3 - 2 * part**2 + part) * (1 - knee)
        + (3 * part**2 - 2 * part**3) * white
    )
    return np.minimum(pq_to_light(np.where(values < knee, values, bent) * source), 1)


@lru_cache(maxsize=16)
def _table(brightest: float) -> NDArray[np.float32]:
    light = np.maximum(np.linspace(0, 1, _STEPS) ** 2 * brightest, 1e-6)
    return np.asarray(compressed(light, brightest) / light, np.float32)


def gain(light: NDArray[np.float32], brightest: float) -> NDArray[np.float32]:
    """Return what light of at least 0 is multiplied by to be `compressed`, from a table."""
    brightest = max(brightest, 1.0)
    steps = np.sqrt(np.minimum(light * np.float32(1 / brightest), 1)) * (_STEPS - 1)
    return np.asarray(_table(brightest)[steps.astype(np.int32)])
