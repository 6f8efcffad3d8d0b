"""Streams to the network, received by ffmpeg on loopback, and folders for web servers."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

import stream.sinks.parts.connection
from stream.errors import StreamError
from stream.ffmpeg.encoding.network_output import without_secrets
from stream.frame import Output, OutputInfo, StreamInfo
from stream.sinks import SinkOptions, open_sink
from stream.sinks.network import NetworkSink
from stream.sources.realtime import RealTime
from stream.sources.video import VideoSource
from tests.ffmpeg_reference import ffmpeg, picture_times_s, rgb
from tests.stand_ins.fakes import output_of
from tests.stand_ins.senders import free_port, wait_until_bound

pytestmark = pytest.mark.usefixtures("nothing_left_over")

SIZE_HW = (120, 160)
FPS = 25
#: A white corner and a tone, together, in the first tenth of each second.
FLASH, PLAIN = (slice(0, 24), slice(0, 24)), 0.1


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Four seconds of a picture that never repeats, flashing, with a tone at each flash."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    flash = f"lt(mod(t\\,1)\\,{PLAIN})"
    picture = f"testsrc2=size={SIZE_HW[1]}x{SIZE_HW[0]}:rate={FPS},"
    picture += "drawbox=0:0:24:24:black:fill,"
    picture += f"drawbox=0:0:24:24:white:fill:enable={flash}"
    tone = f"aevalsrc='sin(2*PI*1000*t)*{flash}':s=44100"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-t", "4"),
        *("-c:v", "libx264", "-crf", "12", "-c:a", "flac", path),
    )
    return path


def addresses(protocol: str) -> tuple[str, list[str]]:
    """The sender's address and the receiver's arguments."""
    port = free_port(socket.SOCK_STREAM if protocol == "rtmp" else socket.SOCK_DGRAM)
    if protocol == "udp":
        return f"udp://127.0.0.1:{port}", ["-i", f"udp://127.0.0.1:{port}?timeout=1500000"]
    if protocol == "srt":
        return f"srt://127.0.0.1:{port}", ["-i", f"srt://127.0.0.1:{port}?mode=listener"]
    address = f"rtmp://127.0.0.1:{port}/live/key"
    return address, ["-listen", "1", "-i", address]


@contextmanager
def receiver(arguments: list[str], path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An ffmpeg that writes what it receives to `path` without touching it."""
    executable = imageio_ffmpeg.get_ffmpeg_exe()
    command = [executable, "-v", "error", "-y", *arguments, "-c", "copy", "-f", "matroska"]
    with subprocess.Popen(
        [*command, "-flush_packets", "1", path], stderr=subprocess.DEVNULL
    ) as process:
        wait_until_bound(int(re.findall(r":(\d+)", " ".join(arguments))[-1]), process)
        yield process
        if process.poll() is None:
            try:
                process.wait(timeout=6)
            except subprocess.TimeoutExpired:
                process.kill()


class Sending:
    """The clip sent in real time, over and over, from a thread, as the loop would."""

    def __init__(self, clip: Path, address: str, *, rounds: int = 1) -> None:
        self.messages: list[str] = []
        self.waits_s: list[float] = []
        self.stopped = threading.Event()
        with VideoSource(str(clip)) as source:
            self.frames = [frame.image for frame in source]
            self.info = replace(source.info, live=True)
        if rounds > 1:
            self.info = replace(self.info, contents=None)
        self.num = len(self.frames) * rounds
        self.sink = NetworkSink(
            address,
            OutputInfo(self.info),
            SinkOptions(preset="ultrafast", crf=18, on_message=self.messages.append),
        )
        self.thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        began = time.monotonic()
        with self.sink:
            for index in range(self.num):
                time.sleep(max(0.0, began + index / FPS - time.monotonic()))
                if self.stopped.is_set():
                    break
                image = self.frames[index % len(self.frames)]
                before = time.monotonic()
                self.sink.write(output_of(image, index, index / FPS))
                self.waits_s.append(time.monotonic() - before)
            self.sink.finish(cut_short=True)

    def __enter__(self) -> Sending:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join()

    def check_never_waited(self) -> None:
        assert np.percentile(self.waits_s, 95) < 0.03

    def wait_for_message(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while not any(text in message for message in self.messages):
            assert time.monotonic() < deadline, (text, self.messages)
            time.sleep(0.05)


def matched(received: Path, frames: list[np.ndarray]) -> list[int]:
    """For each received frame the number of the sent one it looks like; all must look alike."""
    sent = np.array(frames).astype(np.int16)
    numbers = []
    for image in rgb(received, SIZE_HW, 10_000):
        differences = np.abs(sent[:, ::4, ::4] - image[::4, ::4]).mean(axis=(1, 2, 3))
        numbers.append(int(differences.argmin()))
        assert differences.min() < 6
    return numbers


def flashes_s(received: Path) -> list[float]:
    """When the corner turns white."""
    bright = rgb(received, SIZE_HW, 10_000)[:, *FLASH].mean(axis=(1, 2, 3)) > 128
    times = picture_times_s(received)
    return [times[k] for k in range(1, len(bright)) if bright[k] and not bright[k - 1]]


def tones_s(received: Path) -> list[float]:
    """When the tone sets in, on the same clock."""
    filters = ("-af", "aresample=8000:async=1:first_pts=0", "-ac", "1")
    sound = ffmpeg("-i", received, "-map", "0:a:0", *filters, "-f", "s16le", "-")
    samples = np.abs(np.frombuffer(sound, np.int16).astype(int))
    loud = samples[: len(samples) // 40 * 40].reshape(-1, 40).max(axis=1) > 8000
    return [k * 0.005 for k in range(20, len(loud)) if loud[k] and not loud[k - 20 : k].any()]


def check_sync(received: Path, *, at_least: int) -> None:
    flashes, tones = flashes_s(received), tones_s(received)
    pairs = [(f, t) for f, t in itertools.product(flashes, tones) if abs(f - t) < 0.4]
    assert len(pairs) >= at_least, (flashes, tones)
    for flash, tone in pairs:
        assert flash == pytest.approx(tone, abs=0.05)


def check_steady(received: Path, numbers: list[int]) -> None:
    """Frames stand at the times they had in the source."""
    times = np.array(picture_times_s(received))
    offsets = times - np.array(numbers) / FPS
    assert np.ptp(offsets) < 0.005


@pytest.mark.parametrize("protocol", ["udp", "srt", "rtmp"])
def test_receiver_gets_picture_sound_and_timing(clip, tmp_path, protocol):
    address, arguments = addresses(protocol)
    received = tmp_path / "received.mkv"
    with receiver(arguments, received), Sending(clip, address) as sending:
        pass
    numbers = matched(received, sending.frames)
    assert numbers == sorted(numbers)
    assert len(numbers) > 0.6 * len(sending.frames), numbers
    if protocol != "udp":  # where anything may be lost
        assert numbers[-1] >= len(sending.frames) - 3, "the end of the stream was sent"
    check_steady(received, numbers)
    check_sync(received, at_least=2)
    sending.check_never_waited()


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["srt", "rtmp"])
def test_receiver_that_dies_and_comes_back(clip, tmp_path, protocol):
    address, arguments = addresses(protocol)
    first, second = tmp_path / "first.mkv", tmp_path / "second.mkv"
    with Sending(clip, address, rounds=10) as sending:
        with receiver(arguments, first) as process:
            wait_for_bytes(first, 20_000)
            process.send_signal(signal.SIGKILL)
        sending.wait_for_message("lost")
        with receiver(arguments, second):
            sending.wait_for_message("back")
            wait_for_bytes(second, 20_000)
            sending.stopped.set()
    assert len(matched(second, sending.frames)) > 5
    sending.check_never_waited()
    assert all("key" not in message for message in sending.messages), "it is secret"
    assert len(sending.messages) <= 5, sending.messages


def wait_for_bytes(path: Path, num: int) -> None:
    deadline = time.monotonic() + 20
    while not path.exists() or path.stat().st_size < num:
        assert time.monotonic() < deadline, path
        time.sleep(0.05)


def test_udp_goes_on_without_a_receiver(clip, tmp_path):
    address, arguments = addresses("udp")
    received = tmp_path / "received.mkv"
    with Sending(clip, address) as sending:
        with receiver(arguments, tmp_path / "first.mkv") as process:
            time.sleep(1)
            process.kill()
        with receiver(arguments, received):
            sending.thread.join()
    numbers = matched(received, sending.frames)
    assert len(numbers) > 25
    assert numbers[-1] > 90
    check_sync(received, at_least=1)
    sending.check_never_waited()


def test_receiver_that_takes_nothing_holds_nothing_up_and_is_called_anew(
    clip, tmp_path, monkeypatch
):
    pipe, received = tmp_path / "pipe", tmp_path / "received.ts"
    os.mkfifo(pipe)
    options = ["-f", "mpegts", "-y", str(pipe)]
    monkeypatch.setattr(stream.sinks.parts.connection, "output_options", lambda *_, **__: options)
    monkeypatch.setattr(stream.sinks.parts.connection, "STALLED_S", 0.5)
    with Sending(clip, "udp://127.0.0.1:9", rounds=10) as sending:
        with pipe.open("rb"):  # and nothing read
            sending.wait_for_message("lost")
        with pipe.open("rb") as reading, received.open("wb") as writing:
            sending.wait_for_message("back")
            while data := reading.read(2000):
                writing.write(data)
                if received.stat().st_size > 60_000:
                    sending.stopped.set()
    assert len(matched(received, sending.frames)) > 5
    sending.check_never_waited()


def test_receiver_that_never_comes_is_an_error_at_the_end_alone(clip):
    address, _ = addresses("rtmp")
    with Sending(clip, address) as sending:
        sending.wait_for_message(f"{without_secrets(address)}: not reached")
        sending.stopped.set()
        sending.sink.finish = lambda cut_short: None  # what it raises is looked at below
    with pytest.raises(StreamError, match="nothing was sent; check the address"):
        NetworkSink.finish(sending.sink, cut_short=True)
    assert len(sending.messages) == 1


# === Folders for web servers ===


def test_file_becomes_a_whole_folder(clip, tmp_path):
    folder = tmp_path / "web"
    with VideoSource(str(clip)) as source:
        options = SinkOptions(preset="ultrafast", crf=18)
        with open_sink(f"hls:{folder}/", OutputInfo(source.info), options) as sink:
            frames = []
            for frame in source:
                frames.append(frame.image)
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    playlist = folder / "index.m3u8"
    text = playlist.read_text()
    assert "#EXT-X-ENDLIST" in text
    assert text.count("#EXTINF:2.0") == 2
    numbers = matched(playlist, frames)
    assert numbers == list(range(len(frames)))
    check_steady(playlist, numbers)
    check_sync(playlist, at_least=3)


def test_live_folder_can_be_shown_while_it_is_written(clip, tmp_path):
    folder = tmp_path / "web"
    with Sending(clip, f"hls:{folder}/") as sending:
        wait_for_bytes(folder / "index.m3u8", 10)
        text = (folder / "index.m3u8").read_text()
        assert "#EXT-X-ENDLIST" not in text
        segment = folder / next(line for line in text.splitlines() if line.endswith(".ts"))
        assert matched(segment, sending.frames)[0] < 20
    assert "#EXT-X-ENDLIST" in (folder / "index.m3u8").read_text()
    numbers = matched(folder / "index.m3u8", sending.frames)
    assert numbers == sorted(numbers)
    assert len(numbers) > 0.6 * len(sending.frames)
    check_sync(folder / "index.m3u8", at_least=2)
    sending.check_never_waited()


def test_folder_that_holds_a_playlist_is_kept_without_leave(tmp_path):
    info = OutputInfo(StreamInfo(64, 48, Fraction(25)))
    (tmp_path / "index.m3u8").write_text("mine")
    with pytest.raises(StreamError, match="add -y"):
        open_sink(f"hls:{tmp_path}/", info, SinkOptions())
    (tmp_path / "maskcast-000000.ts").write_text("old")
    (tmp_path / "other.ts").write_text("not ours")
    with open_sink(f"hls:{tmp_path}/", info, SinkOptions(overwrite=True)):
        assert [path.name for path in tmp_path.iterdir()] == ["other.ts"]


def test_folder_that_is_not_finished_is_emptied(clip, tmp_path):
    with VideoSource(str(clip)) as source:
        with open_sink(f"hls:{tmp_path}/", OutputInfo(source.info), SinkOptions()) as sink:
            for frame in itertools.islice(source, 60):
                sink.write(Output(frame, frame.picture, None, None))
    assert list(tmp_path.iterdir()) == []


# === The rest ===


def test_file_is_sent_at_its_own_pace(clip, tmp_path):
    address, arguments = addresses("udp")
    received = tmp_path / "received.mkv"
    with receiver(arguments, received), VideoSource(str(clip)) as source:
        began = time.monotonic()
        with open_sink(address, OutputInfo(source.info), SinkOptions(preset="ultrafast")) as sink:
            for frame in source:
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    assert time.monotonic() - began > 3.9
    check_sync(received, at_least=2)


def test_odd_and_transparent_pictures_are_sent(tmp_path):
    info = OutputInfo(StreamInfo(65, 49, Fraction(25), live=True), has_alpha=True)
    image = np.full((49, 65, 4), 200, np.uint8)
    image[:, 32:, 3] = 0
    folder = tmp_path / "web"
    with open_sink(f"hls:{folder}/", info, SinkOptions(preset="ultrafast")) as sink:
        for index in range(30):
            sink.write(output_of(image, index, index / 25))
            time.sleep(0.01)
        sink.finish(cut_short=False)
    shown_image = rgb(folder / "index.m3u8", (48, 64), 1)[0]
    assert shown_image[:, :28].mean() == pytest.approx(200 * 200 / 255, abs=3)
    assert shown_image[:, 36:].mean() < 3


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("udp://127.0.0.1", "must look like udp://HOST:PORT"),
        ("srt://host", "must look like srt://HOST:PORT"),
        ("rtmp://host/app", "must look like rtmp://HOST/APPLICATION/KEY"),
        ("udp://host:99999999", "is no address"),
        ("hls:", "write hls:FOLDER/"),
        ("http://host/x", "unknown kind of output"),
    ],
)
def test_addresses_that_lack_something(address, words):
    info = OutputInfo(StreamInfo(64, 48, Fraction(25)))
    with pytest.raises(StreamError, match=words) as caught:
        open_sink(address, info, SinkOptions())
    assert "\n" not in str(caught.value)


def test_messages_hold_no_secret():
    assert without_secrets("rtmp://user:word@host:1935/live2/abcd-key") == "rtmp://host:1935"
    assert without_secrets("srt://host:9000?passphrase=secret&mode=caller") == "srt://host:9000"
    assert without_secrets("udp://@239.0.0.1:1234") == "udp://239.0.0.1:1234"


def test_realtime_file_keeps_its_sound(clip):
    with RealTime(VideoSource(str(clip))) as source:
        assert source.info.contents is not None
        assert source.info.contents.sound
        assert source.info.live
