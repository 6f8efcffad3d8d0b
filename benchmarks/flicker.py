"""How calm alpha is where the picture stands still, and whether calm was bought with ghosts.

python -m benchmarks.flicker [--data ../shared/data]

Prints one JSON object for each network, Portrait's and those of others, in one run over the four
webcam clips. `raw` is the network's mask enlarged bilinearly to the frame, `refined` what
`segmentation.refinement.refiner` makes of it without blending over time, `blended` with it.

`flicker`: mean change of alpha, of 255, from frame to frame over the pixels that stand still: those
where, and within 15 pixels of which, the luma of two frames, smoothed by a Gaussian of 2 pixels,
differs by at most 3 of 255. Mean over the frames of a clip, then over the clips.

`ghost` compares `blended` to `refined` on the fifth of each clip's frames in which most moves:
`iou`, and, in percent of the foreground's area, `left_behind` and `missing`: how much more and less
alpha there is among the pixels that moved (luma differs by more than 8, or does so 4 pixels away).
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from benchmarks.portrait import Image, Network, peers, portrait
from segmentation.evaluation.mask_agreement import intersection_over_union
from segmentation.parts.resample import resized
from segmentation.picture import RgbPicture
from segmentation.portrait.segmenter import SIZES_HW
from segmentation.refinement.refiner import Refiner
from stream.pipeline import shrunk
from stream.sources import open_source

#: of frames as the program gives them to portrait
LONG_SIDE = max(map(max, SIZES_HW))
CLIPS = ("webcam_asl_book", "webcam_asl_sister", "webcam_asl_brother", "webcam_asl_bird_2ndperson")
SMOOTHING_SIGMA_PX = 2.0
MAX_STILL_CHANGE, STILL_REACH_PX = 3, 15
MIN_MOVED_CHANGE, MOVED_REACH_PX = 8, 4
FAST_SHARE = 0.2
Mask = NDArray[np.bool_]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    clips = {name: read_clip(options.data / "clips" / f"{name}.mkv") for name in CLIPS}
    bundled = portrait()
    networks: dict[str, Network] = {
        "portrait": lambda image: bundled(shrunk(RgbPicture(image), LONG_SIDE)),
        **peers(options.data / "peer_models"),
    }
    changes = {name: picture_changes(frames) for name, frames in clips.items()}
    for name, network in networks.items():
        rows = {clip: measured(network, clips[clip], *changes[clip]) for clip in CLIPS}
        print(
            json.dumps({"network": name, **mean_of(list(rows.values())), "clips": rows}), flush=True
        )


def read_clip(path: Path) -> list[Image]:
    """Return all frames of a video, RGB."""
    with open_source(str(path), on_message=lambda text: None) as source:
        return [frame.image for frame in source]


def picture_changes(frames: list[Image]) -> tuple[list[Mask], list[Mask]]:
    """Return, for each frame but the first, which pixels stood still and which moved."""
    still, moved = [], []
    smooth = [
        cv2.GaussianBlur(
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), SMOOTHING_SIGMA_PX
        )
        for frame in frames
    ]
    for before, after in itertools.pairwise(smooth):
        change = np.asarray(cv2.absdiff(before, after))
        still.append(~within(change > MAX_STILL_CHANGE, STILL_REACH_PX))
        moved.append(within(change > MIN_MOVED_CHANGE, MOVED_REACH_PX))
    return still, moved


def within(chosen: Mask, reach_px: int) -> Mask:
    """Return the pixels that have a chosen one in a square of `reach_px` to each side."""
    square = np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)
    return np.asarray(cv2.dilate(chosen.astype(np.uint8), square) > 0)


def measured(
    network: Network, frames: list[Image], still: list[Mask], moved: list[Mask]
) -> dict[str, dict[str, float]]:
    """Return flicker and ghost of one network on one clip."""
    masks = [network(frame) for frame in frames]
    alphas = {"raw": [resized(mask, frames[0].shape[:2]) for mask in masks]}
    for name, blend in (("refined", False), ("blended", True)):
        refiner = Refiner(blend=blend)
        alphas[name] = [
            refiner.alpha(RgbPicture(frame), mask, restart=False)
            for frame, mask in zip(frames, masks, strict=True)
        ]
    return {
        "flicker": {name: flicker(sequence, still) for name, sequence in alphas.items()},
        "ghost": ghost(alphas["blended"], alphas["refined"], moved),
    }


def flicker(alphas: list[Image], still: list[Mask]) -> float:
    """Return the mean change of alpha from frame to frame over the pixels that stand still."""
    steps = [
        cv2.absdiff(before, after)[mask].mean()
        for (before, after), mask in zip(itertools.pairwise(alphas), still, strict=True)
        if mask.any()
    ]
    return round(float(np.mean(steps)), 4)


def ghost(blended: list[Image], refined: list[Image], moved: list[Mask]) -> dict[str, float]:
    """Compare two sequences where most moves; `moved` begins with the second frame."""
    areas = np.array([mask.mean() for mask in moved])
    fast = np.argsort(areas)[-max(1, round(len(areas) * FAST_SHARE)) :]
    rows = []
    for index in fast:
        ours, alone = blended[index + 1], refined[index + 1]
        more = (ours.astype(np.float32) - alone)[moved[index]] / 255
        area = max(1.0, alone.sum() / 255)
        iou = intersection_over_union(ours >= 128, alone >= 128)
        rows.append((iou, more.clip(0).sum() / area * 100, (-more).clip(0).sum() / area * 100))
    iou, left_behind, missing = (round(float(value), 4) for value in np.mean(rows, axis=0))
    return {"iou": iou, "left_behind": left_behind, "missing": missing}


def mean_of(rows: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return the clips' mean of each figure."""
    return {
        part: {
            name: round(float(np.mean([row[part][name] for row in rows])), 4)
            for name in rows[0][part]
        }
        for part in rows[0]
    }


if __name__ == "__main__":
    run_command(main)
