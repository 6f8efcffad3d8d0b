"""How long a video is of which the end may be missing, and when its last frame ends.

And what ffmpeg's filter of packets, `setts`, is told, so that another file ends there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from stream.errors import StreamError
from stream.ffmpeg.process import Ffmpeg

#: Of ffmpeg's muxer `framecrc`: the unit of times, and a packet's dts, pts and duration.
_TIME_BASE = re.compile(r"#tb 0: (\d+/\d+)$")
_PACKET = re.compile(r"0, +-?\d+, +(-?\d+), +(\d+),")


def length_s(path: Path) -> float | None:
    """Return how long the picture of a file lasts, `None` where no frame can be read.

    Keyframes are looked for first, for which little of an MP4 is read, however long it is.

    Raises:
        StreamError: ffmpeg is not there, cannot be run or was killed.
    """
    keyframe_ends_s = _last_end_s(path, "0:V:0", before=["-discard:v", "nokey"])
    if keyframe_ends_s is None:
        return None
    after = _last_end_s(path, "0:V:0", before=["-ss", f"{max(0.0, keyframe_ends_s):.6f}"])
    return keyframe_ends_s + (after or 0.0)


def end_s(path: Path, track: int, from_s: float) -> float | None:
    """Return when the last frame of a track ends, on its own clock, `None` where it does not say.

    Args:
        path: of the file.
        track: its index.
        from_s: from where on it is read, counted from the start of the file.

    Raises:
        StreamError: ffmpeg is not there, cannot be run or was killed.
    """
    return _last_end_s(path, f"0:{track}", before=["-copyts", "-ss", f"{max(0.0, from_s):.6f}"])


def _last_end_s(path: Path, track: str, *, before: Sequence[str]) -> float | None:
    """Return when the last packet of a track ends, `None` where there is none.

    Packets are listed: how many it has copied not every ffmpeg says, those before 7.1 do not.

    Args:
        path: of the file.
        track: as `-map` takes it.
        before: ffmpeg's arguments before the file.
    """
    time_base, last = Fraction(0), None

    def take(line: str | None) -> None:
        nonlocal time_base, last
        if line is not None and (match := _TIME_BASE.search(line)):
            time_base = Fraction(match[1])
        elif line is not None and (match := _PACKET.search(line)):
            end = int(match[1]) + int(match[2])
            last = end if last is None else max(last, end)

    arguments = [*before, "-i", f"file:{path}", "-map", track, "-c", "copy"]
    with closing(Ffmpeg([*arguments, "-f", "framecrc", "pipe:2"], on_line=take)) as process:
        if process.wait() < 0:
            raise StreamError(f"{path}: could not be read ({process.failure()})")
    return None if last is None else float(last * time_base)


#: For `setts`, the durations of packets as they come from an encoder, for MP4: they may be in
#: another order than their frames, and the last one then lasts until all frames have ended.
ENCODED_DURATIONS = (
    "0*st(0\\,max(ld(0)\\,PTS+DURATION))"
    "+if(eq(NEXT_DTS\\,NOPTS)\\,max(DURATION\\,ld(0)-STARTPTS-DTS+STARTDTS)\\,DURATION)"
)


def durations_until(end_s: float, last_s: float, muxer: str, *, dts: str = "DTS") -> str:
    """Return the durations of packets, as ffmpeg's `setts` takes them, that end the picture there.

    Args:
        end_s: when the last frame ends, on the clock of the packets.
        last_s: when it begins.
        muxer: of the file they go to.
        dts: their decoding times there, likewise.
    """
    lasts = f"({end_s:.6f}/TB-PTS)"
    # those of an MP4 are of decoding and may go beyond the end; for 0 muxers take a mean
    others = f"max(0.0011/TB\\,min(DURATION\\,{lasts}))"
    shown = f"if(gte(PTS*TB\\,{last_s - 0.0005:.6f})\\,{lasts}\\,{others})"
    if muxer not in ("mp4", "mov"):
        return shown
    # there the end is that of all packets together, in their order, or of frames: what is earlier
    together = f"{end_s:.6f}/TB-STARTPTS-{dts}+STARTDTS"
    return f"if(eq(NEXT_DTS\\,NOPTS)\\,max({shown}\\,{together})\\,{shown})"
