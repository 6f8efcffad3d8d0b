"""The same objects in the same photo: by the command, by `evaluate` and in Python.

python -m benchmarks.one_way FOLDER [--networks portrait yolact-base] [--size 320] [--num 24]

FOLDER has photos; to them come odd ones made of the first: turned by EXIF, grey, half transparent,
with a colour profile, of 16 bits, and of sides that no network takes. Networks that are not in the
package have weights of a recipe (tests/golden), which find some dozens of objects that mean
nothing. The networks' caches and weights lie in a folder that is removed in the end.

Prints a row for each network: photos, objects, and in how many photos all three ways agree: the
number of objects, their classes and masks to the last bit, boxes and scores as far as a JSON has
them; between `evaluate` and Python those to the last bit too.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as mask_tools

import run
from benchmarks.common.command import run_command
from segmentation import Segmenter, load
from segmentation.data.parts.dataset import Annotation, Dataset, Photo
from segmentation.evaluation.average_precision import evaluate
from segmentation.instances import Instances
from stream import read_photo
from stream.commands.evaluate import as_seen
from stream.files.photos import is_photo
from tests.golden.weights_recipe import write_recipe_weights
from tests.inputs.icc_profiles import DISPLAY_P3, rgb_profile


@dataclass(frozen=True, slots=True)
class Objects:
    """What is compared of the objects of a photo, whose masks would take gigabytes.

    Attributes:
        boxes: (K, 4), x, y, width and height in pixels.
        scores: (K,)
        labels: (K,)
        inside: of each mask, in COCO's run-length encoding.
        masks: SHA-256 of the soft masks, "" where they are not known.
    """

    boxes: NDArray[Any]
    scores: NDArray[Any]
    labels: NDArray[Any]
    inside: list[bytes]
    masks: str = ""

    def __len__(self) -> int:
        return len(self.scores)


Found = dict[str, Objects]
#: Network -> recipe of its weights; those in the package need none
NETWORKS = {
    "portrait": None,
    "mask-rcnn-person": None,
    "mask-rcnn": "matterport",
    "yolact-base": "yolact_base_astronaut",
    "yolact-resnet50": "yolact_resnet50_astronaut",
    "yolact-darknet53": "yolact_darknet53",
    "yolact-plus-base": "yolact_plus_base_astronaut",
    "yolact-plus-resnet50": "yolact_plus_resnet50_astronaut",
    "centermask-lite-mobilenetv2": "centermask2_lite_Mv2",
    "centermask-lite-v19": "centermask2_lite_V19",
    "centermask-lite-v39": "centermask2_lite_V39",
    "centermask-v39": "centermask2_V39",
    "centermask-v57": "centermask2_V57",
    "rf-detr-seg-nano": "rfdetr_seg_nano",
    "rf-detr-seg-small": "rfdetr_seg_small",
    "rf-detr-seg-medium": "rfdetr_seg_medium",
    "rf-detr-seg-xlarge": "rfdetr_seg_xlarge",
}
#: How far rounding moves what is written to JSON: of a box two numbers, a corner and a side
BOX_STEP, SCORE_STEP = 0.0101, 5.1e-7


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, metavar="FOLDER")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--num", type=int, default=24, help="photos of the folder; default: 24")
    parser.add_argument("--size", type=int, help="of the input of mask-rcnn")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="one-way-"))
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    try:
        taken = sorted(path for path in options.photos.iterdir() if is_photo(path))[: options.num]
        photos = folder / "photos"
        write_odd_photos(photos, taken[0])
        for path in taken:
            shutil.copy(path, photos)
        print(f"{'network':<30}{'photos':>8}{'objects':>9}{'equal':>7}", flush=True)
        for name in options.networks:
            num, num_objects, unequal = _compare(name, photos, folder, options.size)
            print(f"{name:<30}{num:>8}{num_objects:>9}{num - len(unequal):>7}", flush=True)
            for photo, why in unequal.items():
                print(f"  {photo}: {why}", flush=True)
    finally:
        shutil.rmtree(folder)


def _compare(
    name: str, photos: Path, folder: Path, size: int | None
) -> tuple[int, int, dict[str, str]]:
    """Return the numbers of photos and of objects, and why some photos are not equal."""
    weights: dict[str, Any] = {}
    if (recipe := NETWORKS[name]) is not None:
        ending = ".h5" if recipe == "matterport" else ".pth"
        weights["weights"] = write_recipe_weights(recipe, folder / f"{recipe}{ending}")
        if size is not None and name == "mask-rcnn":
            weights["size"] = size
    segmenter = load(name, **weights)
    ways = three_ways(segmenter, name, photos, folder / "found.json", weights)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    if weights:
        weights["weights"].unlink()
    num_objects = sum(map(len, ways[2].values()))
    unequal = {photo: differences(photo, *ways) for photo in ways[2]}
    return len(ways[2]), num_objects, {photo: why for photo, why in unequal.items() if why}


# === The three ways ===


def three_ways(
    segmenter: Segmenter, name: str, photos: Path, json_file: Path, options: dict[str, Any]
) -> tuple[Found, Found, Found]:
    """Return what is found in each photo of a folder, by its name.

    Args:
        segmenter: the network as Python has it.
        name: of the network.
        photos: a folder.
        json_file: of the command, written anew.
        options: of the network, as keywords; the command gets them as options.

    Returns:
        What the command writes, what `evaluate` measures, and what Python finds.
    """
    paths = sorted(photos.iterdir())
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    commanded = _by_command(paths, json_file, "--model", name, *words)
    evaluated = _by_evaluate(segmenter, paths)
    in_python = {
        path.name: objects_of(segmenter.segment(read_photo(path)[None])[0]) for path in paths
    }
    return commanded, evaluated, in_python


def _by_command(paths: Sequence[Path], out: Path, *options: object) -> Found:
    out.unlink(missing_ok=True)
    arguments = [paths[0].parent, "-o", out, *options]
    with open(os.devnull, "w") as nowhere:
        told, sys.stderr = sys.stderr, nowhere
        try:
            code = run.main([str(argument) for argument in arguments])
        finally:
            sys.stderr = told
    if code:
        raise ValueError(f"the command ended with {code}: {' '.join(map(str, arguments))}")
    records: dict[str, list[dict[str, Any]]] = {path.name: [] for path in paths}
    for record in json.loads(out.read_text()):
        records[record["file_name"]].append(record)
    return {name: _reported(those) for name, those in records.items() if those}


def _reported(records: list[dict[str, Any]]) -> Objects:
    counts = [each["segmentation"]["counts"].encode() for each in records]
    return Objects(
        np.array([each["bbox"] for each in records]),
        np.array([each["score"] for each in records]),
        np.array([each["category_id"] for each in records]),
        counts,
    )


def objects_of(found: Instances) -> Objects:
    """Return what is compared of the objects of a photo."""
    left, top, right, bottom = found.boxes.T
    digest = hashlib.sha256()
    inside = []
    for mask in found.masks:  # one by one: of large photos each takes tens of megabytes
        digest.update(np.ascontiguousarray(mask))
        inside.append(mask_tools.encode(np.asfortranarray(mask >= 128, np.uint8))["counts"])
    boxes = np.stack([left, top, right - left, bottom - top], axis=1)
    return Objects(boxes, found.scores, found.labels, inside, digest.hexdigest())


def _by_evaluate(segmenter: Segmenter, paths: Sequence[Path]) -> Found:
    some = Annotation.from_mask(0, np.ones((8, 8), np.uint8))
    sizes = [read_photo(path).shape[:2] for path in paths]
    photos = tuple(
        Photo(path, (height, width), (some,))
        for path, (height, width) in zip(paths, sizes, strict=True)
    )
    found: Found = {}
    evaluate(
        segmenter,
        Dataset(segmenter.classes, photos),
        lambda photo, instances: found.update({photo.path.name: objects_of(instances)}),
        read=as_seen,
    )
    return found


def differences(photo: str, commanded: Found, evaluated: Found, in_python: Found) -> str:
    """Return in what the three ways differ for a photo, "" where in nothing."""
    wanted, measured = in_python[photo], evaluated[photo]
    for field in ("boxes", "scores", "labels", "masks"):
        if not np.array_equal(getattr(measured, field), getattr(wanted, field)):
            return f"{field} of evaluate"
    num = len(commanded[photo]) if photo in commanded else 0
    if num != len(wanted):
        return f"{num} objects of the command, {len(wanted)} of Python"
    if not num:
        return ""
    written = commanded[photo]
    if np.abs(written.boxes - wanted.boxes).max() > BOX_STEP:
        return "boxes of the command"
    if np.abs(written.scores - wanted.scores).max() > SCORE_STEP:
        return "scores of the command"
    return "" if written.inside == wanted.inside else "masks of the command"


# === Odd photos ===


def write_odd_photos(folder: Path, photo: Path) -> None:
    """Write photos to a new folder that are read in more than one way, made of one."""
    folder.mkdir(parents=True)
    image = read_photo(photo)
    height, width = image.shape[:2]
    alpha = np.linspace(0, 255, width).astype(np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    exif = Image.Exif()
    exif[0x0112] = 6
    _save(folder / "odd-turned.jpg", image, exif=exif)
    _save(folder / "odd-profile.jpg", image, icc_profile=rgb_profile(*DISPLAY_P3))
    _save(folder / "odd-grey.jpg", grey)
    _save(folder / "odd-clear.png", np.dstack([image, np.tile(alpha, (height, 1))]))
    cv2.imwrite(str(folder / "odd-deep.png"), image[..., ::-1].astype(np.uint16) * 257)
    _save(folder / "odd-sides.png", image[: (height - 2) | 1, : (width - 4) | 1])
    large = cv2.resize(image, None, fx=2.3, fy=2.3)
    _save(folder / "odd-large.png", np.asarray(large, np.uint8))


def _save(path: Path, pixels: NDArray[np.uint8], **more: Any) -> None:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG" if path.suffix == ".jpg" else "PNG", **more)
    path.write_bytes(data.getvalue())


if __name__ == "__main__":
    run_command(main)
