"""Memory of the whole program, decoder included, while it plays a clip again and again.

python -m benchmarks.endurance.memory CLIP [--minutes 10] [--realtime] [--effect blur]

The clip is joined to itself to `--minutes` of video. Prints one JSON object: resident memory, in
MB, of the program and its child processes, as medians over tenths of the run (the first is start
and warm-up), and the counts of the run.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.common.command import run_command
from stream.ffmpeg.process import executable
from stream.sources.video import VideoSource


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--effect", default="blur")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        long, stats = Path(folder) / "long.mkv", Path(folder) / "stats.json"
        join(options.clip, long, options.minutes * 60)
        command = [sys.executable, "run.py", str(long), "-o", "null:", "--stats", str(stats)]
        command += ["--effect", options.effect, *(["--realtime"] if options.realtime else [])]
        sizes = watch(command)
        tenths = [sizes[len(sizes) * i // 10 : len(sizes) * (i + 1) // 10] for i in range(10)]
        line = {
            "clip": options.clip.name,
            "minutes": options.minutes,
            "memory_mb": [round(statistics.median(part), 1) for part in tenths if part],
            "peak_mb": round(max(sizes), 1),
            "stats": json.loads(stats.read_text()),
        }
        print(json.dumps(line))


def join(clip: Path, target: Path, seconds: float) -> None:
    """Write `seconds` of `clip` repeated, its packets copied."""
    with VideoSource(str(clip)) as video:
        length_s = video.info.duration_s or 1.0
    command = [executable(), "-v", "error", "-nostdin", "-stream_loop"]
    command += [str(math.ceil(seconds / length_s) - 1), "-i", str(clip), "-map", "0:v:0"]
    subprocess.run([*command, "-c", "copy", str(target)], check=True)


def watch(command: list[str]) -> list[float]:
    """Run a command; returns its memory with its children's, in MB, twice a second."""
    sizes = []
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        family = psutil.Process(process.pid)
        while process.poll() is None:
            total = 0
            for member in [family, *family.children(recursive=True)]:
                try:
                    total += member.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            sizes.append(total / 1e6)
            time.sleep(0.5)
    if process.returncode != 0:
        raise SystemExit(f"the program ended with {process.returncode}")
    return sizes


if __name__ == "__main__":
    run_command(main)
