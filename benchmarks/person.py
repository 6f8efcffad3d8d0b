"""mask-rcnn-person: average precision of masks, and its union beside portrait and its peers.

python -m benchmarks.person [--data ../shared/data] [--weights runs/mask-rcnn-person/best.npz]

Prints JSON objects, all from one run with one thread each: for each detail, live and fine, one for
each set of photos with single people labelled (mask AP, people reported from a score of 0.05 on)
and one of people found where there are none, by score; then one for each network: IoU of the union
of all people with the truth by set of photos, and ms an image (see `benchmarks.portrait`; people
from the score on from which they are reported). `ms` is the median on one photo; `ms_by_people` of
mask-rcnn-person alone, on photos with few and with many people. The photos without people are every
25th of those that the network is trained on.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common.command import run_command
from benchmarks.portrait import (
    SETS,
    Image,
    Network,
    milliseconds,
    peers,
    portrait,
    quality,
    read_set,
)
from segmentation.data import Dataset, read_dataset
from segmentation.data.parts.dataset import decoded
from segmentation.evaluation.average_precision import MIN_SCORE, evaluate
from segmentation.loading import load
from segmentation.person.segmenter import CLASSES
from segmentation.segmenter import Options, Segmenter

#: sets of photos whose people are labelled one by one
INSTANCE_SETS = ("pennfudan", "pelota", "coco_multi", "coco_1person")
#: scores from which on people are counted in photos without any; one in so many of these photos
FALSE_SCORES, ONE_IN = (0.4, 0.5, 0.6), 25
DETAILS = ("live", "fine")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--weights", type=Path, help="of a training run instead of the bundled ones"
    )
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for detail in DETAILS:
        print_people(detail, options.data, options.weights)
    segmenters = {
        f"mask-rcnn-person, {detail}": load(
            "mask-rcnn-person", Options(weights=options.weights, detail=detail)
        )
        for detail in DETAILS
    }
    photos = {name: read_set(options.data / "stills" / name) for name in SETS}
    networks = {name: union_of(segmenter) for name, segmenter in segmenters.items()}
    networks |= {"portrait": portrait(), **peers(options.data / "peer_models")}
    times_ms = milliseconds(networks, photos[SETS[0]][0][0])
    for name, network in networks.items():
        line = {"network": name, "ms": times_ms[name], **quality(network, photos)}
        if name in segmenters:
            images = [image for pairs in photos.values() for image, _ in pairs]
            line["ms_by_people"] = milliseconds_by_people(segmenters[name], images)
        print(json.dumps(line), flush=True)


def print_people(detail: str, data: Path, weights: Path | None) -> None:
    """Print what is found of single people, and where there are none."""
    eager = load("mask-rcnn-person", Options(weights=weights, min_score=MIN_SCORE, detail=detail))
    for name in INSTANCE_SETS:
        found = evaluate(eager, read_people(data / "stills" / name))
        figures = {"mask_ap": found.mask.ap, "mask_ap50": found.mask.ap50}
        figures |= {"box_ap": found.box.ap, "box_ap50": found.box.ap50}
        rounded = {key: None if v is None else round(v, 3) for key, v in figures.items()}
        line = {"set": name, "detail": detail, "people": found.num_objects} | rounded
        print(json.dumps(line), flush=True)
    places = data / "person-more" / "backgrounds"
    if places.is_dir():
        print(json.dumps({"detail": detail} | found_nowhere(eager, places)), flush=True)


def read_people(path: Path) -> Dataset:
    """Return a set of photos; what one without classes labels are people."""
    annotations = path / "annotations.json"
    dataset = read_dataset(annotations if annotations.exists() else path)
    return dataset if len(dataset.classes) > 1 else Dataset(CLASSES, dataset.photos)


def found_nowhere(segmenter: Segmenter, folder: Path) -> dict[str, object]:
    """Return how many people are found in photos without any, by score."""
    photos = sorted(folder.glob("*"))[::ONE_IN]
    scores = [segmenter.segment(read_rgb(photo)[None])[0].scores for photo in photos]
    num = {score: [int((each >= score).sum()) for each in scores] for score in FALSE_SCORES}
    return {
        "set": "places without people",
        "photos": len(photos),
        "people_from_score": {str(score): sum(found) for score, found in num.items()},
        "photos_from_score": {
            str(score): int(np.count_nonzero(found)) for score, found in num.items()
        },
    }


def read_rgb(path: Path) -> Image:
    """Return a photo, turned as its EXIF tag says."""
    return decoded(path, cv2.IMREAD_COLOR_RGB)


def union_of(segmenter: Segmenter) -> Network:
    """Return the union of all people found as a network of `benchmarks.portrait`."""
    return lambda image: segmenter.segment(image[None])[0].union()


def milliseconds_by_people(segmenter: Segmenter, images: list[Image]) -> dict[str, float]:
    """Return the median time of an image by how many people are found, the most at the end."""
    times: dict[int, list[float]] = {}
    for image in images:
        for turn in range(3):
            started = time.perf_counter()
            (found,) = segmenter.segment(image[None])
            if turn:
                times.setdefault(len(found), []).append(time.perf_counter() - started)
    return {str(num): round(float(np.median(times[num])) * 1e3, 1) for num in sorted(times)}


if __name__ == "__main__":
    run_command(main)
