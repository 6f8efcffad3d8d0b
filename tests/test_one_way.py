"""The same objects in the same photo: by the command, by `evaluate`, in Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.one_way import differences, three_ways, write_odd_photos
from segmentation import load
from tests.recipes import Recipes

pytest.importorskip("pycocotools", reason="the extra mask-rcnn")

#: of photos: none is what any network takes, and some are far larger
SIZES_HW = [(512, 512), (427, 640), (801, 1201), (1500, 1100), (2160, 3840)]


def write_photos(folder: Path, num_sizes: int) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the photo")
    whole = data.astronaut()[..., ::-1]
    cv2.imwrite(str(folder.parent / "first.png"), whole)
    write_odd_photos(folder, folder.parent / "first.png")
    for index, (height, width) in enumerate(SIZES_HW[:num_sizes]):
        scale = max(height, width) / 512
        large = cv2.resize(whole, None, fx=scale, fy=scale)[:height, :width]
        cv2.imwrite(str(folder / f"{index}.png"), large)


@pytest.fixture
def options(name: str, recipes: Recipes) -> Iterator[dict[str, object]]:
    """What a network needs that is not in the package."""
    if name != "mask-rcnn":
        yield {}
        return
    pytest.importorskip("keras")
    pytest.importorskip("h5py")
    from tests.segmentation.mask_rcnn.fewer_proposals import fewer_proposals

    with fewer_proposals(recipes):
        yield {"weights": recipes.weights("matterport"), "size": 128}


@pytest.mark.parametrize(
    "name",
    ["portrait", "mask-rcnn-person", pytest.param("mask-rcnn", marks=pytest.mark.long)],
)
def test_a_photo_has_the_same_objects_whichever_way_it_takes(
    name: str, tmp_path: Path, options: dict[str, object]
) -> None:
    # those that report many objects take long to put them on large photos
    num_sizes = {"mask-rcnn": 3, "mask-rcnn-person": 4}.get(name, len(SIZES_HW))
    write_photos(tmp_path / "photos", num_sizes)
    segmenter = load(name, **options)
    ways = three_ways(segmenter, name, tmp_path / "photos", tmp_path / "out.json", options)
    unequal = {photo: differences(photo, *ways) for photo in ways[2]}
    assert not any(unequal.values()), unequal
    assert len(unequal) == len(list((tmp_path / "photos").iterdir())) > num_sizes
    found = [len(instances) for instances in ways[2].values()]
    assert np.count_nonzero(found) > len(found) // 2
