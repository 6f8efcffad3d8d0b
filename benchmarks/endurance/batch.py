"""`run.py batch`: what it costs, and that nothing is lost or left whatever is killed.

python -m benchmarks.endurance.batch [--clips 20] [--photos 600]
python -m benchmarks.endurance.batch --kills 20 [--clips 40] [--photos 60] [--seed 0]
python -m benchmarks.endurance.batch --many 10000

The first one does the same files in four ways, in turn: a loop that starts `run.py` for each of
the first twenty, one `run.py` with the folder (of photos only, as videos cannot be given so), and
`batch` with one and with two workers; files a second and processor seconds a file of each, videos
and photos apart.

With `--kills` a batch is killed at random moments, in turn a worker (and all of it some seconds
later), the driver, and all of it at once, and begun again each time; in the end it is left alone,
and everything is compared with what a batch made that was never disturbed. Prints how many files
were done more than once, what was left over, and how many outputs differ.

With `--many` so many photos of 64x64: seconds and the driver's memory, of the first run and of one
that finds nothing to do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from benchmarks.common.command import run_command
from tests import ffmpeg_reference as reference

RUN = [sys.executable, str(Path(__file__).parents[2] / "run.py")]
MAX_KILLS_WAIT_S = 4.0
MAX_LOOP = 20  # files that a loop does, for its speed


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--many", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.many is not None:
            make_photos(folder / "in", options.many, (64, 64))
            print(json.dumps(many(folder)), flush=True)
            return
        make_clips(folder / "clips", options.clips)
        make_photos(folder / "photos", options.photos, (480, 640))
        if options.kills is not None:
            print(json.dumps(kills(folder, options.kills, options.seed)), flush=True)
            return
        for kind in ("clips", "photos"):
            print(json.dumps(costs(folder, kind)), flush=True)


def make_clips(folder: Path, num: int) -> None:
    """Write clips of one second, each with other pictures."""
    folder.mkdir(parents=True)
    for number in range(num):
        source = f"testsrc2=size=320x240:rate=25:duration=1,hue=h={number * 7}"
        reference.ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", folder / f"{number}.mp4")


def make_photos(folder: Path, num: int, size_hw: tuple[int, int]) -> None:
    """Write photos, each with other pixels."""
    folder.mkdir(parents=True)
    image = np.random.default_rng(0).integers(0, 255, (*size_hw, 3), np.uint8)
    for number in range(num):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.roll(image, number, axis=1))


# === Cost ===


def costs(folder: Path, kind: str) -> dict[str, Any]:
    """Do the same files in each way; returns what it took, best of two turns."""
    files = sorted((folder / kind).iterdir())
    ways: dict[str, list[list[Any]]] = {
        "loop": [[file, "-y", "-o", folder / f"one{file.suffix}"] for file in files[:MAX_LOOP]],
        "folder": [[f"{folder / kind}/", "-y", "-o", f"{folder / 'all'}/"]],
        "batch, 1 worker": [["batch", folder / kind, "-o", folder / "1", "--workers", "1"]],
        "batch, 2 workers": [["batch", folder / kind, "-o", folder / "2", "--workers", "2"]],
    }
    if kind == "clips":
        del ways["folder"]
    best: dict[str, dict[str, float]] = {}
    for turn in range(2):
        for name, commands in ways.items():
            # batches have something to do again
            more = ["--quality", f"medium:{20 + turn}"] if name.startswith("batch") else []
            num_files = len(commands) if name == "loop" else len(files)
            figures = measured([[*each, *more] for each in commands], num_files)
            if name not in best or figures["files_per_s"] > best[name]["files_per_s"]:
                best[name] = figures
    return {"files": kind, "number": len(files), **best}


def measured(commands: Sequence[Sequence[Any]], num_files: int) -> dict[str, float]:
    """Run commands one after the other; returns files a second, processor seconds a file."""
    began = time.perf_counter()
    before = psutil.Process().cpu_times()
    for command in commands:
        subprocess.run([*RUN, *map(str, command)], check=True, stderr=subprocess.DEVNULL)
    after = psutil.Process().cpu_times()
    cpu_s = after.children_user + after.children_system
    cpu_s -= before.children_user + before.children_system
    return {
        "files_per_s": round(num_files / (time.perf_counter() - began), 2),
        "cpu_s_per_file": round(cpu_s / num_files, 3),
    }


def many(folder: Path) -> dict[str, Any]:
    """Do many photos, then nothing; returns seconds and the driver's memory of both."""
    figures: dict[str, Any] = {}
    for name in ("all_to_do", "nothing_to_do"):
        began, most = time.perf_counter(), 0
        line = [*RUN, "batch", str(folder / "in"), "-o", str(folder / "out"), "--effect", "none"]
        with psutil.Popen(line, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                most = max(most, memory_of(process))
                time.sleep(0.05)
        seconds = round(time.perf_counter() - began, 2)
        figures[name] = {"seconds": seconds, "driver_mb": round(most / 1e6, 1)}
    return figures


def memory_of(process: psutil.Process) -> int:
    """Return the bytes that a process takes, 0 when it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


# === Kills ===


def kills(folder: Path, num: int, seed: int) -> dict[str, Any]:
    """Kill a batch so often, let it end, and compare."""
    rng = np.random.default_rng(seed)
    line = [*RUN, "batch", str(folder / "clips"), str(folder / "photos"), "--json"]
    subprocess.run([*line, "-o", str(folder / "calm")], check=True, capture_output=True)
    ended: Counter[str] = Counter()
    victims: Counter[str] = Counter()
    code = None
    for turn in range(num + 1):
        victim = ("worker", "driver", "all")[turn % 3]
        with psutil.Popen(
            [*line, "-o", str(folder / "killed")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            if turn < num:
                while process.poll() is None and not workers_of(process):
                    time.sleep(0.05)
                time.sleep(float(rng.uniform(0.0, MAX_KILLS_WAIT_S)))
                victims[victim] += kill(process, victim)
                if victim == "worker":  # which the batch gets over, and would end by itself
                    time.sleep(float(rng.uniform(0.0, MAX_KILLS_WAIT_S)))
                    kill(process, "all")
            printed = process.stdout.read().decode().splitlines()
            code = process.wait()
        ended.update(json.loads(each)["input"] for each in printed if each.endswith("}"))
    return compared(folder, code) | {
        "killed": dict(victims),
        "files_done_more_than_once": sum(count > 1 for count in ended.values()),
    }


def kill(process: psutil.Popen, victim: str) -> int:
    """Kill a worker, the driver, or all; returns whether there was one."""
    try:
        everybody = [process, *process.children(recursive=True)]
        chosen = {"worker": workers_of(process)[:1], "driver": [process], "all": everybody}
        for each in chosen[victim]:
            each.send_signal(signal.SIGKILL)
    except psutil.Error:
        return 0
    return int(bool(chosen[victim]))


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """Return the workers that a batch has started."""
    try:
        children = process.children(recursive=True)
        return [each for each in children if "spawn_main" in "".join(each.cmdline())]
    except psutil.Error:
        return []


def compared(folder: Path, code: int | None) -> dict[str, Any]:
    """Return how what was killed differs from what was not."""
    calm, killed = (digests(folder / name) for name in ("calm", "killed"))
    left = [path for path in (folder / "killed").rglob(".*") if path.name != ".maskcast"]
    return {
        "exit_code": code,
        "outputs": len(calm),
        "missing": len(set(calm) - set(killed)),
        "more": len(set(killed) - set(calm)),
        "different": sum(calm[name] != killed[name] for name in set(calm) & set(killed)),
        "left_over": len(left),
    }


def digests(folder: Path) -> dict[str, str]:
    """Return the checksum of each output."""
    files = [path for path in folder.rglob("*") if path.suffix in (".mp4", ".jpg")]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


if __name__ == "__main__":
    run_command(main)
