"""Which sink an address means."""

from __future__ import annotations

from fractions import Fraction

import pytest

from stream.commands.parts.cast_options import SOURCES
from stream.errors import StreamError
from stream.frame import OutputInfo, StreamInfo
from stream.sinks import SinkOptions, open_sink, wants_instances
from stream.sinks.opening import KINDS
from stream.sinks.photos import PhotoFile, PhotoFolder
from stream.sinks.video import VideoSink
from stream.sources import open_source

INFO = OutputInfo(StreamInfo(64, 48, Fraction(25)))


def test_addresses_of_sinks(tmp_path):
    for address, kind in {
        str(tmp_path / "x.mp4"): VideoSink,
        tmp_path / "y.mp4": VideoSink,
        str(tmp_path / "x.PNG"): PhotoFile,
        f"{tmp_path}/new/": PhotoFolder,
        str(tmp_path): PhotoFolder,
    }.items():
        with open_sink(address, INFO, SinkOptions(overwrite=True)) as sink:
            assert type(sink) is kind, address
    with pytest.raises(StreamError, match="unknown kind of output"):
        open_sink("movie.xyz", INFO, SinkOptions())


def test_every_kind_is_named_where_none_is_meant_and_every_name_in_the_help():
    with pytest.raises(StreamError) as error:
        open_sink("movie.xyz", INFO, SinkOptions())
    for key in KINDS:
        assert key in str(error.value)
        assert ":" not in key or key.replace("rtmps", "rtmp") in SOURCES


def test_kinds_that_are_of_objects_one_by_one(tmp_path):
    (tmp_path / "x.json").mkdir()
    for address, wanted in {
        "instances:masks/": True,
        "found.JSON": True,
        "found.jsonl": True,
        "window:": False,
        "out.mp4": False,
        "found.json/": False,
        str(tmp_path / "x.json"): False,  # a folder of photos
    }.items():
        assert wants_instances(address) == wanted, address


@pytest.mark.parametrize("address", ["null:x", "window:2", "nothing:", ".png", "x.", "rtsp://h/x"])
def test_what_is_no_kind_of_output(address):
    for ask in (wants_instances, lambda given: open_sink(given, INFO, SinkOptions())):
        with pytest.raises(StreamError, match=f"^{address}: unknown kind of output"):
            ask(address)


@pytest.mark.parametrize("kind", ["hls:", "instances:", "labels:", "crops:", "dataset:"])
def test_folders_of_files_lie_on_a_disk(kind):
    for ask in (wants_instances, lambda given: open_sink(given, INFO, SinkOptions())):
        with pytest.raises(StreamError, match=f"^{kind}s3://films/x/: cannot lie in an object"):
            ask(f"{kind}s3://films/x/")


@pytest.mark.parametrize("address", ["UDP://host", "Srt://host", "rtmps://host/app"])
def test_a_protocol_may_be_written_in_capitals(address):
    with pytest.raises(StreamError, match="must look like"):
        open_sink(address, INFO, SinkOptions())


@pytest.mark.parametrize("address", ["udp://", "RTSP://", "https://"])
def test_a_network_address_without_a_host_is_refused_at_once(address):
    with pytest.raises(StreamError, match=f"^{address}: names no host"):
        open_source(address, on_message=print)
