"""What the reuse of masks between keyframes is tuned to: J with each of its constants changed.

python -m benchmarks.quality.propagation_tuning [--data ../shared/data] [--factor 1.5]
    [--keyframe 5] [--made 12]

Masks are carried from both sides with the truth as the network, as in `benchmarks.keyframes`: on
the sequences of DAVIS, and on as many made ones, in which a person of one photo moves, turns and
bends before another photo that moves on its own. Prints a JSON object with J in per cent as things
are, of each sequence; then for each constant, divided and multiplied by the factor, by how much J
of the sequences changes: their mean, and the least and the largest of them. A constant that was
fitted to these sequences of DAVIS would be best there where it is, and elsewhere on the made ones.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from benchmarks.keyframes import Sequence, measured, objects, read_sequences
from benchmarks.portrait import read_set
from segmentation.tracking.propagation import appearance, outline, propagate

Image = NDArray[np.uint8]
CONSTANTS: tuple[tuple[ModuleType, str], ...] = (
    (outline, "DOUBT"),
    (outline, "MIN_MISMATCH"),
    (outline, "SMOOTHNESS"),
    (outline, "CONTRAST"),
    (appearance, "CELL"),
    (appearance, "SURROUNDINGS"),
    (appearance, "GLOBAL_PIXELS"),
    (appearance, "UNSEEN_PIXELS"),
    (appearance, "MIN_PROBABILITY"),
    (propagate, "REACH"),
    (propagate, "WORK_SIDE"),
)
#: of the made sequences
NUM_FRAMES, SIZE_HW, NOISE = 31, (480, 854), 3.0


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--factor", type=float, default=1.5)
    parser.add_argument("--keyframe", default="5")
    parser.add_argument("--made", type=int, default=12)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    groups = {
        "davis": list(read_sequences(options.data / "davis")),
        "made": list(made_sequences(options.data / "stills", options.made)),
    }
    before = {name: overlaps(group, options.keyframe) for name, group in groups.items()}
    for name, group in groups.items():
        each = {sequence.name: round(j, 2) for sequence, j in zip(group, before[name], strict=True)}
        print(json.dumps({name: round(float(np.mean(before[name])), 2)} | each), flush=True)
    for module, constant in CONSTANTS:
        for factor in (1 / options.factor, options.factor):
            with changed(module, constant, factor):
                line: dict[str, object] = {"constant": constant, "factor": round(factor, 2)}
                for name, group in groups.items():
                    change = np.subtract(overlaps(group, options.keyframe), before[name])
                    line[name] = [round(float(x), 2) for x in (change.mean(), *spread(change))]
            print(json.dumps(line), flush=True)


def spread(change: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the largest."""
    return float(change.min()), float(change.max())


def overlaps(sequences: list[Sequence], keyframe: str) -> list[float]:
    """Return J of each sequence, carried from both sides."""
    side = propagate.WORK_SIDE
    return [measured(each, "both", keyframe, 0, side)["J"] for each in sequences]


@contextlib.contextmanager
def changed(module: ModuleType, constant: str, factor: float) -> Iterator[None]:
    """Multiply a constant, and what follows from it."""
    before = getattr(module, constant)
    try:
        _set(module, constant, type(before)(before * factor))
        yield
    finally:
        _set(module, constant, before)


def _set(module: ModuleType, constant: str, value: float) -> None:
    setattr(module, constant, value)
    outline._DISTRUST, outline._COUPLING = outline.distrust_table(), outline.coupling_table()


def made_sequences(stills: Path, num: int) -> Iterator[Sequence]:
    """Yield sequences of people who were cut out of photos, before other photos."""
    photos = [photo for name in ("ccp", "vikram", "eg1800") for photo in read_set(stills / name)]
    rng = np.random.default_rng(0)
    for index in range(num):
        (front, truth), (back, _) = (photos[int(i)] for i in rng.choice(len(photos), 2, False))
        yield made_sequence(f"made {index}", front, truth.astype(np.uint8) * 255, back, rng)


def made_sequence(
    name: str, front: Image, mask: Image, back: Image, rng: np.random.Generator
) -> Sequence:
    """Return what moves as people do: to and fro, turning, nearer, and bending."""
    height, width = SIZE_HW
    period, phase = rng.uniform(12, 30), rng.uniform(0, 2 * np.pi)
    way, turn, growth = rng.uniform(20, 90), rng.uniform(2, 8), rng.uniform(0, 0.15)
    bend, wave = rng.uniform(2, 8), rng.uniform(60, 160)
    pan = rng.uniform(-3, 3, 2)
    fit = 0.9 * height / mask.shape[0]
    images, truths = [], []
    for index in range(NUM_FRAMES):
        swing = np.sin(2 * np.pi * index / period + phase)
        centre = np.array([mask.shape[1] / 2, mask.shape[0] / 2])
        scale = fit * (1 + growth * swing)
        matrix = cv2.getRotationMatrix2D(tuple(centre), float(turn * swing), float(scale))
        matrix[:, 2] += np.array([width / 2 + way * swing, height / 2]) - centre
        shift = bend * np.sin(2 * np.pi * (np.arange(height) / wave + index / period))
        person, inside = (
            bent(cv2.warpAffine(x, matrix, (width, height)), shift) for x in (front, mask)
        )
        behind = panned(back, pan * (index - NUM_FRAMES / 2))
        share = inside[..., None] / 255
        mixed = person * share + behind * (1 - share) + rng.normal(0, NOISE, (height, width, 1))
        images.append(np.clip(mixed, 0, 255).astype(np.uint8))
        colour = np.where(inside >= 128, 255, 0).astype(np.uint8)
        truths.append(objects(cv2.merge([colour] * 3)))
    return Sequence(name, images, truths)


def bent(image: Image, shift_px: NDArray[np.float64]) -> Image:
    """Return an image whose rows are moved to the side."""
    rows, columns = np.indices(image.shape[:2], np.float32)
    columns += shift_px[:, None].astype(np.float32)
    return np.asarray(cv2.remap(image, columns, rows, cv2.INTER_LINEAR), np.uint8)


def panned(image: Image, offset: NDArray[np.float64]) -> Image:
    """Return the middle of an image that fills a frame, moved."""
    height, width = SIZE_HW
    scale = 1.3 * max(width / image.shape[1], height / image.shape[0])
    middle = np.array([width - scale * image.shape[1], height - scale * image.shape[0]]) / 2
    matrix = np.column_stack([np.eye(2) * scale, middle + offset])
    return np.asarray(cv2.warpAffine(image, matrix, (width, height)), np.uint8)


if __name__ == "__main__":
    run_command(main)
