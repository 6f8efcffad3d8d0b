"""What a person sees of an output, in the window and on the control page, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import over_black
from effects.placing import square_hw, squared
from segmentation.picture import RgbPicture
from stream.foreground import Picked
from stream.frame import Output
from stream.framing.cropped import cropped_instances
from stream.live.hud import mark_instances
from stream.yuv420 import YuvPicture

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class View:
    """How it is looked at.

    Attributes:
        mask: the mask is shown in the place of the picture.
        objects: all that was found is drawn into it.
        is_mirrored: left is right.
    """

    mask: bool = False
    objects: bool = False
    is_mirrored: bool = False

    def of(self, output: Output, shown: Image, picked: Picked, classes: Sequence[str]) -> Image:
        """Return what is seen.

        Args:
            output: what is shown.
            shown: its picture or its mask, (h, w, 3) uint8 RGB, of any size; not written to.
            picked: which objects are foreground.
            classes: names by label.
        """
        if self.is_mirrored:  # before there is text on it
            shown = np.asarray(cv2.flip(shown, 1), np.uint8)
        if self.objects and output.found is not None:
            chosen = picked.chosen(output.found)
            found = cropped_instances(output.found, output.crop)
            found = found.mirrored() if self.is_mirrored else found
            shown = mark_instances(shown, found, chosen, classes)
        return shown

    def image(self, output: Output) -> Image:
        """Return picture or mask of an output, (H, W, 3) uint8 RGB of square pixels."""
        if self.mask:
            return squared(self._alpha(output), output.frame.pixel_aspect)
        return over_black(output.in_square_pixels().in_srgb.rgb)

    def small_image(self, output: Output, max_side: int) -> Image:
        """Return it no larger than that; takes the less time the smaller."""
        height, width = square_hw(output.picture.size_hw, output.frame.pixel_aspect)
        scale = min(1.0, max_side / max(height, width))
        size_hw = max(1, round(height * scale)), max(1, round(width * scale))
        if self.mask:
            return RgbPicture(self._alpha(output)).shrunk(size_hw)
        picture = output.in_srgb
        # of its own: others may ask the picture itself for something at the same time
        if isinstance(picture, YuvPicture):
            return YuvPicture(*picture.planes, picture.coding).shrunk(size_hw)
        return over_black(RgbPicture(picture.rgb).shrunk(size_hw))

    def _alpha(self, output: Output) -> Image:
        size_hw = output.picture.size_hw
        alpha = output.alpha if output.alpha is not None else np.zeros(size_hw, np.uint8)
        return np.asarray(cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), np.uint8)
