"""Video files by each codec: frames, times, colours, and by what encoder."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import run
from segmentation.picture import RgbPicture
from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.errors import StreamError
from stream.ffmpeg.encoding.choice import failure
from stream.ffmpeg.encoding.codecs import CODECS, Encoding
from stream.ffmpeg.encoding.encoders import HARDWARE, VIDEO_CODECS
from stream.frame import Colour, Frame, Output, OutputInfo, StreamInfo
from stream.sinks import open_sink
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.sources.video import VideoSource
from stream.yuv420 import YuvCoding
from tests import ffmpeg_reference as reference
from tests.command_line.failing import failing
from tests.inputs import deep_clips
from tests.stand_ins.devices.hardware_encoders import pretend

pytestmark = pytest.mark.usefixtures("no_file_left_over")

PAIRS = [(name, ending) for name in VIDEO_CODECS for ending in CODECS[name].endings]
#: How far a colour may be off, of 255.
EXACT = 3


@pytest.mark.parametrize(("codec", "ending"), PAIRS)
def test_frames_times_and_sound(tmp_path: Path, codec: str, ending: str) -> None:
    clip, film, path = tmp_path / "clip.mp4", tmp_path / "film.mkv", tmp_path / f"out{ending}"
    times_s = reference.irregular_clip(clip)
    tone = ("-f", "lavfi", "-i", "sine=duration=1.5")
    reference.ffmpeg("-i", clip, *tone, "-c:v", "copy", film)
    with VideoSource(str(film)) as source:
        options = SinkOptions(codec=codec, preset="ultrafast", crf=5)
        with VideoSink(path, OutputInfo(source.info), options) as sink:
            for frame in source:
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    np.testing.assert_allclose(reference.picture_packets_s(path), times_s, atol=0.0011)
    said = reference.description(path)
    assert re.search(rf"Video: {codec}\b", said)
    assert ("(hvc1" in said) == (codec == "hevc" and ending != ".mkv")
    assert ": Audio: " in said
    before, after = (reference.rgb(each, (48, 64), 40)[:40] for each in (clip, path))
    assert np.abs(before.astype(int) - after).mean() < EXACT


@pytest.mark.parametrize("codec", VIDEO_CODECS)
def test_colours_that_were_put_in(tmp_path: Path, codec: str) -> None:
    ending = CODECS[codec].endings[0]
    path = tmp_path / f"red{ending}"
    picture = RgbPicture(np.full((48, 64, 3), (200, 40, 90), np.uint8))
    info = OutputInfo(StreamInfo(64, 48, Fraction(25)))
    with VideoSink(path, info, SinkOptions(codec=codec)) as sink:
        for index in range(5):
            sink.write(Output(Frame(picture, index, index / 25), picture, None, None))
        sink.finish(cut_short=False)
    assert "bt709" in reference.description(path)
    mean = reference.rgb(path, (48, 64), 5).mean(axis=(0, 1, 2))
    assert np.abs(mean - (200, 40, 90)).max() < EXACT


@pytest.mark.parametrize(("codec", "ending"), PAIRS)
def test_a_recording_that_is_left_is_kept(tmp_path: Path, codec: str, ending: str) -> None:
    told: list[str] = []
    info = OutputInfo(StreamInfo(64, 48, Fraction(25), live=True))
    options = SinkOptions(codec=codec, preset="veryfast", on_message=told.append)
    rng = np.random.default_rng(0)
    with VideoSink(tmp_path / f"live{ending}", info, options) as sink:
        for index in range(50):
            picture = RgbPicture(rng.integers(0, 256, (48, 64, 3), np.uint8))
            sink.write(Output(Frame(picture, index, index / 25), picture, None, None))
    (line,) = told
    assert re.search(r"not finished; the first (1\.9|2\.0) s are kept$", line)
    assert len(reference.picture_packets_s(tmp_path / f"live{ending}")) == 50


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (
            1,
            ["-o", "a.webm", "--codec", "hevc"],
            r"\.webm cannot hold HEVC; --codec hevc is for",
        ),
        (1, ["-o", "a.mov", "--codec", "hevc", "--effect", "cutout"], "holds no transparency"),
        (1, ["-o", "a.webm", "--encoder", "nvenc"], "nvenc does not encode VP9"),
        (2, ["-o", "a.png", "--codec", "av1"], "--codec av1: no output is a video that is encoded"),
        (2, ["-o", "frames/", "--encoder", "auto"], "--encoder auto: no output is a video"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    code: int,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert re.search(said, failing(capfd, code, "demo:", *arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", HARDWARE)
def test_hardware_that_is_not_there_ends_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    if not failure(Encoding(CODECS["h264"], HARDWARE[kind]["h264"]), (480, 640)):
        pytest.skip(f"this machine has {kind}")
    path = tmp_path / "a.mp4"
    line = failing(capfd, 1, "demo:", "-o", path, "--encoder", kind)
    assert f"{path}: --encoder {kind} cannot be used here (" in line
    assert not path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="a script takes ffmpeg's place")
def test_hardware_encodes_files_and_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "clip.mp4"
    reference.ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=1", clip)
    log = pretend(monkeypatch, tmp_path)
    arguments = [str(clip), "--encoder", "nvenc", "--codec", "hevc"]
    film, web = tmp_path / "a.mp4", f"hls:{tmp_path}/web/"
    assert run.main([*arguments, "-o", str(film), "-o", web]) == 0
    runs = [line for line in log.read_text().splitlines() if "pipe:0" in line]
    assert sorted(re.findall(r"\w+_nvenc", "".join(runs))) == ["h264_nvenc", "hevc_nvenc"]
    stream = next(line for line in runs if "h264_nvenc" in line)
    assert "-b:v" in stream
    assert "-cq" not in stream
    assert "Video: hevc" in reference.description(film)


@pytest.mark.parametrize("size_hw", [(48, 48), (64, 36), (20, 40), (16, 16), (200, 62)])
@pytest.mark.parametrize("is_live", [False, True])
def test_narrow_pictures_with_10_bits_are_hevc(
    tmp_path: Path, size_hw: tuple[int, int], is_live: bool
) -> None:
    path, (height, width) = tmp_path / "narrow.mp4", size_hw
    coding = DeepCoding(YuvCoding("bt2020nc"), Colours("bt2020", "smpte2084"))
    colour = Colour("bt2020", "smpte2084", "bt2020nc")
    info = StreamInfo(width, height, Fraction(25), colour=colour, depth=10, live=is_live)
    picture = DeepPicture.of_srgb(np.full((*size_hw, 3), 255, np.uint8), coding)
    with VideoSink(path, OutputInfo(info), SinkOptions()) as sink:
        for index in range(12):
            sink.write(Output(Frame(picture, index, index / 25), picture, None, None))
        sink.finish(cut_short=False)
    assert "hevc (Main 10)" in reference.description(path)
    assert len(reference.picture_packets_s(path)) == 12
    assert np.abs(deep_clips.luma_of(path, size_hw).astype(int) - 573).max() <= 1


def test_a_picture_too_small_for_hevc_is_said(tmp_path: Path) -> None:
    info = OutputInfo(StreamInfo(64, 14, Fraction(25)))
    said = "HEVC has at least 16 pixels a side, and the picture is 64x14; use --codec h264$"
    with pytest.raises(StreamError, match=said):
        VideoSink(tmp_path / "small.mp4", info, SinkOptions(codec="hevc"))


def test_a_stream_says_that_it_is_h264(tmp_path: Path) -> None:
    told: list[str] = []
    options = SinkOptions(codec="av1", on_message=told.append)
    with open_sink(f"hls:{tmp_path}/web/", OutputInfo(StreamInfo(64, 48, Fraction(25))), options):
        assert told == [f"hls:{tmp_path}/web/: is H.264; --codec av1 is for files"]
