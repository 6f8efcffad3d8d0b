"""What ffmpeg itself says about a file, asked without anything of `stream`."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray


def ffmpeg(*arguments: str | Path, data: bytes = b"") -> bytes:
    """Run ffmpeg to its end and return its standard output."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-copyts", "-y"]
    return subprocess.run(
        [*command, *map(str, arguments)], input=data, capture_output=True, check=True
    ).stdout


def log(*arguments: str | Path) -> str:
    """Run ffmpeg to its end and return what it tells."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def description(path: Path) -> str:
    """Return the log of `ffmpeg -i`, where streams, tags and lengths stand."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True).stderr


def picture_times_s(path: Path) -> list[float]:
    """Return the times of all decoded frames, in order."""
    options = ("-map", "0:V:0", "-fps_mode", "passthrough", "-enc_time_base", "demux")
    return [start for start, _ in _framecrc(ffmpeg("-i", path, *options, "-f", "framecrc", "-"))]


def picture_packets_s(path: Path) -> list[float]:
    """Return the times of all coded frames, in the order of presentation."""
    listed = ffmpeg("-i", path, "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "-")
    return sorted(start for start, _ in _framecrc(listed))


def sound_packets_s(path: Path) -> list[tuple[float, float]]:
    """Return start and end of all packets of the first track of sound, none without one."""
    listed = ffmpeg("-i", path, "-map", "0:a:0", "-c", "copy", "-f", "framecrc", "-")
    return _framecrc(listed)


def has_sound(path: Path) -> bool:
    """Return whether the file has a track of sound."""
    return ": Audio: " in description(path)


def rgb(path: Path, size_hw: tuple[int, int], num_frames: int) -> NDArray[np.uint8]:
    """Return (N, H, W, 3), the first frames as ffmpeg converts them at its best."""
    options = ("-map", "0:V:0", "-fps_mode", "passthrough", "-frames:v", str(num_frames))
    scale = ("-vf", "scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24")
    raw = ffmpeg("-i", path, *options, *scale, "-f", "rawvideo", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, *size_hw, 3)


def irregular_clip(path: Path, *, num_frames: int = 40) -> list[float]:
    """Write a clip whose frames lie 7 to 97 ms apart on a clock of 1/90000 s; return the times."""
    steps = [630 + (7919 * number) % 8100 for number in range(num_frames)]
    ticks = [sum(steps[:number]) for number in range(num_frames)]
    sides = (64, 48)
    frames = "".join(f"{'+' if n else ''}eq(N\\,{n})*{tick}" for n, tick in enumerate(ticks))
    source = f"testsrc2=size={sides[0]}x{sides[1]}:rate=30"
    ffmpeg(
        *("-f", "lavfi", "-i", source, "-frames:v", str(num_frames)),
        *("-vf", f"settb=1/90000,setpts={frames}", "-fps_mode", "passthrough"),
        *("-enc_time_base", "1/90000", "-c:v", "libx264", "-video_track_timescale", "90000", path),
    )
    return [tick / 90000 for tick in ticks]


def _framecrc(listed: bytes) -> list[tuple[float, float]]:
    text = listed.decode()
    match = re.search(r"#tb 0: (\d+/\d+)", text)
    time_base = float(Fraction(match[1])) if match else 0.0
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    return [(int(row[2]) * time_base, (int(row[2]) + int(row[3])) * time_base) for row in rows]
