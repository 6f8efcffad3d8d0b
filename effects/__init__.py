"""What is done with a picture once its foreground is known: numpy and OpenCV, nothing else.

One picture, with a mask from wherever:

    import effects

    shown = effects.apply("blur=0.6", image, mask)        # (H, W, 3) uint8 RGB
    cut = effects.apply("cutout", image, mask)            # (H, W, 4) uint8, straight alpha

`image` is (H, W, 3) uint8 RGB; `mask` (H, W) is what is foreground: bool, float in [0, 1] or uint8.
By their names on the command line: `blur[=STRENGTH]` with a strength in (0, 1], `grey`,
`replace=PHOTO[,contain][,left]...` or `replace=#RRGGBB`, `mask`, `cutout`, `overlay`, `none`.

An effect of one's own is anything that is called in the same way:

    class Negative:
        has_alpha = False                                 # the result has three channels

        def __call__(self, image, alpha, time_s):         # alpha: (H, W) uint8, 255 = foreground
            return effects.blend(image, 255 - image, alpha)

What there is; each has a help of its own:

    apply                    an effect on one picture, from plain arrays
    Effect, PlanarEffect     what an effect is; one that also works on luma and chroma
    Blur, Grey, Replace, Mask, Cutout, Overlay, Unchanged
                             the effects; called with image, alpha and time_s
    parse_effect, EFFECTS    an effect by its name
    Background               what `Replace` takes beside a photo: a background that moves
    Front                    a picture with alpha over everything
    Placing                  where a picture of other proportions goes in a frame
    blend, over_black        one picture over another, over black
    draw_instances           boxes, masks and texts drawn on a picture
"""

from __future__ import annotations

from effects.background.blur import Blur
from effects.background.grey import Grey
from effects.background.replace import Background, Replace
from effects.composite import blend
from effects.effect import Effect, PlanarEffect
from effects.on_arrays import apply
from effects.over.draw import draw_instances
from effects.over.front import Front
from effects.over.overlay import Overlay
from effects.parse import EFFECTS, parse_effect
from effects.picture.cutout import Cutout, over_black
from effects.picture.mask import Mask
from effects.picture.unchanged import Unchanged
from effects.placing import Placing

__all__ = [
    "EFFECTS",
    "Background",
    "Blur",
    "Cutout",
    "Effect",
    "Front",
    "Grey",
    "Mask",
    "Overlay",
    "Placing",
    "PlanarEffect",
    "Replace",
    "Unchanged",
    "apply",
    "blend",
    "draw_instances",
    "over_black",
    "parse_effect",
]
