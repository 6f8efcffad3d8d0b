"""Every clip of a folder through the whole program: are frames, times and sound what they were?

python -m benchmarks.clips ../shared/data/clips [--quality ultrafast:20] [--effect blur]

Prints one JSON object a clip: frames that ffmpeg decodes of the clip and of the output, the largest
difference of their times, how far start and end of the sound moved, and frames a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common.command import run_command
from tests.ffmpeg_reference import has_sound, picture_times_s, sound_packets_s


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quality", default="ultrafast:20")
    parser.add_argument("--effect", default="blur")
    options = parser.parse_args()
    for clip in sorted(path for path in options.folder.iterdir() if path.is_file()):
        with tempfile.TemporaryDirectory() as folder:
            out, stats = Path(folder) / "out.mp4", Path(folder) / "stats.json"
            command = [sys.executable, "run.py", clip, "-o", out, "--stats", stats]
            command += ["--quality", options.quality, "--effect", options.effect]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            line: dict[str, object] = {"clip": clip.name, "exit_code": done.returncode}
            if done.returncode == 0:
                line |= compared(clip, out)
                line["fps"] = json.loads(stats.read_text())["fps"]
            else:
                line["said"] = done.stderr.strip().splitlines()[-1]
            print(json.dumps(line), flush=True)


def compared(clip: Path, out: Path) -> dict[str, object]:
    """Return how the output's frames, times and sound differ from the clip's."""
    before, after = picture_times_s(clip), picture_times_s(out)
    differences = [abs(one - other) for one, other in zip(before, after, strict=False)]
    line: dict[str, object] = {
        "frames": [len(before), len(after)],
        "max_time_difference_ms": round(max(differences) * 1e3, 3),
        "sound": [has_sound(clip), has_sound(out)],
    }
    if has_sound(clip) and has_sound(out):
        sounds = [sound_packets_s(path) for path in (clip, out)]
        starts = [packets[0][0] for packets in sounds]
        ends = [max(end for _, end in packets) for packets in sounds]
        line["sound_start_moved_ms"] = round((starts[1] - starts[0]) * 1e3, 2)
        line["sound_end_moved_ms"] = round((ends[1] - ends[0]) * 1e3, 2)
    return line


if __name__ == "__main__":
    run_command(main)
