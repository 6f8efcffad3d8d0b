"""AAC of broadcasts, whose packets say each for itself how they are coded: ISO 13818-7, ADTS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import lru_cache
from itertools import groupby, islice

from stream.contents import Contents, Track
from stream.ffmpeg.inputs import input_options, is_network_address
from stream.ffmpeg.process import Ffmpeg

_HEADER_BYTES = 7
#: In a row, that one form must have: fewer are damaged.
_MIN_PACKETS = 3


def changes(contents: Contents, track: Track) -> bool:
    """Return whether profile, rate or channels of a track change, by reading all its headers.

    Other containers say that once for all. What lies on a network is not read once more for that.

    Args:
        contents: of the source.
        track: of sound in AAC.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    if not contents.is_joined or is_network_address(contents.address):
        return False
    changed_s = 0.0
    with suppress(OSError):  # where it is gone ffmpeg says so
        changed_s = os.path.getmtime(contents.address)
    return _changes(contents.address, track.index, changed_s)


@lru_cache(maxsize=16)
def _changes(address: str, index: int, _changed_s: float) -> bool:
    arguments = [*input_options(address), "-map", f"0:{index}", "-c", "copy"]
    with closing(Ffmpeg([*arguments, "-f", "adts", "pipe:1"], pipe_out=True)) as process:
        lasting: set[bytes] = set()
        for form, packets in groupby(_forms(process)):
            if sum(1 for _ in islice(packets, _MIN_PACKETS)) == _MIN_PACKETS:
                lasting.add(form)
            if len(lasting) > 1:
                return True
    return False


def _forms(process: Ffmpeg) -> Iterator[bytes]:
    """Yield of each packet the bits that say how it is coded, until something else comes."""
    header = bytearray(_HEADER_BYTES)
    while process.read_into(memoryview(header)) and header[0] == 0xFF and header[1] >> 4 == 0xF:
        num_bytes = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        if num_bytes < _HEADER_BYTES:
            return
        yield bytes((header[2] & 0b11111101, header[3] & 0b11000000))
        process.read_into(memoryview(bytearray(num_bytes - _HEADER_BYTES)))
