"""The whole program on a clip: against ffmpeg alone, against another checkout, and as a camera.

python -m benchmarks.stream CLIP [--quality medium:20 veryfast:20] [--effect blur] [--turns 3]
python -m benchmarks.stream CLIP --table
python -m benchmarks.stream CLIP --other CHECKOUT [--turns 5]
python -m benchmarks.stream CLIP --realtime [--staging frame light light-wrap] [--seconds 60]

By itself: file to file, and ffmpeg decoding and encoding the same clip alone, in turn. Prints one
JSON object a turn and one with the medians for each quality. `share` is ffmpeg's time over the
program's: 1 would mean that masks and effects cost nothing. `cpu_share` is the same of processor
time, which other programs on the machine disturb less. `cpu_ms` says where the processor's
time goes, in milliseconds a frame. With `--table` these are printed as a table in Markdown.

With `--other` file to file, by this checkout and by another one in turn. One JSON object for each
quality: medians of wall and processor time, and of the other's over this one's in each turn; above
1 this one is the faster.

With `--realtime` frames come at the clip's pace, those too late are dropped and nothing is
encoded; one JSON object a turn: the share of frames shown, latency, and memory. `--staging` adds
how people are shown.

`--seconds` joins the clip to itself until it lasts so long, in each of these.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.command import run_command
from benchmarks.common.cost import run
from benchmarks.endurance.memory import join
from stream.ffmpeg.process import executable

#: Rows of the table, in the order in which a frame passes them, and what is counted there.
PARTS = {
    "decode": "ffmpeg, decoding",
    "capture": "reading frames, YUV to RGB",
    "track": "shrinking, network",
    "composite": "alpha and effect",
    "write": "RGB to YUV, handing frames over",
    "encode": "ffmpeg, encoding",
    "rest": "start of the program, everything else",
}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument(
        "--quality", nargs="+", default=["medium:20", "veryfast:20"], help="of x264, PRESET:CRF"
    )
    parser.add_argument("--effect", default="blur")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="Markdown instead of JSON")
    parser.add_argument("--realtime", action="store_true", help="frames at the clip's pace")
    parser.add_argument(
        "--staging", nargs="+", default=[], choices=("frame", "light", "light-wrap")
    )
    parser.add_argument("--seconds", type=float, help="that the clip is to last")
    parser.add_argument("--other", type=Path, help="folder of another checkout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip
        if options.seconds is not None:
            options.clip = Path(folder) / f"joined-{clip.name}"
            join(clip, options.clip, options.seconds)
        if options.realtime:
            for _ in range(options.turns):
                shown = play(options.clip, Path(folder), options.effect, options.staging)
                print(json.dumps({"clip": clip.name, **shown}), flush=True)
            return
        if options.other is not None:
            for quality in options.quality:
                print(json.dumps(beside_other(options, Path(folder), quality)), flush=True)
            return
        summaries = []
        for quality in options.quality:
            turns = []
            for _ in range(options.turns):
                turns.append(compare(options.clip, Path(folder), quality, options.effect))
                if not options.table:
                    print(json.dumps(turns[-1]), flush=True)
            summaries.append(summary(turns))
        print(table(summaries) if options.table else "\n".join(map(json.dumps, summaries)))


def play(clip: Path, folder: Path, effect: str, staging: Sequence[str]) -> dict[str, Any]:
    """Show a clip as if it came from a camera, in a sink that takes no time."""
    path = folder / "stats.json"
    command: list[str | Path] = [sys.executable, "run.py", clip, "-o", "null:", "--realtime"]
    command += ["--stats", path]
    run([*command, "--effect", effect, *(f"--{part}" for part in staging)])
    stats = json.loads(path.read_text())
    frames = stats["frames"]
    return {
        "effect": effect,
        "staging": list(staging),
        "shown": round(frames["null: written"] / frames["read"], 4),
        "latency_ms": stats["stages_ms"]["null: latency"],
        "first_frame_ms": stats["first_frame_ms"],
        "peak_memory_mb": stats["peak_memory_mb"],
        "stages_ms": stats["stages_ms"],
    }


def compare(clip: Path, folder: Path, quality: str, effect: str) -> dict[str, Any]:
    """Run ffmpeg alone and the program once each."""
    out, path = folder / "out.mp4", folder / "stats.json"
    preset, _, crf = quality.partition(":")
    alone = [executable(), "-v", "error", "-nostdin", "-i", clip, "-map", "0:v:0", "-map", "0:a?"]
    alone += ["-c:a", "copy", "-c:v", "libx264", "-preset", preset, "-crf", crf or "20"]
    alone += ["-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-y", out]
    program = [sys.executable, "run.py", clip, "-y", "-o", out, "--stats", path]
    program += ["--quality", quality, "--effect", effect]
    ffmpeg, maskcast = run(alone), run(program)
    stats = json.loads(path.read_text())
    num_frames = stats["frames"]["processed"]
    parts = cpu_by_part(maskcast, stats["cpu_s"])
    return {
        "clip": clip.name,
        "quality": quality,
        "effect": effect,
        "share": round(ffmpeg["wall_s"] / maskcast["wall_s"], 3),
        "cpu_share": round(ffmpeg["cpu_s"] / maskcast["cpu_s"], 3),
        "wall_s": [ffmpeg["wall_s"], maskcast["wall_s"]],
        "cpu_s": [ffmpeg["cpu_s"], maskcast["cpu_s"]],
        "ffmpeg_cpu_ms": round(ffmpeg["cpu_s"] / num_frames * 1e3, 2),
        "cpu_ms": {part: round(cpu_s / num_frames * 1e3, 2) for part, cpu_s in parts.items()},
        "stages_ms": {
            name: stats["stages_ms"][name]["p50"] for name in ("segment", "refine", "effect")
        },
        "first_frame_ms": stats["first_frame_ms"],
    }


def beside_other(options: argparse.Namespace, folder: Path, quality: str) -> dict[str, Any]:
    """Run the program of this checkout and of another one in turn, first one, then the other."""
    checkouts = {"this": Path(__file__).parents[1], "other": options.other.resolve()}
    ratios: dict[str, list[float]] = {"wall_s": [], "cpu_s": []}
    costs: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for turn in range(options.turns):
        for name in sorted(checkouts, reverse=turn % 2 == 1):
            command = [sys.executable, checkouts[name] / "run.py", options.clip, "-y"]
            command += ["-o", folder / "out.mp4", "--quality", quality, "--effect", options.effect]
            costs[name].append(run(command))
        for key, values in ratios.items():
            values.append(costs["other"][-1][key] / costs["this"][-1][key])
    medians = {key: round(statistics.median(values), 3) for key, values in ratios.items()}
    line = {"clip": options.clip.name, "quality": quality, "effect": options.effect}
    line |= {"turns": options.turns, "other_over_this": medians}
    for name, runs in costs.items():
        line[name] = {key: statistics.median(cost[key] for cost in runs) for key in ratios}
    return line


def cpu_by_part(cost: dict[str, float], threads: dict[str, float]) -> dict[str, float]:
    """Return processor seconds for each of `PARTS`."""
    parts = {"decode": cost["decode"], "encode": cost["encode"], "write": 0.0}
    for name, cpu_s in threads.items():
        part = name.partition(" ")[0]
        parts[part] = parts.get(part, 0.0) + cpu_s
    parts["rest"] = cost["cpu_s"] - sum(parts.values())
    return {part: parts[part] for part in PARTS}


def summary(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians over turns."""
    one = turns[0]

    def median(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    return {
        **{key: one[key] for key in ("clip", "quality", "effect")},
        "turns": len(turns),
        "share": median([turn["share"] for turn in turns]),
        "cpu_share": median([turn["cpu_share"] for turn in turns]),
        "ffmpeg_cpu_ms": median([turn["ffmpeg_cpu_ms"] for turn in turns]),
        "cpu_ms": {part: median([turn["cpu_ms"][part] for turn in turns]) for part in PARTS},
        "stages_ms": {
            name: median([turn["stages_ms"][name] for turn in turns]) for name in one["stages_ms"]
        },
    }


def table(summaries: list[dict[str, Any]]) -> str:
    """Return a table in Markdown, a column for each quality."""
    rows = [["processor ms a frame", *(each["quality"] for each in summaries)]]
    rows.append(["---", *("---:" for _ in summaries)])
    for part, text in PARTS.items():
        rows.append([text, *(f"{each['cpu_ms'][part]:.1f}" for each in summaries)])
    totals = [sum(each["cpu_ms"].values()) for each in summaries]
    rows.append(["all of it", *(f"{total:.1f}" for total in totals)])
    rows.append(["ffmpeg alone", *(f"{each['ffmpeg_cpu_ms']:.1f}" for each in summaries)])
    rows.append(["that over all of it", *(f"{each['cpu_share']:.2f}" for each in summaries)])
    rows.append(["speed, of ffmpeg's alone", *(f"{each['share']:.2f}" for each in summaries)])
    heading = f"{summaries[0]['clip']}, {summaries[0]['effect']}, {os.cpu_count()} cores\n\n"
    return heading + "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    run_command(main)
