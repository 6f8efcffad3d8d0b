"""Photos of drawn shapes on noise, annotated, for tests of training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from segmentation.data import Annotation, Dataset, Photo

CLASSES = ("disc", "square")


def drawn_shapes(folder: Path, num_photos: int, size_hw: tuple[int, int] = (120, 160)) -> Dataset:
    """Draw photos with one to three shapes, none over another, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = []
    for index in range(num_photos):
        rng = np.random.default_rng(index)
        height, width = size_hw
        image = rng.integers(20, 60, (height, width, 3), np.uint8)
        taken = np.zeros(size_hw, np.uint8)
        annotations = []
        for _ in range(int(rng.integers(1, 4))):
            label, radius = int(rng.integers(2)), int(rng.integers(15, 30))
            x, y = (int(rng.integers(radius, side - radius)) for side in (width, height))
            mask = np.zeros(size_hw, np.uint8)
            if label == 0:
                cv2.circle(mask, (x, y), radius, 1, cv2.FILLED)
            else:
                far = (x + radius, y + radius)
                cv2.rectangle(mask, (x - radius, y - radius), far, 1, cv2.FILLED)
            if (mask & taken).any():
                continue
            taken |= mask
            image[mask > 0] = rng.integers(120, 250, 3, np.uint8)
            annotations.append(Annotation.from_mask(label, mask))
        path = folder / f"{index:03d}.png"
        cv2.imwrite(str(path), image[..., ::-1])
        photos.append(Photo(path, size_hw, tuple(annotations)))
    return Dataset(CLASSES, tuple(photos))
