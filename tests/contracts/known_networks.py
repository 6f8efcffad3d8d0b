"""Stand-ins for the networks of families: what they find is known, what is around them is real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segmentation.centermask.segmenter import CenterMask
from segmentation.mask_rcnn.segmenter import MaskRCNN
from segmentation.rf_detr.segmenter import RFDETR
from segmentation.rvm.published import VARIANTS
from segmentation.rvm.segmenter import RobustVideoMatting, check_options
from segmentation.segmenter import Options, Segmenter, check_classes
from segmentation.yolact.segmenter import YOLACT

CLASSES = ("cat", "dog", "bird")
NUM_ROWS = 6  # of which the last are padding
SIDE = 28  # of masks


class Row(NamedTuple):
    score: float
    label: int
    box: tuple[float, float, float, float]  # y1, x1, y2, x2 as fractions of the photo


def rows(brightness: float, least: NDArray[np.float32]) -> list[Row]:
    """Return what is found in a photo of that brightness, 0 to 1, best first."""
    found = [
        Row(0.1 + 0.8 * brightness, 0, (0.0, 0.0, 1.0, 1.0)),
        Row(0.58, 1, (0.25, 0.25, 0.75, 0.75)),
        Row(0.3, 2, (0.5, 0.0, 1.0, 0.5)),
        Row(0.2, 1, (0.0, 0.5, 0.5, 1.0)),
    ]
    return sorted((row for row in found if row.score >= least[row.label]), reverse=True)


def padded(values: Sequence[Any], padding: Any, dtype: type) -> NDArray[Any]:
    """Return (1, `NUM_ROWS`, ...) of values and padding."""
    return np.array([[*values, *[padding] * (NUM_ROWS - len(values))]], dtype)


def columns(found: list[Row], *, no_score: float, first_label: int) -> list[NDArray[Any]]:
    """Return boxes, scores and labels as networks give them."""
    return [
        padded([row.box for row in found], (0.0,) * 4, np.float32),
        padded([row.score for row in found], no_score, np.float32),
        padded([row.label + first_label for row in found], 0, np.int32),
    ]


def mask_rcnn(
    images: NDArray[np.uint8], windows: NDArray[np.float32], least: NDArray[np.float32]
) -> list[NDArray[Any]]:
    """See `segmentation.mask_rcnn.network.build_network`."""
    results = []
    for image, window, scores in zip(images, windows, least, strict=True):
        found = rows(float(image.mean()) / 255, scores[1:])
        boxes, *rest = columns(found, no_score=0.0, first_label=1)
        boxes = boxes * np.tile(window[2:] - window[:2], 2) + np.tile(window[:2], 2)
        masks = np.ones((1, NUM_ROWS, SIDE, SIDE), np.float32)
        results.append([boxes.astype(np.float32), *rest, masks])
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


def yolact(image: NDArray[np.float32], least: NDArray[np.float32]) -> list[NDArray[Any]]:
    """See `segmentation.yolact.network.build_network`."""
    found = rows(float(image.mean()) / 255, least[0])
    side = image.shape[1] // 4
    masks = np.zeros((1, NUM_ROWS, side, side), np.float32)
    for index, row in enumerate(found):
        y1, x1, y2, x2 = (round(edge * side) for edge in row.box)
        masks[0, index, y1:y2, x1:x2] = 0.9
    return [*columns(found, no_score=-1.0, first_label=0), masks]


def centermask(
    pixels: NDArray[np.float32], photo_hw: NDArray[np.float32], least: NDArray[np.float32]
) -> list[NDArray[Any]]:
    """See `segmentation.centermask.network.build_network`."""
    height, width = photo_hw[0].astype(int)
    brightness = float(pixels[0, :height, :width].mean()) / 255 + 0.45
    found = rows(min(max(brightness, 0.0), 1.0), least[0])
    boxes, *rest = columns(found, no_score=0.0, first_label=0)
    masks = np.full((1, NUM_ROWS, SIDE, SIDE), 0.9, np.float32)
    return [(boxes * np.tile(photo_hw[0], 2)).astype(np.float32), *rest, masks, rest[0] * 0.9]


def rf_detr(image: NDArray[np.float32]) -> list[NDArray[Any]]:
    """See `segmentation.rf_detr.network.build_network`."""
    found = rows(float(image.mean()), np.zeros(len(CLASSES), np.float32))
    y1, x1, y2, x2 = padded([row.box for row in found], (0.0,) * 4, np.float32)[0].T
    boxes = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)
    logits = np.full((NUM_ROWS, len(CLASSES)), -20, np.float32)
    for row, values in zip(found, logits, strict=False):
        values[row.label] = np.log(row.score / (1 - row.score))
    masks = np.full((1, NUM_ROWS, SIDE, SIDE), 2, np.float32)
    return [boxes[None], logits[None], masks]


def rvm(small: NDArray[np.float32], *states: NDArray[np.float32]) -> list[NDArray[Any]]:
    """See `segmentation.rvm.network.load_network`; foreground is what has a colour."""
    spread = small.max(axis=3, keepdims=True) - small.min(axis=3, keepdims=True)
    matte = np.concatenate([np.zeros_like(small), 4 * spread], axis=3)
    return [matte, np.zeros_like(matte), matte, *(state + 1 for state in states)]


def open_known(name: str, options: Options) -> Segmenter:
    """Return the segmenter of a family, by one of its networks' names, around its stand-in."""
    if name.startswith("rvm"):
        check_options(name, options)
        return RobustVideoMatting(rvm, name=name, variant=VARIANTS[name], device="nowhere")
    keep = options.keep
    check_classes(keep or (), CLASSES)
    known: dict[str, Any] = {
        "classes": CLASSES,
        "device": "nowhere",
        "min_score": options.min_score or 0.0,
        "keep": None if keep is None else [CLASSES.index(each) for each in keep],
    }
    if name == "mask-rcnn":
        return MaskRCNN(mask_rcnn, size=64, **known)
    if name.startswith("yolact"):
        return YOLACT(yolact, name=name, size=64, **known)
    if name.startswith("rf-detr"):
        return RFDETR(rf_detr, name=name, size=64, outputs=(0, 1, 2), **known)
    return CenterMask(centermask, name=name, short_side=64, long_side=128, **known)
