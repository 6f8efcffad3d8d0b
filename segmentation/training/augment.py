"""Random changes of training photos: other people pasted in, geometry, light and colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

#: Scales of most crops, 1 for the whole photo, and of the share that looks at a part of it
SCALES, CLOSE_SCALES, CLOSE_SHARE = (0.8, 1.6), (1.6, 2.6), 0.12
#: Scales of what is pasted, 1 for as large as the photo
PASTE_SCALES = (0.4, 1.2)
#: What moves from one frame to the next by more than so many pixels does not stand still
MOVED_PX = 0.1

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Geometry:
    """An affine map from a photo to a crop, the same for the photo and its mask.

    Attributes:
        matrix: (2, 3) float64, from photo pixels to crop pixels.
        crop_hw: size of the crop, in pixels.
        shrink: photo pixels to a crop pixel, at least 1.
    """

    matrix: NDArray[np.float64]
    crop_hw: tuple[int, int]
    shrink: float

    @classmethod
    def at_random(
        cls, size_hw: tuple[int, int], crop_hw: tuple[int, int], rng: np.random.Generator
    ) -> Self:
        """Draw a scale, aspect, rotation, flip and place for a photo of `size_hw`.

        Most crops show nearly the whole photo, as the network sees it when it is used; where
        photo and crop differ in aspect, the part that fills the crop.
        """
        height, width = size_hw
        whole = np.sqrt(crop_hw[0] * crop_hw[1] / (height * width))
        scales = CLOSE_SCALES if rng.random() < CLOSE_SHARE else SCALES
        scale = whole * np.exp(rng.uniform(*np.log(scales)))
        scale = max(scale, 0.85 * max(crop_hw[0] / height, crop_hw[1] / width))
        stretch = np.exp(rng.uniform(-0.15, 0.15))
        flip = -1 if rng.random() < 0.5 else 1
        angle = np.deg2rad(np.clip(rng.normal(0, 10), -30, 30)) if rng.random() < 0.5 else 0.0
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turn @ np.diag([flip * scale * stretch, scale / stretch])
        # the crop's centre moves as far as the photo reaches beyond the crop
        seen = np.array(crop_hw[::-1]) / scale
        reach = np.maximum(np.array([width, height]) - seen, 0.1 * seen) / 2
        centre = np.array([width, height]) / 2 + rng.uniform(-1, 1, 2) * reach
        offset = np.array(crop_hw[::-1]) / 2 - linear @ centre
        return cls(np.column_stack([linear, offset]), crop_hw, max(1.0, 1 / scale))

    def warp(self, image: Image, fill: int | tuple[int, ...] | None = None) -> Image:
        """Return the crop; beyond the photo's border it is `fill`, or mirrored without that."""
        if self.shrink > 1.5:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * self.shrink), np.uint8)
        return np.asarray(
            cv2.warpAffine(
                image,
                self.matrix,
                self.crop_hw[::-1],
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101 if fill is None else cv2.BORDER_CONSTANT,
                borderValue=0 if fill is None else fill,
            ),
            np.uint8,
        )


def place_at_random(
    size_hw: tuple[int, int],
    other_mask: Image,
    rng: np.random.Generator,
    scales: tuple[float, float] = PASTE_SCALES,
) -> NDArray[np.float64]:
    """Draw where in a photo of `size_hw` what another photo's mask shows is pasted.

    Ghiasi et al. 2021, "Simple Copy-Paste is a Strong Data Augmentation Method", section 3.

    Args:
        size_hw: in pixels.
        other_mask: (H, W) uint8.
        rng: of everything random.
        scales: range of the scale, 1 for the largest at which all of the other photo is in sight.

    Returns:
        (2, 3), from pixels of the other photo to those of this one.
    """
    height, width = size_hw
    fit = min(height / other_mask.shape[0], width / other_mask.shape[1])
    scale = fit * np.exp(rng.uniform(*np.log(scales)))
    flip = -1 if rng.random() < 0.5 else 1
    left = rng.uniform(-0.3, 0.8) * width + (other_mask.shape[1] * scale if flip < 0 else 0)
    # whoever is cut off by the lower border of their photo stays cut off by one
    reaches_down = bool(other_mask[-1].any())
    top = height - other_mask.shape[0] * scale if reaches_down else rng.uniform(-0.2, 0.5) * height
    return np.array([[flip * scale, 0, left], [0, scale, top]])


def paste(
    image: Image, other: Image, other_mask: Image, place: NDArray[np.float64]
) -> tuple[Image, Image]:
    """Return `image` with what `other_mask` (255 inside) shows of `other`, and that mask in it."""
    size = (image.shape[1], image.shape[0])
    pasted = cv2.warpAffine(other, place, size, borderMode=cv2.BORDER_REPLICATE)
    front = cv2.warpAffine(other_mask, place, size)
    front = cv2.GaussianBlur(front, (3, 3), 0)
    share = front[:, :, None].astype(np.float32) / 255
    mixed = pasted * share + image * (1 - share)
    return mixed.astype(np.uint8), np.asarray(front, np.uint8)


def occluder(size_hw: tuple[int, int], rng: np.random.Generator) -> Image:
    """Draw what may stand in front of people or beside them: an arm, a pole, the back of a chair.

    Returns:
        (H, W) uint8, 255 inside; it often reaches in from the border.
    """
    height, width = size_hw
    side = min(size_hw)
    shape = np.zeros(size_hw, np.uint8)
    centre = rng.uniform(0, 1, 2) * (width, height)
    if rng.random() < 0.6:
        edge = int(rng.integers(4))
        centre[edge % 2] = (0.0, float((width, height)[edge % 2]))[edge // 2]
    middle = (int(centre[0]), int(centre[1]))
    if rng.random() < 0.5:
        axes = (int(side * rng.uniform(0.04, 0.3)), int(side * rng.uniform(0.04, 0.3)))
        cv2.ellipse(shape, middle, axes, rng.uniform(0, 180), 0, 360, 255, -1)
    else:
        end = rng.uniform(0.1, 0.9, 2) * (width, height)
        thickness = max(2, int(side * rng.uniform(0.02, 0.14)))
        cv2.line(shape, middle, (int(end[0]), int(end[1])), 255, thickness)
    return shape


def hanging(size_hw: tuple[int, int], rng: np.random.Generator) -> tuple[Image, Image]:
    """Draw what may hang behind people in the colours of clothes: a flag, a curtain, a banner.

    Returns:
        (H, W, 3) uint8 RGB, in folds, and (H, W) uint8, 255 inside; one in two hangs from above
        the picture to below it, at one side.
    """
    height, width = size_hw
    side = min(size_hw)
    y, x = np.mgrid[:height, :width].astype(np.float32) / side
    bend = 0.04 * np.sin(2 * np.pi * (y / rng.uniform(0.2, 1) + rng.uniform()))
    folds = 1 + rng.uniform(0, 0.4) * np.sin(2 * np.pi * (x + bend) / rng.uniform(0.05, 0.3))
    cloth = _pattern(x + bend, y, rng) * folds[:, :, None]
    shape = np.zeros(size_hw, np.uint8)
    if rng.random() < 0.5:
        middle = float(width * rng.integers(2)), height / 2
        sides, tilt = (side * rng.uniform(0.3, 1.2), 2.0 * height), rng.normal(0, 8)
    else:
        middle = width * rng.random(), height * rng.random()
        sides = side * rng.uniform(0.15, 0.6), side * rng.uniform(0.3, 1.5)
        tilt = rng.normal(0, 20)
    cv2.fillConvexPoly(shape, cv2.boxPoints((middle, sides, tilt)).astype(np.int32), 255)
    return np.clip(cloth, 0, 255).astype(np.uint8), shape


def _pattern(
    x: NDArray[np.float32], y: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return stripes of a few colours, and in some a corner with rows of dots, (H, W, 3)."""
    angle = rng.uniform(0, np.pi)
    across = x * np.cos(angle) + y * np.sin(angle)
    along = y * np.cos(angle) - x * np.sin(angle)
    colours = rng.integers(0, 256, (int(rng.integers(1, 5)), 1, 3), np.uint8)
    if rng.random() < 0.7:
        colours = _saturate(colours, 1.6)
    if rng.random() < 0.5:
        colours[0] = rng.integers(200, 256)  # white beside them
    stripe = (across / np.exp(rng.uniform(np.log(0.04), np.log(0.3)))).astype(np.int64)
    cloth = np.asarray(colours[stripe % len(colours), 0], np.float32)
    if rng.random() < 0.4:
        corner = (across > rng.uniform(0, 1)) & (along < rng.uniform(0, 1))
        cloth[corner] = _saturate(rng.integers(0, 160, (1, 1, 3), np.uint8), 1.6)[0, 0]
        apart = rng.uniform(0.05, 0.15)
        to_dot = np.hypot((across / apart) % 1 - 0.5, (along / apart) % 1 - 0.5)
        cloth[corner & (to_dot < 0.25)] = rng.integers(200, 256)
    return cloth


def change_colours(image: Image, rng: np.random.Generator) -> Image:
    """Return `image` under another light and through a worse camera."""
    low_light = rng.random() < 0.1
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.uniform(-0.5, 0.5))
    gain = rng.uniform(0.15, 0.5) if low_light else np.exp(rng.uniform(-0.35, 0.35))
    contrast = np.exp(rng.uniform(-0.4, 0.4))
    tint = np.exp(rng.normal(0, 0.08, 3))
    curve = ((levels**gamma * gain - 0.5) * contrast + 0.5)[:, None] * tint
    table = np.clip(curve * 255, 0, 255).astype(np.uint8)[None]
    image = np.asarray(cv2.LUT(image, table), np.uint8)
    if rng.random() < 0.3:
        image = _saturate(image, 0.0 if rng.random() < 0.2 else rng.uniform(0.3, 1.8))
    if rng.random() < 0.2:
        image = _blur(image, rng)
    if rng.random() < 0.1:
        image = _small_camera(image, rng)
    if low_light or rng.random() < 0.15:
        image = _noisy(image, rng, rng.uniform(3, 14))
    if rng.random() < 0.2:
        image = _compressed(image, int(rng.integers(15, 85)))
    return image


def _small_camera(image: Image, rng: np.random.Generator) -> Image:
    """Return the image as of a camera that has fewer pixels and enlarges them."""
    shrink = rng.uniform(1.3, 3.0)
    size = (max(1, round(image.shape[1] / shrink)), max(1, round(image.shape[0] / shrink)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, image.shape[1::-1]), np.uint8)


def _noisy(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Return the image with a sensor's noise, or with the blotches that a webcam makes of it."""
    if rng.random() < 0.5:
        noise = rng.standard_normal(image.shape, np.float32)
    else:
        half = (image.shape[0] // 2 + 1, image.shape[1] // 2 + 1, 3)
        noise = cv2.resize(rng.standard_normal(half, np.float32), image.shape[1::-1])
    return np.clip(image + noise * strength, 0, 255).astype(np.uint8)


def next_frame(image: Image, rng: np.random.Generator) -> tuple[Image, NDArray[np.bool_]]:
    """Draw what a camera at rest may show one frame later.

    Something moves, somebody's arm or what is behind them; there is more noise, hardly another
    light, and often other traces of compression.

    Returns:
        (H, W, 3) uint8 RGB, and (H, W), where something moved.
    """
    later, moved = image, np.zeros(image.shape[:2], np.bool_)
    if rng.random() < 0.7:
        later, moved = _moved(image, rng)
    light = np.exp(rng.normal(0, 0.01))
    later = np.clip(later * np.float32(light) + 0.5, 0, 255).astype(np.uint8)
    later = _noisy(later, rng, rng.uniform(0.3, 3))
    if rng.random() < 0.3:
        later = _compressed(later, int(rng.integers(60, 95)))
    return later, moved


def _moved(image: Image, rng: np.random.Generator) -> tuple[Image, NDArray[np.bool_]]:
    """Return the image with what is around one place moved, less the farther away it is."""
    height, width = image.shape[:2]
    reach = min(height, width) * rng.uniform(0.05, 0.2)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    away = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height))
    # less than the reach, or what is moved would be folded over
    distance = reach * rng.uniform(0.1, 0.8) * np.exp(-0.5 * (away / reach) ** 2)
    distance = distance.astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    later = cv2.remap(
        image,
        x + np.float32(np.cos(angle)) * distance,
        y + np.float32(np.sin(angle)) * distance,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(later, np.uint8), distance > MOVED_PX


def _compressed(image: Image, quality: int) -> Image:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, 1), np.uint8)


def _saturate(image: Image, strength: float) -> Image:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, strength, grey, 1 - strength, 0), np.uint8)


def _blur(image: Image, rng: np.random.Generator) -> Image:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.0)), np.uint8)
    kernel = np.zeros((9, 9), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = rng.uniform(1, 4) * np.array([np.cos(angle), np.sin(angle)])
    start, end = (tuple(round(4 + sign * part) for part in reach) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
