"""Whether a photo of a large folder costs as much as one of a small folder.

python -m benchmarks.picture.folders [--few 10] [--many 2000]

Tiny photos go through `run.py` from a folder to a folder with `--effect none`: few, half of many
and many. Prints one JSON object: for each the processor seconds and the most memory in MB, and for
each half of the many the processor milliseconds that one more photo costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common.command import run_command

ROOT = Path(__file__).parents[2]
SIDE = 32


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--many", type=int, default=2000)
    options = parser.parse_args()
    print(json.dumps(costs(options.few, options.many), indent=1))


def costs(few: int, many: int) -> dict[str, dict[str, float] | float]:
    """Return what folders of so many photos cost; see the module."""
    half = (few + many) // 2
    found = {num: _cost(num) for num in (few, half, many)}
    steps = ((few, half, "first half"), (half, many, "second half"))
    more = {
        f"{name}, ms a photo": round(1000 * (found[end][0] - found[start][0]) / (end - start), 2)
        for start, end, name in steps
    }
    totals = {
        f"{num} photos": {"cpu_s": round(cpu_s, 2), "memory_mb": round(memory_mb)}
        for num, (cpu_s, memory_mb) in found.items()
    }
    return {**totals, **more}


def _cost(num: int) -> tuple[float, float]:
    """Return processor seconds and the most memory in MB of a run over so many photos."""
    noise = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        photos, outputs = Path(folder, "in"), Path(folder, "out")
        photos.mkdir()
        for index in range(num):
            pixels = noise.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            cv2.imwrite(str(photos / f"{index}.jpg"), pixels)
        command = [sys.executable, "run.py", f"{photos}/", "-o", f"{outputs}/", "--effect", "none"]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or len(list(outputs.iterdir())) != num:
            raise ValueError(f"a run over {num} photos ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    run_command(main)
