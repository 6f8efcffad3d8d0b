"""A few frames of a clip, from a file through the whole program into a file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np

import run
from stream.ffmpeg.process import executable


def cast_clip(clip: Path, folder: Path, num_frames: int, *options: object) -> dict[str, int]:
    """Cast the beginning of a clip with `options`; returns what was counted of its frames.

    What networks with made-up weights find means nothing, so that only part of the picture must
    be replaced.
    """
    short, output, stats = folder / "clip.mkv", folder / "out.mp4", folder / "stats.json"
    cut = ["-v", "error", "-i", clip, "-map", "0:v", "-frames:v", str(num_frames), "-c", "copy"]
    subprocess.run([executable(), *cut, short], check=True)
    arguments = [short, "-o", output, "--effect", "replace=#00ff00", "--stats", stats, *options]
    assert run.main([str(argument) for argument in arguments]) == 0
    frames: dict[str, int] = json.loads(stats.read_text())["frames"]
    assert frames["read"] == frames["processed"] == frames[f"{output} written"] >= num_frames
    assert frames.get("no_mask", 0) == 0
    before, after = (cv2.VideoCapture(str(path)).read()[1] for path in (short, output))
    assert before.shape == after.shape
    changed = np.abs(before.astype(int) - after).max(axis=2) > 60
    assert 0.01 < changed.mean() < 0.99
    return frames


def assert_keyframes_were_reused(frames: dict[str, int]) -> None:
    """The network ran on some frames, and the others got its masks, moved with the picture."""
    assert frames["keyframes"] + frames["carried"] + frames["still"] == frames["read"]
    assert 1 < frames["keyframes"] < frames["carried"]
