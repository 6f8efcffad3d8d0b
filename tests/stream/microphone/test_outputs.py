"""Recordings and streams with the sound of a microphone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.errors import StreamError
from stream.ffmpeg.encoding import sound_writer
from stream.frame import Colour, Output, OutputInfo, StreamInfo
from stream.live.recorder import Recorder
from stream.sinks.network import NetworkSink
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.yuv420 import YuvCoding
from tests import ffmpeg_reference as reference
from tests.stand_ins.devices.fake_microphone import heard
from tests.written_videos import SMALL, noisy_outputs, write_all

pytestmark = pytest.mark.usefixtures("no_file_left_over")

LIVE = OutputInfo(replace(SMALL, live=True))
HDR = Colour("bt2020", "smpte2084", "bt2020nc")
DEEP = OutputInfo(StreamInfo(64, 48, Fraction(25), live=True, colour=HDR, depth=10))
RATE = 48_000


def options() -> SinkOptions:
    return SinkOptions(preset="ultrafast", sound=heard(3))


def sound_of(path: Path) -> np.ndarray:
    """Return the sound of a file from time 0 on, (n,) float."""
    data = reference.ffmpeg(
        *("-i", path, "-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-ac", "1"),
        *("-ar", str(RATE), "-f", "s16le", "-"),
    )
    return np.frombuffer(data, np.int16).astype(float)


def phase(sound: np.ndarray) -> float:
    """Return by how many samples a tone of 1 kHz is late, within half a period."""
    numbers = np.arange(len(sound))
    angle = np.angle((sound * np.exp(-2j * np.pi * numbers * 1000 / RATE)).sum())
    return float(-(angle + np.pi / 2) * RATE / (2 * np.pi * 1000))


def deep_outputs(num: int) -> Iterator[Output]:
    coding = DeepCoding(YuvCoding("bt2020nc"), Colours("bt2020", "smpte2084", 1000))
    for output in noisy_outputs(num, LIVE):
        yield replace(output, picture=DeepPicture.of_srgb(output.image, coding))


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_recordings_have_it_from_the_first_frame_to_the_end_of_the_last(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    with VideoSink(path, LIVE, options()) as sink:
        for output in noisy_outputs(40, LIVE):
            frame = replace(output.frame, time_s=output.frame.time_s + 0.5)
            sink.write(replace(output, frame=frame))
        sink.finish(cut_short=True)
    sound = sound_of(path)
    assert len(sound) == pytest.approx(1.6 * RATE, abs=0.03 * RATE)
    assert abs(phase(sound[RATE // 10 : RATE])) < 2, "to the sample, or nearly so"
    assert reference.picture_times_s(path)[0] == 0
    assert len(reference.picture_times_s(path)) == 40


def test_ten_bits_have_it_too(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    with VideoSink(path, DEEP, replace(options(), codec="hevc")) as sink:
        for output in deep_outputs(15):
            sink.write(output)
        sink.finish(cut_short=True)
    assert "yuv420p10le" in reference.description(path)
    sound = sound_of(path)
    assert len(sound) == pytest.approx(0.6 * RATE, abs=0.03 * RATE)
    assert abs(phase(sound[RATE // 10 : RATE // 2])) < 2


def test_without_a_microphone_there_is_no_track(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path, LIVE, SinkOptions(preset="ultrafast")) as sink:
        for output in noisy_outputs(5, LIVE):
            sink.write(output)
        sink.finish(cut_short=True)
    assert not reference.has_sound(path)


def test_what_a_person_records_in_the_window_has_it(tmp_path: Path) -> None:
    with Recorder(tmp_path, LIVE, options()) as recorder:
        for index, output in enumerate(noisy_outputs(30, LIVE)):
            if index in (10, 25):
                recorder.toggle()
            recorder.write(output)
        recorder.finish(cut_short=True)
    (path,) = tmp_path.glob("maskcast-*.mp4")
    assert len(sound_of(path)) == pytest.approx(0.6 * RATE, abs=0.03 * RATE)


def test_a_live_playlist_has_it(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    with NetworkSink(f"hls:{folder}/", LIVE, options()) as sink:
        for output in noisy_outputs(25, LIVE):
            sink.write(output)
            time.sleep(0.005)
        sink.finish(cut_short=True)
    (segment,) = folder.glob("*.ts")
    found = re.search(r"Audio: aac .*48000 Hz, stereo", reference.description(segment))
    assert found
    assert np.abs(sound_of(segment)).max() > 10_000


def test_while_no_picture_comes_sound_goes_on(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sound_writer, "GAP_S", 0.02)
    path, settings = tmp_path / "out.mkv", options()
    assert settings.sound is not None
    with VideoSink(path, LIVE, settings) as sink:
        first, *_, last = noisy_outputs(70, LIVE)
        sink.write(first)
        numbers: list[int] = []
        header = sink._feed._sound._header
        sink._feed._sound._header = lambda number, size: (
            numbers.append(number),
            header(number, size),
        )[1]
        deadline = time.monotonic() + 30
        while not numbers or numbers[-1] < 2.8 * RATE:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        sink.write(last)
        sink.finish(cut_short=True)
    assert abs(phase(sound_of(path)[RATE : 2 * RATE])) < 2


def test_an_encoder_that_ends_takes_no_thread_with_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sound_writer, "GAP_S", 0.02)
    with closing(VideoSink(tmp_path / "out.mp4", LIVE, options())) as sink:
        sink.open()
        outputs = noisy_outputs(1000, LIVE)
        sink.write(next(outputs))
        sink.interrupt()
        with pytest.raises(StreamError, match="could not be written"):
            write_all(sink, outputs)
        with pytest.raises(StreamError):
            sink.finish(cut_short=True)
    for path in tmp_path.iterdir():
        path.unlink()
