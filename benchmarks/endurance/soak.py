"""A window and a recording for many minutes, as if a clip were a camera.

python -m benchmarks.endurance.soak CLIP [--minutes 30]

The clip is joined to itself and played in real time with the default network, its background
blurred, into a window and into an .mp4. Without a display it brings one of its own (Xvfb). Prints a
row a minute: the share of frames shown, the median memory of the program and its children, and
median and 95th percentile of the latency from capture to window, sampled five times a second. Then
one JSON object: the same of the whole, and what the last third has over the first, after a tenth
of warm-up.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.common.command import run_command
from benchmarks.endurance.memory import join
from segmentation import load
from stream import open_run, open_source, play
from stream.stats import Stats
from tests.users.screens import virtual_screen

WARM_UP = 0.1  # of the time
LOOKS_S = 1.0  # between two looks at which children there are: one takes as long as a picture
ROW = "{:>6} {:>8} {:>10} {:>8} {:>8}"


class Sample(NamedTuple):
    """What is seen at a time."""

    at_s: float
    memory_mb: float
    latency_ms: float
    num_read: int
    num_shown: int


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if "DISPLAY" not in os.environ:
            os.environ["DISPLAY"] = stack.enter_context(virtual_screen("1600x1000"))
        long = folder / "long.mkv"
        join(options.clip, long, options.minutes * 60)
        stats, samples = show(long, folder / "recording.mp4")
    line = {"clip": options.clip.name, "minutes": options.minutes, **summary(samples)}
    print(json.dumps({**line, "stats": stats.as_dict()}))


def show(clip: Path, recording: Path) -> tuple[Stats, list[Sample]]:
    """Play the clip, printing a row a minute; returns what was seen as well."""
    samples: list[Sample] = []
    print(ROW.format("minute", "shown", "memory MB", "p50 ms", "p95 ms"), flush=True)
    with (
        open_source(str(clip), realtime=True) as source,
        open_run(source, "window:", recording, segmenter=load("portrait")) as run,
    ):
        play(run, on_progress=_sampler(run.stats, samples))
    return run.stats, samples


def _sampler(stats: Stats, samples: list[Sample]) -> Callable[[], None]:
    program, began = psutil.Process(), time.monotonic()
    processes, looked_s = [program], -LOOKS_S

    def sample() -> None:
        nonlocal processes, looked_s
        if time.monotonic() - began - looked_s >= LOOKS_S:
            looked_s = time.monotonic() - began
            processes = [program, *program.children()]
        size = sum(map(_resident, processes))
        latency_s = stats.latest.get("window: latency", 0.0)
        counts = stats.counts
        now_s = time.monotonic() - began
        num_before = len(samples)
        samples.append(
            Sample(now_s, size / 1e6, latency_s * 1e3, counts["read"], counts["window: written"])
        )
        if num_before and int(samples[-2].at_s // 60) < (minute := int(now_s // 60)):
            _print_row(minute, [one for one in samples if one.at_s // 60 == minute - 1])

    return sample


def _resident(process: psutil.Process) -> int:
    """Return how much memory a process has, in bytes, which may have ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _print_row(minute: int, samples: Sequence[Sample]) -> None:
    shown = f"{share_shown(samples):.2%}"
    memory = f"{statistics.median(one.memory_mb for one in samples):.1f}"
    p50, p95 = latencies_ms(samples)
    print(ROW.format(minute, shown, memory, f"{p50:.1f}", f"{p95:.1f}"), flush=True)


def share_shown(samples: Sequence[Sample]) -> float:
    """Return the share of frames read that the window showed."""
    first, last = samples[0], samples[-1]
    return (last.num_shown - first.num_shown) / max(1, last.num_read - first.num_read)


def latencies_ms(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return median and 95th percentile."""
    latencies = sorted(one.latency_ms for one in samples)
    return statistics.median(latencies), latencies[len(latencies) * 95 // 100]


def summary(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return memory and latency of each third, and what the last third has more than the first."""
    steady = samples[round(len(samples) * WARM_UP) :]
    thirds = [steady[len(steady) * k // 3 : len(steady) * (k + 1) // 3] for k in range(3)]
    memory_mb = [statistics.median(one.memory_mb for one in third) for third in thirds]
    latencies = [latencies_ms(third) for third in thirds]
    return {
        "shown": round(share_shown(samples), 5),
        "memory_mb": [round(size, 1) for size in memory_mb],
        "memory_grown": round(memory_mb[2] / memory_mb[0] - 1, 4),
        "latency_p50_ms": [round(p50, 1) for p50, _ in latencies],
        "latency_p95_ms": [round(p95, 1) for _, p95 in latencies],
        "latency_p95_grown": round(latencies[2][1] / latencies[0][1], 3),
    }


if __name__ == "__main__":
    run_command(main)
