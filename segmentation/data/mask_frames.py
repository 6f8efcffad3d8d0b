"""Videos as folders of frames with true masks, as DAVIS lays them out.

Perazzi et al. 2016, "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation", https://davischallenge.org.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import decoded
from segmentation.errors import DataError

FRAMES, MASKS = "JPEGImages", "Annotations"
#: Beside which the same two folders hold photos and boxes
VOC_FOLDERS = ("SegmentationClass", "SegmentationObject")


@dataclass(frozen=True, slots=True)
class FrameSequence:
    """The frames of a video that have a mask.

    Attributes:
        name: of the sequence.
        frames: files of frame and mask, in order.
    """

    name: str
    frames: tuple[tuple[Path, Path], ...]


def has_sequences(folder: Path) -> bool:
    """Tell whether a folder is laid out as `find_sequences` reads it."""
    return folder.is_dir() and any(
        not any((frames.parent / name).is_dir() for name in VOC_FOLDERS)
        for above in ("", "*/")
        for frames in folder.glob(f"{above}{FRAMES}")
    )


def find_sequences(folder: Path) -> list[FrameSequence]:
    """Return the sequences of a folder.

    `JPEGImages/SEQUENCE/00000.jpg` with `Annotations/SEQUENCE/00000.png`, or a folder for each
    sequence with both folders in it, or one sequence with both folders right there. Between them
    and the sequences there may be folders of resolutions, as in DAVIS (`480p`).

    Raises:
        DataError: masks without frames, or no sequence at all.
    """
    problems = Problems(folder)
    places = [(path, path.parent / MASKS) for path in sorted(folder.glob(f"*/{FRAMES}"))]
    for images in sorted({path.parent for path in (folder / FRAMES).rglob("*.jpg")}):
        places.append((images, folder / MASKS / images.relative_to(folder / FRAMES)))
    sequences = []
    for images, masks in places:
        name = images.name if images.name != FRAMES else images.parent.name
        frames = []
        for mask in sorted(masks.glob("*.png")):
            frame = images / f"{mask.stem}.jpg"
            frames.append((frame, mask))
            if not frame.is_file():
                problems.add(mask, f"there is no frame {frame}")
        if not frames:
            problems.add(masks, "has no masks (.png)")
        sequences.append(FrameSequence(name, tuple(frames)))
    if not places:
        problems.add(folder, f"no {FRAMES} with photos (.jpg) in it, nor in a folder in it")
    problems.check(strict=True)
    return sequences


def read_frame(frame: Path, mask: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a frame, (H, W, 3) RGB, and its mask in the colours of the file, (H, W, 3) too.

    Raises:
        DataError: one of them cannot be read, or they differ in size.
    """
    image, colours = (decoded(path, cv2.IMREAD_COLOR_RGB) for path in (frame, mask))
    if image.shape != colours.shape:
        sizes = [f"{each.shape[1]}x{each.shape[0]}" for each in (colours, image)]
        raise DataError(f"{mask}: {sizes[0]}, but its frame is {sizes[1]}")
    return image, colours
