"""What it costs that outputs lie on the disk before they have their names.

python -m benchmarks.sync [--folder FOLDER] [--rounds N]

Each row is done with and without waiting for the disk, turn by turn: a file as large as a long
video, photos as `-o folder/` writes them, one after the other, and the masks of `-o instances:`,
all of which get their names at the end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from segmentation.unfinished import put_in_place
from stream.files.whole_folders import put_all_in_place

Place = Callable[[Path, Path], None]


def main() -> None:
    """Print a row for each kind of output."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is given")
    options = parser.parse_args()
    kinds: list[tuple[str, int, int]] = [
        ("one file of 100 MB", 1, 100_000_000),
        ("100 photos of 300 kB", 100, 300_000),
        ("1000 masks of 2 kB, named together", 1000, 2_000),
    ]
    for title, num, size in kinds:
        together = "together" in title
        with_s: list[float] = []
        without_s: list[float] = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                with_s.append(_seconds(Path(folder), num, size, together, syncs=True))
                without_s.append(_seconds(Path(folder), num, size, together, syncs=False))
        before, after = statistics.median(without_s), statistics.median(with_s)
        print(f"{title}: {before * 1e3:.0f} ms without, {after * 1e3:.0f} ms with", flush=True)


def _seconds(folder: Path, num: int, size: int, together: bool, *, syncs: bool) -> float:
    """Return how long it takes to write files and to give them their names."""
    part, target = folder / f"part {syncs}", folder / f"target {syncs}"
    for made in (part, target):
        made.mkdir()
    data = os.urandom(size)
    place: Place = put_in_place if syncs else os.replace
    began = time.perf_counter()
    for index in range(num):
        (part / f"{index}").write_bytes(data)
        if not together:
            place(part / f"{index}", target / f"{index}")
    if together and syncs:
        put_all_in_place(part, target)
    elif together:
        for path in part.iterdir():
            os.replace(path, target / path.name)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
