"""Makes the README's picture: one frame of the demo under four effects.

python -m benchmarks.readme_picture docs/demo.jpg
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from effects import Blur, Cutout, Effect, Grey, Replace
from segmentation.loading import load
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.pipeline import Look, Pipeline, shrunk
from stream.sources.demo import Demo
from stream.stats import Stats


def main() -> None:
    """Run the command."""
    (target,) = sys.argv[1:]
    segmenter = load("portrait")
    rows = np.linspace(0, 1, 64)[:, None, None]
    sunset = ((1 - rows) * (40, 60, 140) + rows * (250, 150, 70)).astype(np.uint8)
    effects: list[Effect] = [Blur(), Grey(), Replace(np.repeat(sunset, 64, axis=1)), Cutout()]
    with Demo() as demo:
        (frame,) = islice(demo, 20, 21)
    panels = [frame.image]
    for effect in effects:
        pipeline = Pipeline(
            PerFrameTracker(segmenter),
            Refiner(blend=False),
            Look(effect),
            max_input=segmenter.max_input,
            stats=Stats(),
        )
        panels.append(on_squares(pipeline.process(frame).image))
    panels = [shrunk(RgbPicture(panel[:, 80:560]), 320) for panel in panels]
    picture = np.concatenate(panels, axis=1)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)[1]
    Path(target).write_bytes(data.tobytes())


def on_squares(image: np.ndarray) -> np.ndarray:
    """Put a transparent image on the squares that stand for nothing; others stay as they are."""
    if image.shape[2] == 3:
        return image
    rows, columns = np.indices(image.shape[:2]) // 20
    squares = np.where((rows + columns) % 2, 255, 215)[..., None]
    alpha = image[..., 3:] / 255
    return np.asarray(image[..., :3] * alpha + squares * (1 - alpha), np.uint8)


if __name__ == "__main__":
    main()
