"""The whole program on a clip against ffmpeg decoding and encoding it alone, in turn.

python -m benchmarks.stream CLIP [--quality medium:20] [--effect blur] [--turns 3]

Prints one JSON object a turn and one with the medians. `share` is ffmpeg's time over the
program's: 1 would mean that masks and effects cost nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stream.ffmpeg import executable


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--quality", default="medium:20", help="of x264, PRESET:CRF")
    parser.add_argument("--effect", default="blur")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    preset, _, crf = options.quality.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        out, stats = Path(folder) / "out.mp4", Path(folder) / "stats.json"
        program = [sys.executable, "run.py", options.clip, "-y", "-o", out, "--stats", stats]
        program += ["--quality", options.quality, "--effect", options.effect]
        alone = [executable(), "-v", "error", "-nostdin", "-i", options.clip, "-map", "0:v:0"]
        alone += ["-map", "0:a?", "-c:a", "copy", "-c:v", "libx264", "-preset", preset]
        alone += ["-crf", crf or "20", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-y", out]
        lines = []
        for turn in range(options.turns):
            line = {"turn": turn, "ffmpeg": cost(alone), "maskcast": cost(program)}
            line["share"] = round(line["ffmpeg"]["wall_s"] / line["maskcast"]["wall_s"], 3)
            lines.append(line)
            print(json.dumps(line), flush=True)
        summary = {
            "clip": options.clip.name,
            "quality": options.quality,
            "effect": options.effect,
            "share": statistics.median(line["share"] for line in lines),
            "stats": json.loads(stats.read_text()),
        }
        print(json.dumps(summary))


def cost(command: Sequence[str | Path]) -> dict[str, float]:
    """Run a command; returns its wall time and the processor time of it and its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, stderr=subprocess.DEVNULL)
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": round(wall_s, 2), "cpu_s": round(cpu_s, 2)}


if __name__ == "__main__":
    main()
