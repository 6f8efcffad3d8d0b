"""Makes the README's picture: eight seconds of the demo, as they are and under three effects.

python -m benchmarks.readme_picture docs/demo.webp
"""

from __future__ import annotations

import argparse
import subprocess
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import effects
from benchmarks.common.command import run_command
from stream import open_run, outputs
from stream.ffmpeg.process import executable

Image = NDArray[np.uint8]

#: One frame in three, 10 a second; the demo's last one leads to its first.
STEP, FPS = 3, 10
#: Of the frame's width, about where the portrait is.
COLUMNS = slice(80, 560)
PANEL_WH = (240, 240)
#: Of WebP, 0 to 100: from 75 on the sky shows no blocks.
QUALITY = 75


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", type=Path, help="docs/demo.webp")
    options = parser.parse_args()
    replace = effects.Replace(sunset())
    panels = {"before": "none", "blur": "blur", "replace": replace, "mask": "mask"}
    with open_run("demo:", effect="none") as run:
        shown = [
            {word: effects.apply(effect, each.image, each.alpha) for word, effect in panels.items()}
            for each in islice(outputs(run), 0, None, STEP)
        ]
    encode([picture(each) for each in shown], options.target)


def sunset() -> Image:
    """Return a sky in the evening."""
    rows = np.linspace(0, 1, 64)[:, None, None]
    sky = (1 - rows) * (40, 60, 140) + rows * (250, 150, 70)
    return np.repeat(sky.astype(np.uint8), 64, axis=1)


def picture(panels: dict[str, Image]) -> Image:
    """Return pictures side by side, each with its caption."""
    return np.hstack([captioned(panel[:, COLUMNS], each) for each, panel in panels.items()])


def captioned(panel: Image, caption: str) -> Image:
    """Return a picture at the size of a panel, with a word on a dark plate in its lower corner."""
    small = np.asarray(cv2.resize(panel, PANEL_WH, interpolation=cv2.INTER_AREA), np.uint8)
    font, scale = cv2.FONT_HERSHEY_DUPLEX, 0.5
    (width, height), _ = cv2.getTextSize(caption, font, scale, 1)
    plate = small[-height - 15 :, : width + 16]
    plate[:] = plate // 4
    cv2.putText(small, caption, (8, PANEL_WH[1] - 8), font, scale, (255,) * 3, 1, cv2.LINE_AA)
    return small


def encode(pictures: list[Image], target: Path) -> None:
    """Write pictures as a moving one that begins again at its end, as WebP."""
    height, width = pictures[0].shape[:2]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(FPS)]
    coded = ["-c:v", "libwebp_anim", "-quality", str(QUALITY), "-compression_level", "4"]
    command = [executable(), "-v", "error", "-y", *raw, "-i", "pipe:0", *coded, "-loop", "0"]
    data = b"".join(each.tobytes() for each in pictures)
    subprocess.run([*command, str(target)], input=data, check=True, stdout=subprocess.PIPE)


if __name__ == "__main__":
    run_command(main)
