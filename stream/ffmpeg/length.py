"""How long a video is of which the end may be missing."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

from stream.errors import StreamError
from stream.ffmpeg.process import Ffmpeg

_REPORT = re.compile(r"(frame|out_time_us)=(\d+)$")


def length_s(path: Path) -> float | None:
    """Return how long the picture of a file lasts, `None` where no frame can be read.

    Keyframes are looked for first, for which little of an MP4 is read, however long it is.

    Raises:
        StreamError: ffmpeg is not there, cannot be run or was killed.
    """
    last_keyframe_s = _read_to_end(path, "-discard:v", "nokey")
    if last_keyframe_s is None:
        return None
    return last_keyframe_s + (_read_to_end(path, "-ss", f"{last_keyframe_s:.6f}") or 0.0)


def _read_to_end(path: Path, *options: str) -> float | None:
    """Return the time at which the frames end that are read with `options`."""
    report: dict[str, int] = {}

    def take(line: str | None) -> None:
        if line is not None and (match := _REPORT.match(line)):
            report[match[1]] = int(match[2])

    arguments = ["-progress", "pipe:2", "-stats_period", "3600", *options, "-i", f"file:{path}"]
    arguments += ["-map", "0:V:0", "-c", "copy", "-f", "null", "-"]
    with closing(Ffmpeg(arguments, on_line=take)) as process:
        if process.wait() < 0:
            raise StreamError(f"{path}: could not be read ({process.failure()})")
    return report.get("out_time_us", 0) / 1e6 if report.get("frame") else None
