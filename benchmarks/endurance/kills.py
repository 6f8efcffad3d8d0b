"""Runs that are killed at a random moment: what is lost, and what is left over.

python -m benchmarks.endurance.kills [--runs 12]
python -m benchmarks.endurance.kills --sizes CLIP ...

By itself: a job to a file, recordings of a camera's stand-in and of an RTSP camera, and a folder
for a web server, each killed `--runs` times with SIGKILL after one to five seconds, half of them
the program alone and half with all that it has started; then the next start. Prints a table in
Markdown: what is missing at the end of recordings and playlists, in seconds from the first frame to
the kill, and what is there afterwards that should not be, in the folder and among the processes.

With `--sizes` clips are encoded once as a file and once as a recording, with the default quality of
live sources. Prints one JSON object a clip: the sizes in bytes, and the share that a recording has
more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.common.command import run_command
from benchmarks.endurance.provoked.sources import make_clips, rtsp
from stream.ffmpeg.length import length_s
from stream.frame import Output, OutputInfo
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.sources.video import VideoSource

QUICK = ("--effect", "none", "--quality", "ultrafast:30")
SLOW = ("--effect", "none", "--quality", "veryslow:10")  # a job that takes longer than it lives


@dataclass(frozen=True)
class Kind:
    """A run that is killed.

    Attributes:
        output: of it.
        source: `demo:`, as a camera; `clip`, as a job; or `rtsp`.
        is_recording: it will not come again; all but its end must be kept.
    """

    output: str
    source: str = "demo:"
    is_recording: bool = True


KINDS = {
    "job to .mp4": Kind("a.mp4", "clip", is_recording=False),
    "recording in .mp4": Kind("a.mp4"),
    "recording in .mkv": Kind("a.mkv"),
    "rtsp:// in .mkv": Kind("a.mkv", "rtsp"),
    "hls: of a live source": Kind("hls:web/", is_recording=False),
}


@dataclass(frozen=True)
class Killed:
    """What became of a run: seconds lost, and what is there and should not be."""

    lost_s: float | None
    left_over: tuple[str, ...]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=12, help="of each kind")
    parser.add_argument("--sizes", type=Path, nargs="+", metavar="CLIP")
    options = parser.parse_args()
    if options.sizes:
        for clip in options.sizes:
            print(json.dumps(sizes(clip)), flush=True)
        return
    print("| output | killed | runs | lost, median | most | left over |")
    print("|---|---|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as name:
        clips = make_clips(Path(name))
        for kind in KINDS:
            for children in (False, True):
                num = max(1, options.runs // 2)
                runs = [kill_one(kind, clips, children=children) for _ in range(num)]
                print(row(kind, children, runs), flush=True)


def row(kind: str, children: bool, runs: Sequence[Killed]) -> str:
    """Return a line of the table."""
    lost = [run.lost_s for run in runs if run.lost_s is not None]
    figures = [f"{statistics.median(lost):.1f} s", f"{max(lost):.1f} s"] if lost else ["", ""]
    left_over = sorted({name for run in runs for name in run.left_over})
    who = "program and children" if children else "program"
    cells = [kind, who, str(len(runs)), *figures, " ".join(left_over) or "nothing"]
    return f"| {' | '.join(cells)} |"


def kill_one(name: str, clips: Path, *, children: bool) -> Killed:
    """Kill one run and start the next one.

    Args:
        name: of one of `KINDS`.
        clips: see `sources.make_clips`.
        children: kill all that it has started as well.
    """
    kind = KINDS[name]
    with tempfile.TemporaryDirectory() as path, ExitStack() as stack:
        folder = Path(path)
        source = arguments(kind, clips, stack)
        recorded_s, left = kill(folder, [*source, "-o", kind.output], children=children)
        if kind.is_recording:
            call(folder, "recover")
            kept = length_s(folder / kind.output) if (folder / kind.output).exists() else None
            lost_s = max(0.0, recorded_s - (kept or 0.0))
            return Killed(lost_s, (*left, *left_over(folder, {kind.output})))
        playlist = folder / "web" / "index.m3u8"
        listed_s = sum(
            map(float, re.findall(r"^#EXTINF:([\d.]+)", text_of(playlist), re.MULTILINE))
        )
        call(folder, "demo:", "-y", "-o", kind.output, *QUICK)
        if kind.output == "a.mp4":
            return Killed(None, (*left, *left_over(folder, {kind.output})))
        named = re.findall(r"^[^#].*", text_of(playlist), re.MULTILINE)
        left += left_over(folder / "web", {"index.m3u8", *named})
        return Killed(max(0.0, recorded_s - listed_s), left)


def text_of(path: Path) -> str:
    """Return what is in a file, "" where there is none."""
    return path.read_text() if path.exists() else ""


def arguments(kind: Kind, clips: Path, stack: ExitStack) -> list[str]:
    """Return what names the source, which is there until the stack is left."""
    if kind.source == "clip":
        return [str(clips / "long.mkv"), *SLOW]
    if kind.source == "rtsp":
        return [*stack.enter_context(rtsp(clips, clips)).address, *QUICK]
    return [kind.source, "--realtime", *QUICK]


def kill(folder: Path, options: Sequence[str], *, children: bool) -> tuple[float, tuple[str, ...]]:
    """Kill a run one to five seconds after its first frame.

    Returns:
        The seconds in between, and what it had started and is still there.

    Raises:
        OSError: it has ended before.
    """
    with psutil.Popen(program(*options), cwd=folder, stderr=subprocess.DEVNULL) as process:
        while not (encoder := encoder_of(process)) and process.poll() is None:
            time.sleep(0.02)
        time.sleep(random.uniform(1, 5))
        if encoder is None or process.poll() is not None:
            process.kill()
            raise OSError(f"{' '.join(options)}: ended before it was killed")
        family = process.children()
        process.kill()
        killed_s = time.time()
        for child in family if children else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    _, left = psutil.wait_procs(family, 30)
    return killed_s - encoder.create_time(), ("a process",) * len(left)


def encoder_of(process: psutil.Popen) -> psutil.Process | None:
    """Return the ffmpeg that writes, `None` before the first frame."""
    with contextlib.suppress(psutil.Error):
        return next((one for one in process.children() if "pipe:0" in one.cmdline()), None)
    return None


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
