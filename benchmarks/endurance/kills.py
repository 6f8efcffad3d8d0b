"""Runs that are killed at a random moment: what is lost, and what is left over.

python -m benchmarks.endurance.kills [--runs 20]
python -m benchmarks.endurance.kills --sizes CLIP ...

By itself: a job to a file, recordings and a folder for a web server, each killed `--runs` times
with SIGKILL after one to five seconds, half of them the program alone and half with its encoder;
then the next start. Prints a table in Markdown: what is missing at the end of the recordings, in
seconds from the first frame to the kill, and what lies in the folder afterwards that should not.

With `--sizes` clips are encoded once as a file and once as a recording, with the default quality of
live sources. Prints one JSON object a clip: the sizes in bytes, and the share that a recording has
more.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.command import run_command
from stream.ffmpeg.length import length_s
from stream.frame import Output, OutputInfo
from stream.sinks.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.sources.video import VideoSource

#: Outputs of the runs that are killed, and what else these are given.
KINDS = {
    "job to .mp4": ("a.mp4", []),
    "recording in .mp4": ("a.mp4", ["--realtime"]),
    "recording in .mkv": ("a.mkv", ["--realtime"]),
    "hls: of a live source": ("hls:web/", ["--realtime"]),
}
QUICK = ["--effect", "none", "--quality", "ultrafast:30"]


@dataclass(frozen=True)
class Killed:
    """What became of a run: seconds lost of a recording, files that are there and should not be."""

    lost_s: float | None
    left_over: tuple[str, ...]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20, help="of each kind")
    parser.add_argument("--sizes", type=Path, nargs="+", metavar="CLIP")
    options = parser.parse_args()
    if options.sizes:
        for clip in options.sizes:
            print(json.dumps(sizes(clip)), flush=True)
        return
    print("| output | killed | runs | lost, median | most | left over |")
    print("|---|---|---:|---:|---:|---|")
    for kind in KINDS:
        for children in (False, True):
            runs = [kill_one(kind, children=children) for _ in range(max(1, options.runs // 2))]
            print(row(kind, children, runs), flush=True)


def row(kind: str, children: bool, runs: Sequence[Killed]) -> str:
    """Return a line of the table."""
    lost = [run.lost_s for run in runs if run.lost_s is not None]
    figures = [f"{statistics.median(lost):.1f} s", f"{max(lost):.1f} s"] if lost else ["", ""]
    left_over = sorted({name for run in runs for name in run.left_over})
    who = "program and encoder" if children else "program"
    cells = [kind, who, str(len(runs)), *figures, " ".join(left_over) or "nothing"]
    return f"| {' | '.join(cells)} |"


def kill_one(kind: str, *, children: bool) -> Killed:
    """Kill one run and start the next one."""
    output, options = KINDS[kind]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded_s = kill(folder, [*options, "-o", output], children=children)
        if kind.startswith("recording"):
            call(folder, "recover")
            kept = length_s(folder / output) if (folder / output).exists() else None
            lost_s = recorded_s - (kept or 0.0)
            return Killed(lost_s, left_over(folder, {output}))
        call(folder, "demo:", "-y", "-o", output, *QUICK)
        if output == "a.mp4":
            return Killed(None, left_over(folder, {output}))
        playlist = (folder / "web" / "index.m3u8").read_text()
        named = re.findall(r"^[^#].*", playlist, re.MULTILINE)
        return Killed(None, left_over(folder / "web", {"index.m3u8", *named}))


def kill(folder: Path, options: Sequence[str], *, children: bool) -> float:
    """Kill a run one to five seconds after its first frame; returns the seconds in between."""
    with psutil.Popen(
        program("demo:", *options, *QUICK), cwd=folder, stderr=subprocess.DEVNULL
    ) as process:
        while not (encoders := process.children()):
            time.sleep(0.02)
        time.sleep(random.uniform(1, 5))
        process.kill()
        killed_s = time.time()
        for encoder in encoders if children else ():
            encoder.kill()
    psutil.wait_procs(encoders, 30)
    return float(killed_s - encoders[0].create_time())


def left_over(folder: Path, expected: set[str]) -> tuple[str, ...]:
    """Return what is in a folder beside what should be."""
    return tuple(path.name for path in folder.iterdir() if path.name not in expected)


def call(folder: Path, *arguments: str) -> None:
    """Run the program to its end."""
    subprocess.run(program(*arguments), cwd=folder, check=True, capture_output=True)


def program(*arguments: str) -> list[str]:
    """Return the command line of a run."""
    return [sys.executable, str(Path("run.py").absolute()), *arguments]


def sizes(clip: Path) -> dict[str, object]:
    """Encode a clip as a file and as a recording."""
    num_bytes = []
    with tempfile.TemporaryDirectory() as folder:
        for live in (False, True):
            path = Path(folder) / f"{live}.mp4"
            with VideoSource(str(clip)) as source:
                info = OutputInfo(replace(source.info, live=live, contents=None))
                with VideoSink(path, info, SinkOptions(preset="veryfast")) as sink:
                    for frame in source:
                        sink.write(Output(frame, frame.picture, None, None))
                    sink.finish(cut_short=False)
            num_bytes.append(path.stat().st_size)
    more = round(num_bytes[1] / num_bytes[0] - 1, 4)
    return {"clip": clip.name, "file": num_bytes[0], "recording": num_bytes[1], "more": more}


if __name__ == "__main__":
    run_command(main)
