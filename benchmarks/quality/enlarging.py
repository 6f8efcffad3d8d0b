"""How far a network's result can be enlarged as it is, and from where on refining it is better.

python -m benchmarks.quality.enlarging [--data ../shared/data] [--sets ccp vikram eg1800]

Takes the true masks of photos, shrunk to 1/2, 1/3, 1/4, ... of the photo as a perfect network would
give them, and brings them back: enlarged bilinearly, as a matte is, and by the refiner, as a mask
is. Prints a JSON object for each factor: how far both are from the truth (the mean difference, of
255, within `NEAR` pixels of true edges) and the boundary F of both.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from benchmarks.portrait import read_set
from segmentation.evaluation.mask_agreement import boundary_f
from segmentation.parts.resample import resized
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner

FACTORS = (1, 1.5, 2, 3, 4, 6, 8)
#: pixels from an edge within which a difference counts
NEAR = 8
Image = NDArray[np.uint8]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", default=["ccp", "vikram", "eg1800"])
    options = parser.parse_args()
    photos = [each for name in options.sets for each in read_set(options.data / "stills" / name)]
    for factor in FACTORS:
        figures = [errors(image, truth, factor) for image, truth in photos]
        means = np.mean(figures, axis=0)
        keys = ("enlarged", "refined", "enlarged_f", "refined_f")
        line = {key: round(float(value), 3) for key, value in zip(keys, means, strict=True)}
        print(json.dumps({"factor": factor, "photos": len(photos), **line}), flush=True)


def errors(image: Image, truth: NDArray[np.bool_], factor: float) -> tuple[float, ...]:
    """Return both differences near edges, and both boundary F."""
    whole = truth.astype(np.uint8) * 255
    height, width = truth.shape
    small_hw = max(1, round(height / factor)), max(1, round(width / factor))
    small = np.asarray(cv2.resize(whole, small_hw[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    made = (
        resized(small, (height, width)),
        Refiner(blend=False).alpha(RgbPicture(image), small, restart=True),
    )
    square = np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)
    is_near = cv2.morphologyEx(whole, cv2.MORPH_GRADIENT, square) > 0
    differences = [np.abs(alpha.astype(float) - whole)[is_near].mean() for alpha in made]
    return *differences, *(boundary_f(alpha >= 128, truth) for alpha in made)


if __name__ == "__main__":
    run_command(main)
