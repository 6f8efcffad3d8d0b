"""Outputs for video files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from stream.frame import Output, OutputInfo, StreamInfo
from stream.sinks.video import VideoSink
from tests.stand_ins.fakes import output_of

SMALL = StreamInfo(width=64, height=48, fps=Fraction(25))


def noisy_outputs(num_frames: int, info: OutputInfo) -> Iterator[Output]:
    """Yield noise, which no encoder makes small."""
    rng = np.random.default_rng(0)
    shape = (info.stream.height, info.stream.width, 4 if info.has_alpha else 3)
    for index in range(num_frames):
        image = rng.integers(0, 256, shape, np.uint8)
        yield output_of(image, index, index / 25)


def write_all(sink: VideoSink, outputs: Iterator[Output]) -> None:
    for output in outputs:
        sink.write(output)
    sink.finish(cut_short=False)
