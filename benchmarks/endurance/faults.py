"""Everything that can go wrong, one after the other: what is lost, what is said, what is left.

python -m benchmarks.endurance.faults [--only NAME ...]

Prints one table in Markdown: a row for each kind of fault, and one for each source that breaks off
into each sink it can have. Sources, receivers, screens and disks are made here; webcam and virtual
camera are stand-ins (`watched_run`); what this machine lacks is skipped, with the reason. A row is
right if what was written is kept and can be read, each line that should be said is said once and
nothing else, the exit code is 1 after a failure, 130 after Ctrl-C and 0 otherwise, and neither a
process nor a hidden or temporary file is left. The exit code is 1 where a row is not right.

`--only` takes the rows in whose names one of the words is: "rtsp ->", "-> mp4", "page".
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from benchmarks.common.command import run_command
from benchmarks.endurance.provoked.inputs import INPUTS
from benchmarks.endurance.provoked.outputs import OUTPUTS
from benchmarks.endurance.provoked.page import PAGE
from benchmarks.endurance.provoked.runs import Row, heed_signals
from benchmarks.endurance.provoked.sinks import PAIRS
from benchmarks.endurance.provoked.sources import make_clips
from benchmarks.endurance.provoked.windows import WINDOWS

NUM_AT_ONCE = 2  # most of the time they wait
FAULTS = {**INPUTS, **OUTPUTS, **WINDOWS, **PAGE, **PAIRS}
COLUMNS = ("fault", "done", "seen", "kept", "lost", "said", "exit", "right")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME")
    options = parser.parse_args()
    heed_signals()
    print(f"| {' | '.join(COLUMNS)} |\n|---|---|---:|---:|---:|---|---:|---|")
    rows = []
    for row in provoked(options.only):
        rows.append(row)
        print(line(row), flush=True)
    num_wrong = sum(bool(row.wrong) for row in rows)
    num_skipped = sum(bool(row.skipped) for row in rows)
    print(f"\n{len(rows)} rows: {num_wrong} wrong, {num_skipped} skipped")
    sys.exit(1 if num_wrong else 0)


def provoked(only: list[str]) -> Iterator[Row]:
    """Yield the rows in whose names one of these words is.

    Raises:
        ValueError: there is none.
    """
    chosen = {name: kind for name, kind in FAULTS.items() if any(word in name for word in only)}
    if not chosen:
        raise ValueError(f"--only {' '.join(only)}: no such row; there are {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(NUM_AT_ONCE) as pool:
        clips = Path(folder) / "clips"
        clips.mkdir()
        make_clips(clips)

        def provoke(number: int, name: str) -> Row:
            own = Path(folder) / str(number)
            own.mkdir()
            done, fill = chosen[name]
            row = Row(name, done)
            try:
                fill(row, own, clips)
            except (OSError, subprocess.SubprocessError, psutil.Error, AssertionError) as error:
                row.wrong.append(f"could not be tried: {type(error).__name__} {error}")
            return row

        yield from pool.map(provoke, range(len(chosen)), chosen)


def line(row: Row) -> str:
    """Return a line of the table."""
    said = "; ".join(row.said).replace("|", "\\|")
    right = f"skipped: {row.skipped}" if row.skipped else "; ".join(row.wrong) or "yes"
    lost = "" if row.lost_s is None else f"{row.lost_s:.1f} s"
    numbers = ["" if number is None else str(number) for number in (row.seen, row.kept, row.code)]
    cells = [row.fault, row.done, *numbers[:2], lost, said, numbers[2], right.replace("|", "\\|")]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    run_command(main)
