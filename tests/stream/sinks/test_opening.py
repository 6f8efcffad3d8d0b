"""Which sink an address means."""

from __future__ import annotations

from fractions import Fraction

import pytest

from stream.errors import StreamError
from stream.frame import OutputInfo, StreamInfo
from stream.sinks import SinkOptions, open_sink
from stream.sinks.photos import PhotoFile, PhotoFolder
from stream.sinks.video import VideoSink
from stream.sources import open_source

INFO = OutputInfo(StreamInfo(64, 48, Fraction(25)))


def test_addresses_of_sinks(tmp_path):
    for address, kind in {
        str(tmp_path / "x.mp4"): VideoSink,
        str(tmp_path / "x.PNG"): PhotoFile,
        f"{tmp_path}/new/": PhotoFolder,
        str(tmp_path): PhotoFolder,
    }.items():
        with open_sink(address, INFO, SinkOptions(overwrite=True)) as sink:
            assert type(sink) is kind, address
    with pytest.raises(StreamError, match="unknown kind of output"):
        open_sink("movie.xyz", INFO, SinkOptions())


@pytest.mark.parametrize("address", ["udp://", "RTSP://", "https://"])
def test_a_network_address_without_a_host_is_refused_at_once(address):
    with pytest.raises(StreamError, match=f"^{address}: names no host"):
        open_source(address, on_message=print)
