"""The background blurred, without a halo of the person in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.composite import blend_onto, per_channel
from effects.effect import Image, Pixels, Planar, check

#: Standard deviation of the blur at strength 1, as a share of the frame's height.
MAX_SIGMA = 0.05
#: Radius of the blur, in standard deviations.
REACH = 3.0
#: How fast the weight of a pixel falls with its alpha: from a quarter on it counts nothing.
WEIGHT_SLOPE = 4.0
#: Blurred weight, of 255, below which too little background is within reach to know its colour.
MIN_WEIGHT = 0.25
#: By how much a halving, the rounded mean of four whole values, is too bright on average.
HALVING_BIAS = 1 / 8
#: A weaker blur does not reach across the pixels beside the foreground that count as foreground;
#: there this one stands in. It is also strong enough to be computed on a halved frame.
MIN_REACHING_SIGMA_PX = 2.0


class Blur:
    """Blurs the background."""

    has_alpha = False
    has_light = True

    def __init__(self, strength: float = 0.5) -> None:
        """Choose how much.

        Args:
            strength: in (0, 1]. The blur is a Gaussian with a standard deviation of
                `strength * 0.05` of the frame's height (18 pixels of 720 at 0.5), so that the
                same strength looks the same at every size.

        Raises:
            ValueError: `strength` is outside (0, 1].
        """
        if not 0 < strength <= 1:
            raise ValueError(f"strength must be in (0, 1], got {strength}")
        self.strength = strength

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Return (H, W, 3): the frame where alpha is 255, its blur where alpha is 0."""
        check(image, alpha)
        (blurred,) = self.on_planes(_OnePlane(image), alpha)
        return blurred

    def on_planes(self, picture: Planar, alpha: NDArray[np.uint8]) -> list[Pixels]:
        """Do the same for planes; see `PlanarEffect`. They may have channels, (h, w, C)."""
        num_halvings, sigma_px = 0, self.strength * MAX_SIGMA * alpha.shape[0]
        while sigma_px >= 2 * MIN_REACHING_SIGMA_PX:
            num_halvings, sigma_px = num_halvings + 1, sigma_px / 2
        alphas = [alpha]  # each half of the one before
        blurs: dict[int, BackgroundBlur] = {}  # by how often alpha was halved
        results = []
        for index, plane in enumerate(picture.planes):
            level = int(plane.shape[:2] != alpha.shape)
            coarsest = max(level, num_halvings)
            while len(alphas) <= coarsest:
                alphas.append(_half(alphas[-1]))
            if coarsest not in blurs:
                sigma = sigma_px / 2 ** (coarsest - num_halvings)
                blurs[coarsest] = BackgroundBlur(alphas[coarsest], sigma)
            blurred = blurs[coarsest](picture.halved_planes(coarsest)[index])
            bias = HALVING_BIAS * (coarsest - level)
            result = _enlarged(blurred, plane.shape[:2], bias, plane.dtype)
            blend_onto(result, plane, alphas[level])
            results.append(result)
        return results


class _OnePlane:
    """An image as the one plane of a picture."""

    def __init__(self, image: Image) -> None:
        self.planes = [image]

    def halved_planes(self, times: int) -> list[Image]:
        (image,) = self.planes
        for _ in range(times):
            image = _half(image)
        return [image]


class BackgroundBlur:
    """Blurs images of which only the background counts.

    Normalised convolution (Knutsson and Westin, "Normalized and differential convolution", CVPR
    1993): every pixel weighs as much as it is background, and the blurred sum is divided by the
    blurred weights. The foreground weighs nothing, so nothing of it bleeds out.

    Args:
        alpha: (H, W) uint8, 255 = foreground.
        sigma_px: standard deviation in pixels.
    """

    def __init__(self, alpha: NDArray[np.uint8], sigma_px: float) -> None:
        """Compute the weights."""
        self._sigma_px = sigma_px
        # Pixels beside the foreground hold some of its colour: only what is surely background
        # counts.
        near = cv2.dilate(alpha, np.ones((3, 3), np.uint8))
        weight = cv2.bitwise_not(cv2.convertScaleAbs(near, alpha=WEIGHT_SLOPE)).astype(np.float32)
        blurred = self._gaussian(weight)
        self._weight = weight
        self._scale = np.reciprocal(np.maximum(blurred, np.float32(MIN_WEIGHT)))
        self._is_beyond = cv2.inRange(blurred, 0, MIN_WEIGHT)
        self._beyond: Callable[[NDArray[np.float32]], NDArray[np.float32]] = self._gaussian
        if sigma_px < MIN_REACHING_SIGMA_PX:
            self._beyond = BackgroundBlur(alpha, MIN_REACHING_SIGMA_PX)

    def __call__(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Blur (H, W) or (H, W, C), at least 0; plainly where too little background is near."""
        image = image.astype(np.float32)
        blurred = self._gaussian(image * per_channel(self._weight, image))
        blurred *= per_channel(self._scale, image)
        return np.asarray(cv2.copyTo(self._beyond(image), self._is_beyond, blurred))

    def _gaussian(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        size = 2 * math.ceil(REACH * self._sigma_px) + 1
        return np.asarray(cv2.GaussianBlur(array, (size, size), self._sigma_px))


def _enlarged(
    blurred: NDArray[np.float32], size_hw: tuple[int, ...], bias: float, dtype: np.dtype[Any]
) -> Pixels:
    """Return `blurred` less `bias` at `size_hw`, rounded to `dtype`.

    Not before it has twice its size: whole values that far apart would flicker in blotches, which
    cost an encoder a fifteenth of a file. Nor after: bytes are enlarged in half the time.
    """
    height, width = blurred.shape[:2]
    is_near = size_hw[0] <= 2 * height
    size = size_hw[::-1] if is_near else (2 * width, 2 * height)
    enlarged = cv2.resize(blurred, size)
    if dtype == np.uint8:
        rounded = cv2.convertScaleAbs(enlarged, beta=-bias)
    else:
        rounded = np.maximum(enlarged + np.float32(0.5 - bias), 0).astype(dtype)
    return np.asarray(rounded if is_near else cv2.resize(rounded, size_hw[::-1]))


def _half(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = array.shape[:2]
    return np.asarray(cv2.resize(array, (math.ceil(width / 2), math.ceil(height / 2))), np.uint8)
