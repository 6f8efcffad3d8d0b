"""Dolby Vision: whether there is a picture in a video without it.

Most profiles hold an HDR10, HLG or SDR picture and, beside it, what Dolby's decoders make of it.
Profile 5 holds colours that mean nothing to others: they look green and violet.
"""

from __future__ import annotations

import re

_RECORD = re.compile(r".*\bprofile: (\d+),.*\bcompatibility id: (\d+)")
#: ffmpeg's name of it in the side data of a track.
SIDE_DATA = "dovi configuration record"


def dolby_vision(record: str) -> tuple[int, bool] | None:
    """Return the profile and whether others can show it; `None` of no such record.

    Args:
        record: as ffmpeg lists it.
    """
    match = _RECORD.match(record)
    return None if match is None else (int(match[1]), match[2] != "0")
