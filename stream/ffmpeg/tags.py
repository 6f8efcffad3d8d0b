"""Titles, dates, cameras and chapters: which of them a video keeps, and how ffmpeg is given them.

What is not named here stays out: among what a file says of itself are places, previews that show
the room, and numbers of cameras.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping

from stream.contents import Contents

#: What is kept, by the names that outputs use; after each, other names that files have for it.
KEPT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("title", "artist", "album_artist", "album", "composer", "genre"), ()),
    **dict.fromkeys(("show", "season_number", "episode_sort", "episode_id", "network"), ()),
    **dict.fromkeys(("track", "disc", "copyright"), ()),
    "date": ("com.apple.quicktime.creationdate", "year"),
    "creation_time": (),
    "make": ("com.apple.quicktime.make", "com.android.manufacturer"),
    "model": ("com.apple.quicktime.model", "com.android.model"),
}
CAMERA = ("make", "model")
_LOCATION = ("location", "com.apple.quicktime.location.iso6709", "location-eng")
_MICROSECOND = 1_000_000


def kept_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return what is kept of the tags of a file, their names in small letters."""
    found = {
        name: next((tags[each] for each in (name, *others) if tags.get(each)), "")
        for name, others in KEPT.items()
    }
    # where a file has it twice, as a tag and in its header, ffmpeg lists both
    found["creation_time"] = found["creation_time"].partition(";")[0]
    return {name: text for name, text in found.items() if text}


def location_of(tags: Mapping[str, str]) -> str:
    """Return where a file says that it was recorded, "" where it does not."""
    return next((tags[name] for name in _LOCATION if tags.get(name)), "")


def tags_input(
    contents: Contents, *, end_s: float = math.inf, keep_location: bool = False
) -> list[str]:
    """Return ffmpeg's arguments that read tags and chapters, as an input of its own.

    Args:
        contents: of the source.
        end_s: of the output, on the clock of the frames.
        keep_location: of the recording, too.
    """
    lines = [";FFMETADATA1", *(_line(name, text) for name, text in contents.tags.items())]
    if keep_location and contents.location:
        lines.append(_line("location", contents.location))
    for chapter in contents.chapters:
        start_s, until_s = max(0.0, chapter.start_s), min(chapter.end_s, end_s)
        if until_s > start_s:
            lines += ["[CHAPTER]", f"TIMEBASE=1/{_MICROSECOND}"]
            lines += [f"START={_ticks(start_s)}", f"END={_ticks(until_s)}"]
            lines.append(_line("title", chapter.title))
    data = base64.b64encode("\n".join([*lines, ""]).encode()).decode()
    options = ["-protocol_whitelist", "data", "-f", "ffmetadata"]
    return [*options, "-i", f"data:text/plain;base64,{data}"]


def _ticks(time_s: float) -> int:
    return round(time_s * _MICROSECOND)


def _line(name: str, text: str) -> str:
    """Return a line of ffmpeg's metadata format: what it means something by has a backslash."""
    for special in "\\=;#\n":
        text = text.replace(special, f"\\{special}")
    return f"{name}={text}"
