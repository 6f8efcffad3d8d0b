"""A folder of drawn people to train on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

DARK, BRIGHT = (20, 30, 60), (240, 120, 40)


def disc(x: int, radius: int = 15) -> NDArray[np.uint8]:
    """Return a mask (60, 80) of a person, 1 inside."""
    mask = np.zeros((60, 80), np.uint8)
    cv2.circle(mask, (x, 30), radius, 1, -1)
    return mask


def encoded(mask: NDArray[np.uint8]) -> dict[str, Any]:
    """Return a mask as COCO's files have it."""
    from pycocotools.mask import encode

    rle = encode(np.asfortranarray(mask))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def write_people(
    folder: Path, sources: list[str], *, crowds: bool = False, cutouts: int = 0, places: int = 0
) -> Path:
    """Write a photo for each source: a bright disc on dark ground, in COCO's layout.

    Args:
        folder: made.
        sources: of the photos.
        crowds: whether each has a crowd at its left border as well.
        cutouts: number of cut-out people, white.
        places: number of photos without people, green.
    """
    (folder / "images").mkdir(parents=True)
    person = {"id": 1, "name": "person"}
    document: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": [person]}
    rng = np.random.default_rng(0)
    for index, source in enumerate(sources):
        mask = disc(int(rng.integers(28, 45)))
        write(folder / "images" / f"{index}.png", np.where(mask[..., None] > 0, BRIGHT, DARK))
        document["images"].append({"id": index, "file_name": f"{index}.png", "source": source})
        row = {"image_id": index, "category_id": 1}
        document["annotations"].append(row | {"id": index, "segmentation": encoded(mask)})
        if crowds:
            crowd = np.zeros((60, 80), np.uint8)
            crowd[:, :10] = 1
            number = len(sources) + index
            crowd_row = {"id": number, "segmentation": encoded(crowd), "iscrowd": 1}
            document["annotations"].append(row | crowd_row)
    (folder / "annotations.json").write_text(json.dumps(document))
    for index in range(cutouts):
        (folder / "cutouts").mkdir(exist_ok=True)
        figure = np.zeros((40, 20, 4), np.uint8)
        cv2.ellipse(figure, (10, 20), (8, 18), 0, 0, 360, (255, 255, 255, 255), -1)
        cv2.imwrite(str(folder / "cutouts" / f"{index}.png"), figure)
    for index in range(places):
        (folder / "backgrounds").mkdir(exist_ok=True)
        write(folder / "backgrounds" / f"{index}.png", np.full((50, 70, 3), (30, 160, 30)))
    return folder


def write(path: Path, image: NDArray[Any]) -> None:
    """Write an RGB picture."""
    cv2.imwrite(str(path), image.astype(np.uint8)[..., ::-1])
