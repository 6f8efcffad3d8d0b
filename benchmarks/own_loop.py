"""The program beside what one would write instead, file to file with a blurred background.

python -m benchmarks.own_loop CLIP PEER_MODELS [--quality medium:20 veryfast:20] [--turns 3]

The other two read with OpenCV, find the person with MediaPipe's network by ONNX Runtime, and pipe
frames to the same x264; they have no sound and take every frame for as long as the others.
`plain` is what tutorials show: a Gaussian blur of the whole frame and a blend in floating point.
`skilled` does as one who measures would: a blur on a quarter of the picture, a blend in whole
numbers, the network on one thread and the encoder fed by a thread of its own.

Each turn runs all three in turn. Prints one JSON object for each quality: medians of wall and
processor time, and of each loop's over the program's in the same turn; above 1 the program is the
faster. It needs onnxruntime and `selfie_segmentation.onnx` in PEER_MODELS.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from benchmarks.common.cost import run
from stream.ffmpeg.process import executable

Image = NDArray[np.uint8]
Alpha = NDArray[np.float32]
#: What the network sees of a frame, in pixels a side.
SIDE = 256
#: Radius of the blur as the program has it at 720p, roughly.
SIGMA = 12.0
#: Frames that wait for the encoder of the skilled loop.
DEPTH = 8


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("models", type=Path, help="folder of peer models")
    parser.add_argument("--quality", nargs="+", default=["medium:20", "veryfast:20"])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--loop", choices=LOOPS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if importlib.util.find_spec("onnxruntime") is None:
        raise ValueError("onnxruntime is not installed; python -m pip install onnxruntime")
    if options.loop is not None:
        mask_file(options.clip, options.models, options.out, options.quality[0], options.loop)
        return
    with tempfile.TemporaryDirectory() as folder:
        for quality in options.quality:
            print(json.dumps(compared(options, Path(folder), quality)), flush=True)


def compared(options: argparse.Namespace, folder: Path, quality: str) -> dict[str, Any]:
    """Run the program and both loops in turn; return what they took."""
    out = folder / "out.mp4"
    program = [sys.executable, "run.py", options.clip, "-y", "-o", out, "--quality", quality]
    itself = [sys.executable, "-m", "benchmarks.own_loop", options.clip, options.models]
    commands = {"maskcast": program} | {
        name: [*itself, "--quality", quality, "--loop", name, "--out", out] for name in LOOPS
    }
    costs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for turn in range(options.turns):
        for name in sorted(commands, reverse=turn % 2 == 1):
            costs[name].append(run(commands[name]))
    line: dict[str, Any] = {"clip": options.clip.name, "quality": quality, "turns": options.turns}
    for key in ("wall_s", "cpu_s"):
        line[key] = {name: statistics.median(x[key] for x in costs[name]) for name in commands}
        pairs = {name: zip(costs[name], costs["maskcast"], strict=True) for name in LOOPS}
        line[f"{key} over maskcast's"] = {
            name: round(statistics.median(one[key] / ours[key] for one, ours in each), 3)
            for name, each in pairs.items()
        }
    return line


# === The loops ===


def mask_file(clip: Path, models: Path, out: Path, quality: str, loop: str) -> None:
    """Read a clip, blur what is behind the person, and write it."""
    network = selfie_network(models / "selfie_segmentation.onnx", loop)
    capture = cv2.VideoCapture(str(clip))
    fps = capture.get(cv2.CAP_PROP_FPS)
    size_wh = (
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    )
    with encoder(out, size_wh, fps, quality) as process:
        assert process.stdin is not None
        LOOPS[loop](capture, network, process.stdin.write)
        process.stdin.close()
    if process.returncode:
        raise ValueError(f"{out}: ffmpeg ended with {process.returncode}")


def plain(
    capture: cv2.VideoCapture, network: Callable[[Image], Alpha], write: Callable[[bytes], object]
) -> None:
    """One thing after the other, in floating point."""
    while True:
        good, frame = capture.read()
        if not good:
            return
        alpha = network(np.asarray(frame, np.uint8))[..., None]
        blurred = cv2.GaussianBlur(frame, (0, 0), SIGMA)
        mixed = alpha * frame + (1 - alpha) * blurred
        write(mixed.astype(np.uint8).tobytes())


def skilled(
    capture: cv2.VideoCapture, network: Callable[[Image], Alpha], write: Callable[[bytes], object]
) -> None:
    """Less to compute, and the encoder does not wait for the network."""
    frames: queue.Queue[Image | None] = queue.Queue(DEPTH)

    def hand_over() -> None:
        while (frame := frames.get()) is not None:
            write(frame.data)

    thread = threading.Thread(target=hand_over)
    thread.start()
    while True:
        good, frame = capture.read()
        if not good:
            break
        height, width = frame.shape[:2]
        alpha = network(np.asarray(frame, np.uint8))
        small = cv2.resize(frame, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
        blurred = cv2.resize(cv2.GaussianBlur(small, (0, 0), SIGMA / 4), (width, height))
        frames.put(np.asarray(cv2.blendLinear(frame, blurred, alpha, 1 - alpha), np.uint8))
    frames.put(None)
    thread.join()


LOOPS: dict[str, Callable[..., None]] = {"plain": plain, "skilled": skilled}


def selfie_network(path: Path, loop: str) -> Callable[[Image], Alpha]:
    """Return MediaPipe's network: a BGR frame in, alpha of its size from 0 to 1 out."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if loop == "skilled":
        options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path), options)
    except Exception as error:  # of any kind, as the library pleases
        raise ValueError(f"{path}: cannot be loaded ({' '.join(str(error).split())})") from error
    name = session.get_inputs()[0].name

    def run_network(frame: Image) -> Alpha:
        small = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
        (maps,) = session.run(None, {name: rgb[None]})
        size_wh = frame.shape[1], frame.shape[0]
        return np.asarray(cv2.resize(np.clip(maps[0, ..., 0], 0, 1), size_wh), np.float32)

    return run_network


def encoder(
    out: Path, size_wh: tuple[int, int], fps: float, quality: str
) -> subprocess.Popen[bytes]:
    """Return ffmpeg, which encodes the BGR frames that it is given."""
    preset, _, crf = quality.partition(":")
    command = [executable(), "-v", "error", "-f", "rawvideo", "-pixel_format", "bgr24"]
    command += ["-video_size", f"{size_wh[0]}x{size_wh[1]}", "-framerate", str(fps), "-i", "-"]
    command += ["-c:v", "libx264", "-preset", preset, "-crf", crf or "20", "-pix_fmt", "yuv420p"]
    return subprocess.Popen([*command, "-y", str(out)], stdin=subprocess.PIPE)


if __name__ == "__main__":
    run_command(main)
