"""Blur for many minutes, as if a clip were a camera: frames shown, memory, latency.

python -m benchmarks.endurance.soak CLIP [--minutes 30]

The clip is joined to itself and played in real time into a sink that takes no time, with the
default network. Prints one JSON object: the share of frames shown, and for each third of the time
after a tenth of warm-up the median memory of the program and its decoder, in MB, and median and
95th percentile of the latency from capture to sink, in ms, sampled five times a second.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.command import run_command
from benchmarks.endurance.memory import join
from segmentation import load
from stream import open_run, open_source, play
from stream.stats import Stats

WARM_UP = 0.1  # of the time


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.mkv"
        join(options.clip, long, options.minutes * 60)
        stats, samples = show(long)
    frames = stats.counts
    line = {
        "clip": options.clip.name,
        "minutes": options.minutes,
        "frames": frames["read"],
        "shown": round(frames["null: written"] / frames["read"], 5),
        "no_mask": frames["no_mask"],
        **summary(samples),
        "stats": stats.as_dict(),
    }
    print(json.dumps(line))


def show(clip: Path) -> tuple[Stats, list[tuple[float, float]]]:
    """Play the clip; returns also memory in MB and latency in ms, five times a second."""
    samples: list[tuple[float, float]] = []
    with (
        open_source(str(clip), realtime=True) as source,
        open_run(source, "null:", segmenter=load("portrait")) as run,
    ):
        play(run, on_progress=_sampler(run.stats, samples))
    return run.stats, samples


def summary(samples: list[tuple[float, float]]) -> dict[str, Any]:
    """Return memory and latency of each third, and what the last third has more than the first."""
    steady = samples[round(len(samples) * WARM_UP) :]
    thirds = [steady[len(steady) * k // 3 : len(steady) * (k + 1) // 3] for k in range(3)]
    memory_mb = [statistics.median(size for size, _ in third) for third in thirds]
    latencies = [sorted(latency for _, latency in third) for third in thirds]
    return {
        "memory_mb": [round(size, 1) for size in memory_mb],
        "memory_grown": round(memory_mb[2] / memory_mb[0] - 1, 4),
        "latency_p50_ms": [round(statistics.median(each), 1) for each in latencies],
        "latency_p95_ms": [round(each[len(each) * 95 // 100], 1) for each in latencies],
    }


def _sampler(stats: Stats, samples: list[tuple[float, float]]) -> Callable[[], None]:
    program = psutil.Process()

    def sample() -> None:
        size = program.memory_info().rss
        size += sum(child.memory_info().rss for child in program.children())
        samples.append((size / 1e6, stats.latest.get("null: latency", 0.0) * 1e3))

    return sample


if __name__ == "__main__":
    run_command(main)
