"""A film in parts beside the same film in one piece: frames, times, sound, joins, and time.

python -m benchmarks.endurance.split FILM [--parts 5] [--workers 2] [--loop 1] [--kills 0]

Prints a row of JSON: seconds of both, frames of both, how many times and packets of sound differ,
and for each join the PSNR of the ten frames around it and of thirty, in dB against the same film in
one piece without loss, of the film in parts and of that in one piece. The film is looped first
where that is asked for.

With `--kills` the parts are done in batches that are killed some moments after a part is there,
with all their workers, and begun again; prints how many parts were there in between, and how many
of these were made again.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.common.command import run_command
from tests import ffmpeg_reference as reference

RUN = [sys.executable, str(Path(__file__).parents[2] / "run.py")]
MAX_WAIT_S = 3.0
AROUND = 5  # frames before a join, and as many after it


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("film", type=Path)
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to", default=".mp4")
    parser.add_argument("--loop", type=int, default=1, help="so often one after the other")
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = folder / f"film{options.film.suffix}"
        reference.ffmpeg(
            *("-stream_loop", str(options.loop - 1), "-i", options.film),
            *("-map", "0:v", "-map", "0:a?", "-c", "copy", film),
        )
        whole, parts = folder / f"whole{options.to}", folder / f"out/film{options.to}"
        began = time.perf_counter()
        run(film, "-o", whole)
        figures: dict[str, Any] = {"seconds_whole": round(time.perf_counter() - began, 1)}
        figures |= in_parts(film, parts.parent, options)
        lossless = folder / "lossless.mkv"
        run(film, "-o", lossless, "--quality", "ultrafast:0")
        figures |= compared(whole, parts) | {"joins": joins(whole, parts, lossless, options.parts)}
        print(json.dumps(figures), flush=True)


def run(*arguments: object) -> None:
    """Run the program to its end."""
    subprocess.run([*RUN, *map(str, arguments)], check=True, capture_output=True)


def in_parts(film: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Do the film in parts, as often as it is killed; returns what that took."""
    minutes = length_s(film) / options.parts / 60 + 1e-4
    line = [*RUN, "batch", str(film), "-o", str(folder), "--split", f"{minutes:.6f}"]
    line += ["--workers", str(options.workers), "--to", options.to]
    rng, made, number = np.random.default_rng(0), dict[str, set[int]](), 0
    began = time.perf_counter()
    for number in range(options.kills + 1):
        with psutil.Popen(line, stderr=subprocess.DEVNULL) as process:
            if number < options.kills:
                before = len(part_files(folder))
                while process.poll() is None and len(part_files(folder)) <= before:
                    time.sleep(0.05)
                time.sleep(float(rng.uniform(0.0, MAX_WAIT_S)))
                with suppress(psutil.NoSuchProcess):  # it has ended before
                    for each in (*process.children(recursive=True), process):
                        each.kill()
            code = process.wait()
        for path in part_files(folder):
            made.setdefault(path.name, set()).add(path.stat().st_ino)
        if code == 0:
            break
    left = [str(path) for path in folder.rglob(".*") if path.name != ".maskcast"]
    return {
        "seconds_parts": round(time.perf_counter() - began, 1),
        "kills": number,
        "parts_there_between_kills": len(made),
        "parts_made_again": sum(len(files) > 1 for files in made.values()),
        "left_over": left,
    }


def part_files(folder: Path) -> list[Path]:
    """Return the parts that are finished."""
    return list((folder / ".maskcast/parts").glob("*/[0-9]*"))


def compared(whole: Path, parts: Path) -> dict[str, Any]:
    """Return how frames, times and sound of two files differ."""
    times = [reference.picture_packets_s(path) for path in (whole, parts)]
    figures: dict[str, Any] = {
        "frames": [len(each) for each in times],
        "times_that_differ": sum(one != other for one, other in zip(*times, strict=False)),
    }
    if reference.has_sound(whole):
        sounds = [sound_packets(path) for path in (whole, parts)]
        figures["sound_packets"] = [len(each) for each in sounds]
        figures["sound_equal"] = sounds[0] == sounds[1]
    return figures


def sound_packets(path: Path) -> list[str]:
    """Return times, sizes and checksums of all packets of sound."""
    listed = reference.ffmpeg("-i", path, "-map", "0:a", "-c", "copy", "-f", "framecrc", "-")
    return [line for line in listed.decode().splitlines() if not line.startswith("#")]


def joins(whole: Path, parts: Path, lossless: Path, num: int) -> list[dict[str, float]]:
    """Return for each join the PSNR of the frames around it and of their neighbours."""
    times = reference.picture_packets_s(parts)
    values, in_one = psnr(parts, lossless), psnr(whole, lossless)
    found = []
    for number in range(1, num):
        at = int(np.searchsorted(times, round(length_s(parts) * number / num, 3)))
        near, far = slice(at - AROUND, at + AROUND), slice(at - 3 * AROUND, at + 3 * AROUND)
        named = (("parts", values), ("whole", in_one))
        found.append(
            {
                f"{name}, {where}": mean(each[which])
                for name, each in named
                for where, which in (("around", near), ("wider", far))
            }
        )
    return found


def mean(values: Sequence[float]) -> float:
    """Return the mean, to two places."""
    return round(float(np.mean(values)), 2)


def psnr(one: Path, other: Path) -> list[float]:
    """Return the PSNR of each frame of two files, in dB."""
    graph = "[0:v:0][1:v:0]psnr=stats_file=-"
    listed = reference.ffmpeg("-i", one, "-i", other, "-lavfi", graph, "-f", "null", "-")
    return [float(value) for value in re.findall(r"psnr_avg:([\d.]+)", listed.decode())]


def length_s(film: Path) -> float:
    """Return how long a film is, as its container says."""
    match = re.search(r"Duration: (\d+):(\d+):([\d.]+)", reference.description(film))
    assert match is not None
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


if __name__ == "__main__":
    run_command(main)
