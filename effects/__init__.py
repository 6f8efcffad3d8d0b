"""What is done with a frame once its foreground is known: numpy and OpenCV, nothing else."""

from __future__ import annotations

from effects.blur import Blur
from effects.composite import blend
from effects.cutout import Cutout, over_black
from effects.draw import draw_instances
from effects.effect import Effect, PlanarEffect
from effects.grey import Grey
from effects.mask import Mask
from effects.overlay import Overlay
from effects.parse import EFFECTS, parse_effect
from effects.replace import Background, Replace
from effects.unchanged import Unchanged

__all__ = [
    "EFFECTS",
    "Background",
    "Blur",
    "Cutout",
    "Effect",
    "Grey",
    "Mask",
    "Overlay",
    "PlanarEffect",
    "Replace",
    "Unchanged",
    "blend",
    "draw_instances",
    "over_black",
    "parse_effect",
]
