"""One drawn scene, annotated in each of the formats that can be read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segmentation.data import read_dataset
from segmentation.errors import DataError

SIZE_HW = (120, 200)
DISC_X, DISC_Y, DISC_RADIUS = 50, 60, 30  # a "ball"
BOX_LEFT, BOX_TOP, BOX_WIDTH, BOX_HEIGHT = 110, 20, 60, 80  # a "crate"
BOX_CORNERS = [[110, 20], [170, 20], [170, 100], [110, 100]]


def true_masks() -> dict[str, np.ndarray]:
    """Masks (H, W) uint8 of the objects by class."""
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]] + 0.5
    disc = np.hypot(columns - DISC_X, rows - DISC_Y) <= DISC_RADIUS
    box = np.zeros(SIZE_HW, np.uint8)
    box[BOX_TOP : BOX_TOP + BOX_HEIGHT, BOX_LEFT : BOX_LEFT + BOX_WIDTH] = 1
    return {"ball": disc.astype(np.uint8), "crate": box}


def photo(seed: int = 0) -> np.ndarray:
    """The scene, (H, W, 3) RGB: a red ball, a blue crate."""
    image = np.random.default_rng(seed).integers(90, 110, (*SIZE_HW, 3)).astype(np.uint8)
    for mask, colour in zip(true_masks().values(), ((250, 20, 20), (20, 20, 250)), strict=True):
        image[mask > 0] = colour
    return image


def disc_polygon() -> list[list[float]]:
    """The ball as somebody would draw it with many clicks."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    x, y = DISC_X + DISC_RADIUS * np.cos(angles), DISC_Y + DISC_RADIUS * np.sin(angles)
    return np.column_stack([x, y]).round(2).tolist()


def write_photo(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), photo(seed)[..., ::-1])


def write_coco(root: Path, num: int = 1) -> Path:
    """COCO: a polygon, and an RLE without compression; photos in `images/`."""
    document: dict[str, list[dict[str, Any]]] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 3, "name": "ball"}, {"id": 7, "name": "crate"}],
    }
    box = true_masks()["crate"].ravel(order="F")
    edges = np.flatnonzero(np.diff(box)) + 1
    runs = np.diff([0, *edges.tolist(), box.size]).tolist()
    outlines: list[Any] = [
        [np.ravel(disc_polygon()).tolist()],
        {"size": list(SIZE_HW), "counts": runs},
    ]
    for index in range(num):
        write_photo(root / "images" / f"{index}.png", index)
        name = {"id": 10 + index, "file_name": f"{index}.png"}
        document["images"].append({**name, "height": SIZE_HW[0], "width": SIZE_HW[1]})
        for number, (category, outline) in enumerate(zip((3, 7), outlines, strict=True)):
            document["annotations"].append(
                {
                    "id": 2 * index + number,
                    "image_id": 10 + index,
                    "category_id": category,
                    "segmentation": outline,
                    "iscrowd": 0,
                }
            )
    (root / "annotations.json").write_text(json.dumps(document))
    return root


def _via_regions() -> list[dict[str, Any]]:
    circle = {"name": "circle", "cx": DISC_X, "cy": DISC_Y, "r": DISC_RADIUS}
    x, y = np.transpose(BOX_CORNERS).tolist()
    box = {"name": "polygon", "all_points_x": x, "all_points_y": y}
    return [
        {"shape_attributes": circle, "region_attributes": {"class": "ball"}},
        {"shape_attributes": box, "region_attributes": {"class": "crate"}},
    ]


def write_via(root: Path, num: int = 1) -> Path:
    """VIA 2, a project: regions in a list; photos beside the file."""
    rows = {}
    for index in range(num):
        write_photo(root / f"{index}.png", index)
        rows[f"{index}.png123"] = {"filename": f"{index}.png", "regions": _via_regions()}
    document = {"_via_settings": {}, "_via_img_metadata": rows, "_via_attributes": {}}
    (root / "via_project.json").write_text(json.dumps(document))
    return root


def write_via_1(root: Path, num: int = 1) -> Path:
    """VIA 1, an export: regions in an object, other shapes."""
    ellipse = {"name": "ellipse", "cx": DISC_X, "cy": DISC_Y, "rx": DISC_RADIUS, "ry": DISC_RADIUS}
    size = {"width": BOX_WIDTH, "height": BOX_HEIGHT}
    rectangle = {"name": "rect", "x": BOX_LEFT, "y": BOX_TOP, **size}
    regions = {
        "0": {"shape_attributes": ellipse, "region_attributes": {"name": "ball"}},
        "1": {"shape_attributes": rectangle, "region_attributes": {"name": "crate"}},
    }
    rows: dict[str, Any] = {"later.png9": {"filename": "later.png", "size": 9, "regions": {}}}
    for index in range(num):
        write_photo(root / f"{index}.png", index)
        rows[f"{index}.png5"] = {"filename": f"{index}.png", "size": 5, "regions": regions}
    (root / "via_region_data.json").write_text(json.dumps(rows))
    return root


def labelme_document(name: str) -> dict[str, Any]:
    rim = [DISC_X, DISC_Y + DISC_RADIUS]
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": [
            {"label": "ball", "points": [[DISC_X, DISC_Y], rim], "shape_type": "circle"},
            {"label": "crate", "points": BOX_CORNERS[::2], "shape_type": "rectangle"},
        ],
        "imagePath": name,
        "imageData": None,
        "imageHeight": SIZE_HW[0],
        "imageWidth": SIZE_HW[1],
    }


def write_labelme(root: Path, num: int = 1) -> Path:
    """LabelMe: a circle and a rectangle."""
    for index in range(num):
        write_photo(root / f"{index}.png", index)
        (root / f"{index}.json").write_text(json.dumps(labelme_document(f"{index}.png")))
    return root


def write_labelme_pieces(root: Path, num: int = 1) -> Path:
    """LabelMe: a crate of two pieces in one group, a ball as mask; photos in a folder beside."""
    ball = true_masks()["ball"]
    x, y, width, height = cv2.boundingRect(ball)
    png = cv2.imencode(".png", ball[y : y + height, x : x + width] * 255)[1]
    halves = [[[110, 20], [140, 20], [140, 100], [110, 100]], [[170, 100], [140, 20]]]
    for index in range(num):
        write_photo(root / "pictures" / f"{index}.png", index)
        document = labelme_document(f"..\\labels\\pictures\\{index}.png")
        document["imagePath"] = f"pictures\\{index}.png"
        document["shapes"] = [
            {"label": "crate", "points": halves[0], "group_id": 1},
            {
                "label": "ball",
                "points": [[x, y], [x + width - 1, y + height - 1]],
                "shape_type": "mask",
                "mask": base64.b64encode(png.tobytes()).decode(),
            },
            {"label": "crate", "points": halves[1], "group_id": 1, "shape_type": "rectangle"},
        ]
        (root / f"{index}.json").write_text(json.dumps(document))
    return root


def write_masks(root: Path, num: int = 1) -> Path:
    """A mask for each photo inside a folder for each class."""
    for index in range(num):
        write_photo(root / "images" / f"{index}.png", index)
        for name, mask in true_masks().items():
            (root / "masks" / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / "masks" / name / f"{index}.png"), mask * 255)
    return root


def write_mask_files(root: Path, num: int = 1) -> Path:
    """A folder of masks for each photo inside a folder for each class, smoothed ones."""
    for index in range(num):
        write_photo(root / "images" / f"{index}.png", index)
        for name, mask in true_masks().items():
            folder = root / "masks" / name / str(index)
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / "first.png"), cv2.GaussianBlur(mask * 255, (5, 5), 0))
    return root


WRITERS: dict[str, Callable[..., Path]] = {
    "coco": write_coco,
    "via": write_via,
    "via_1": write_via_1,
    "labelme": write_labelme,
    "labelme_pieces": write_labelme_pieces,
    "masks": write_masks,
    "mask_files": write_mask_files,
}


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    return float(np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth))


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def problems(path: Path) -> str:
    """The message about data in which everything has to be right."""
    with pytest.raises(DataError) as caught:
        read_dataset(path, strict=True)
    return str(caught.value)
