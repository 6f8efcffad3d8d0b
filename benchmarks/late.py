"""A network slower than the video, live: frames shown, latency, age of the masks.

python -m benchmarks.late CLIP [--seconds 1] [--output OUT.mp4]
python -m benchmarks.late CLIP --model mask-rcnn --weights FILE --size 320 [--output OUT.mp4]

The clip plays at its own pace and drops what comes too late. By itself the portrait network
waits for so many seconds before each answer, which takes no processor time; with `--model` a
network really computes, on all processors but one. Prints one JSON object; with `--output` what
was shown is also encoded, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from segmentation import Instances, Segmenter, load
from segmentation.loading import DETAILED
from stream import Keyframes, open_run, open_source, play
from stream.opening import tell
from stream.stats import Stats


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0, help="that each image takes")
    parser.add_argument("--model", default="portrait")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--size", type=int)
    parser.add_argument("--keyframe", help="as of run.py; default: auto")
    parser.add_argument("--reuse", default="flow", choices=("hold", "flow"))
    parser.add_argument("--output", help="file to be looked at")
    options = parser.parse_args()
    detail = "live" if options.model in DETAILED else "auto"
    how = {"weights": options.weights, "size": options.size, "detail": detail}
    segmenter: Segmenter = load(options.model, **how)
    if options.model == "portrait":
        segmenter = Slowed(segmenter, options.seconds)
    stats = show(
        options.clip,
        segmenter,
        Keyframes.parse(options.keyframe or "auto", options.reuse),
        ["null:", *([options.output] if options.output else [])],
    )
    frames = stats.counts
    told = stats.as_dict()
    line = {
        "clip": options.clip.name,
        "model": f"{segmenter.name} on {segmenter.device}",
        "seconds": options.seconds if options.model == "portrait" else None,
        "reuse": options.reuse,
        "shown": round(frames["null: written"] / frames["read"], 4),
        "covered": frames["no_mask"],
        "keyframes": frames["keyframes"],
        "carried": frames["carried"],
        "still": frames["still"],
        "stages_ms": told["stages_ms"],
        "peak_memory_mb": told["peak_memory_mb"],
    }
    print(json.dumps(line))


class Slowed:
    """A network that waits before it answers."""

    def __init__(self, segmenter: Segmenter, seconds: float) -> None:
        """Take the place of a network."""
        self._segmenter, self._seconds = segmenter, seconds
        self.name, self.classes = f"slowed {segmenter.name}", segmenter.classes
        self.max_input, self.device = segmenter.max_input, segmenter.device
        self.max_images, self.fast = segmenter.max_images, False
        self.separates_objects = segmenter.separates_objects

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """See `Segmenter.segment`."""
        time.sleep(self._seconds)
        return self._segmenter.segment(images)


def show(clip: Path, segmenter: Segmenter, keyframes: Keyframes, outputs: list[str]) -> Stats:
    """Show a clip as if it came from a camera; returns what was counted."""
    quality: dict[str, Any] = {"overwrite": True, "preset": "ultrafast", "crf": 18}
    with (
        open_source(str(clip), on_message=tell, realtime=True) as source,
        open_run(source, *outputs, segmenter=segmenter, keyframes=keyframes, **quality) as run,
    ):
        play(run)
    return run.stats


if __name__ == "__main__":
    run_command(main)
