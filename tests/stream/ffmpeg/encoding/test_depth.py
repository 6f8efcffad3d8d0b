"""What is told of bits that an output has not."""

from __future__ import annotations

from fractions import Fraction

import pytest

from stream.ffmpeg.encoding.codecs import Encoding
from stream.ffmpeg.encoding.depth import left_out
from stream.frame import StreamInfo


@pytest.mark.parametrize(
    ("bits", "read", "written", "line"),
    [
        (8, 8, 8, None),
        (10, 10, 10, None),
        (10, 10, 8, "has 8 of the 10 bits of its source, dithered; --codec hevc keeps them"),
        (16, 10, 8, "has 8 of the 16 bits of its source, dithered; --codec hevc keeps 10 of them"),
        (12, 10, 10, "has 10 of the 12 bits of its source"),
        (12, 8, 8, "has 8 of the 12 bits of its source"),
    ],
)
def test_true_numbers_are_told(bits: int, read: int, written: int, line: str | None) -> None:
    stream = StreamInfo(64, 48, Fraction(25), depth=read, source_depth=bits)
    encoding = Encoding.by("hevc" if written > 8 else "h264", depth=written)
    assert left_out(encoding, ".mp4", stream) == line
