"""How soon the receiver of a live stream has something."""

from __future__ import annotations

import socket
from fractions import Fraction

import numpy as np
import pytest

from stream.frame import OutputInfo, StreamInfo
from stream.sinks import SinkOptions
from stream.sinks.network import NetworkSink
from tests.stand_ins.fakes import output_of

pytestmark = pytest.mark.usefixtures("nothing_left_over")

SIZE_HW = (120, 160)


def test_receivers_of_a_slow_source_have_its_first_pictures():
    """ffmpeg would wait for some twenty, to guess a rate from: a minute, of three seconds each."""
    info = StreamInfo(SIZE_HW[1], SIZE_HW[0], Fraction(25), live=True)
    options = SinkOptions(preset="ultrafast", crf=18)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving:
        receiving.bind(("127.0.0.1", 0))
        receiving.settimeout(20)
        address = f"udp://127.0.0.1:{receiving.getsockname()[1]}"
        with NetworkSink(address, OutputInfo(info), options) as sink:
            for index in range(4):
                sink.write(
                    output_of(np.full((*SIZE_HW, 3), 60 * index, np.uint8), index, 3.0 * index)
                )
            assert len(receiving.recv(2000)) > 100
