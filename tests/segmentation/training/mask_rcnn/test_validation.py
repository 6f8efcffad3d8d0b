"""What is measured and drawn after an epoch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from segmentation.data import read_dataset
from segmentation.instances import Instances
from segmentation.training.mask_rcnn.validation import measure
from tests.inputs.annotated_photos import SIZE_HW, edit, write_coco


def test_a_picture_of_a_photo_with_the_longest_name_is_written(tmp_path: Path) -> None:
    longest = f"{'ü' * 125}x.png"  # 255 bytes
    (write_coco(tmp_path) / "images" / "0.png").rename(tmp_path / "images" / longest)
    edit(tmp_path / "annotations.json", lambda d: d["images"][0].update(file_name=longest))
    dataset = read_dataset(tmp_path)
    finds_nothing = SimpleNamespace(
        classes=dataset.classes,
        segment=lambda images: [Instances.empty(SIZE_HW) for _ in images],
    )
    pictures = tmp_path / "pictures" / "epoch_001"
    measure(finds_nothing, dataset, pictures, lambda photo, found, classes: np.zeros((9, 9, 3)))
    (written,) = pictures.iterdir()
    assert written.name.startswith("00_üüü")
