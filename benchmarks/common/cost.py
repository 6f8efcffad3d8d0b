"""What a command takes: wall time, and processor time by who spent it."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

SAMPLE_S = 0.05


def run(command: Sequence[str | Path]) -> dict[str, float]:
    """Run a command; returns its wall time and processor times in seconds.

    `cpu_s` is of the command and its children, `decode` and `encode` of the children that ffmpeg
    is for the program.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    parts: dict[int, tuple[str, float]] = {}
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            sample(process.pid, parts)
            time.sleep(SAMPLE_S)
    wall_s = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {"decode": 0.0, "encode": 0.0}
    for part, cpu_s in parts.values():
        cost[part] += cpu_s
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cost | {"wall_s": round(wall_s, 3), "cpu_s": round(cpu_s, 3)}


def sample(pid: int, parts: dict[int, tuple[str, float]]) -> None:
    """Note which of its tasks each child is at, and its processor time so far."""
    try:
        for child in psutil.Process(pid).children():
            times = child.cpu_times()
            part = "encode" if "pipe:0" in child.cmdline() else "decode"
            parts[child.pid] = part, times.user + times.system
    except psutil.Error:
        return
