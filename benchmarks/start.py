"""How long a start takes, beside another checkout: python -m benchmarks.start OTHER [--turns 10].

Both run turn by turn with this Python, timed from the start of the process: `run.py --help` to its
end, and a photo of 640x480 until it is written with its background blurred. The files that both
make of `demo:` are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.common.command import run_command
from stream.files.outputs import save
from stream.files.photos import encode_photo
from stream.sources.demo import Demo

HERE = Path(__file__).parents[1]


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("other", type=Path, help="folder of another checkout")
    parser.add_argument("--turns", type=int, default=10)
    options = parser.parse_args()
    checkouts = {"this": HERE, "other": options.other.resolve()}
    measured = {"--help": _help_ms, "photo": _photo_ms}
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as made, Demo() as demo:
        folder = Path(made)
        photo = folder / "photo.png"
        save(encode_photo(next(iter(demo)).picture, photo)[0], photo)
        for _ in range(options.turns):
            for what, measure in measured.items():
                for name, checkout in checkouts.items():
                    times[what, name].append(measure(checkout, folder))
        digests = {name: _demo_digest(checkout, folder) for name, checkout in checkouts.items()}
    print("median (least) in ms")
    for (what, name), values in times.items():
        print(f"{what:8} {name:6} {statistics.median(values):6.0f} ({min(values):.0f})")
    print("demo.mp4:", "the same bytes" if len({*digests.values()}) == 1 else digests)


def _run(checkout: Path, *arguments: str | Path) -> float:
    """Run the program of a checkout to its end; returns when it was started."""
    began = time.time()
    command = [sys.executable, checkout / "run.py", *arguments]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    return began


def _help_ms(checkout: Path, folder: Path) -> float:
    began = _run(checkout, "--help")
    return (time.time() - began) * 1e3


def _photo_ms(checkout: Path, folder: Path) -> float:
    photo, output = folder / "photo.png", folder / "blurred.png"
    began = _run(checkout, photo, "-o", output, "-y")
    return (output.stat().st_mtime - began) * 1e3


def _demo_digest(checkout: Path, folder: Path) -> str:
    output = folder / "demo.mp4"
    _run(checkout, "demo:", "-o", output, "-y", "--effect", "replace=#2a6f97")
    return hashlib.md5(output.read_bytes(), usedforsecurity=False).hexdigest()


if __name__ == "__main__":
    run_command(main)
