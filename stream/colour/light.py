"""What a file says of how bright its pictures are and of the screen that they were made on.

Sources: SMPTE ST 2086 (the screen), CTA-861.3 (the brightest pixel, and frame on average).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_USUAL_PEAK_NITS = 1000.0

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_SCREEN = re.compile(r"\[info\] +Mastering display metadata: has_primaries:([01])", re.IGNORECASE)
_XY = re.compile(rf"\b(r|g|b|wp)\({_NUMBER},? ?{_NUMBER}\)")
_LUMINANCE = re.compile(rf"has_luminance:1 .*min_luminance={_NUMBER}, max_luminance={_NUMBER}")
_LEVELS = re.compile(
    r"\[info\] +Content light level metadata: MaxCLL=(\d+), MaxFALL=(\d+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Light:
    """How bright pictures are; 0 and `None` where the file does not say.

    Attributes:
        points: x and y of red, green, blue and white of the screen.
        darkest_nits: luminance of its black in cd/m2.
        brightest_nits: of its white.
        max_cll: of the brightest pixel of all frames.
        max_fall: of the brightest frame on average.
    """

    points: tuple[tuple[float, float], ...] | None = None
    darkest_nits: float = 0.0
    brightest_nits: float = 0.0
    max_cll: int = 0
    max_fall: int = 0

    @property
    def peak_nits(self) -> float:
        """Luminance of the brightest pixel, as far as it is known."""
        return self.max_cll or self.brightest_nits or _USUAL_PEAK_NITS


def light_of(lines: Sequence[str]) -> Light:
    """Return what ffmpeg's log says of the frames that it gives, else of the container."""
    points: tuple[tuple[float, float], ...] | None = None
    darkest = brightest = 0.0
    max_cll = max_fall = 0
    for line in lines:  # what stands further down is of the frames
        if match := _SCREEN.match(line):
            found = {name: (float(x), float(y)) for name, x, y in _XY.findall(line)}
            if match[1] == "1" and len(found) == 4:
                points = tuple(found[name] for name in ("r", "g", "b", "wp"))
            if luminance := _LUMINANCE.search(line):
                darkest, brightest = float(luminance[1]), float(luminance[2])
        elif match := _LEVELS.match(line):
            max_cll, max_fall = int(match[1]), int(match[2])
    return Light(points, darkest, brightest, max_cll, max_fall)
