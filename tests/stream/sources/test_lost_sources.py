"""Live sources that break off, end, fall silent, and come back, maybe changed."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import stream.pauses
import stream.sources.video
from stream.frame import Frame
from stream.sources.video import VideoSource
from tests.stand_ins.senders import Line, free_port, http_camera, recording, sending, tcp_camera

pytestmark = pytest.mark.usefixtures("nothing_left_over")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost soon, and tried again soon."""
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (0.01,))
    monkeypatch.setattr(stream.sources.video, "SILENT_S", 1.0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three seconds of 64x48."""
    return recording(tmp_path_factory.mktemp("sent") / "clip.ts", seconds=3).read_bytes()


def frames_of(source: VideoSource, num: int) -> list[Frame]:
    return list(itertools.islice(source, num))


def assert_came_back(frames: list[Frame], told: list[str], name: str, *reasons: str) -> None:
    lost, back = told
    assert lost in [f"{name}: lost ({reason}), trying again" for reason in reasons]
    assert back == f"{name}: back"
    assert [frame.index for frame in frames] == list(range(len(frames)))
    takes = [frame.take for frame in frames]
    assert takes == sorted(takes)
    assert set(takes) == {0, 1}
    assert (np.diff([frame.time_s for frame in frames]) > 0).all()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("silent", "reasons"),
    [(False, ["it ended"]), (True, ["no picture for 1 s"])],
)
def test_what_ends_or_falls_silent_is_tried_again(
    clip: bytes, silent: bool, reasons: list[str]
) -> None:
    def serve(number: int, line: Line) -> None:
        if number == 1:
            return  # reached, but nothing comes: it is still lost
        line.send(clip, seconds=0.5)
        if silent:
            line.stay_silent()

    told: list[str] = []
    with tcp_camera(serve) as address, VideoSource(address, told.append) as source:
        assert source.info.live
        frames = frames_of(source, 35)
    assert_came_back(frames, told, address, *reasons)


@pytest.mark.usefixtures("quick")
def test_live_video_of_a_web_server_is_tried_again(clip: bytes) -> None:
    def serve(number: int, line: Line) -> None:
        line.send(clip, seconds=0.5)

    told: list[str] = []
    with (
        http_camera(serve, {"Content-Type": "video/mp2t"}) as address,
        VideoSource(address, told.append) as source,
    ):
        frames = frames_of(source, 35)
    assert_came_back(frames, told, address, "Input/output error", "it ended")


@pytest.mark.usefixtures("quick")
def test_an_encoder_that_was_killed_and_started_again_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = f"srt://127.0.0.1:{free_port()}"
    picture = ("-re", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10", "-g", "1")
    arguments = (*picture, "-c:v", "mpeg2video", "-f", "mpegts", f"{address}?mode=listener")
    told: list[str] = []
    with sending(*arguments) as process, VideoSource(address, told.append) as source:
        frames = iter(source)
        before = [next(frames) for _ in range(5)]
        process.kill()
        process.wait()
        with sending(*arguments):
            while (frame := next(frames)).take == 0:
                before.append(frame)
            after = [frame, *itertools.islice(frames, 4)]
    assert len(told) == 2
    assert told[0].startswith(f"{address}: lost (")
    assert told[1] == f"{address}: back"
    assert {frame.take for frame in after} == {1}
    assert after[0].time_s > before[-1].time_s


def test_the_gap_is_as_long_as_it_was(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (1.5,))
    with tcp_camera(lambda number, line: line.send(clip, seconds=0.5)) as address:
        with VideoSource(address) as source:
            frames = frames_of(source, 35)
    first_again = next(frame for frame in frames if frame.take)
    # half a second of sending, and the pause
    assert 1.9 < first_again.time_s - frames[0].time_s


@pytest.mark.usefixtures("quick")
def test_another_size_is_fitted_and_told_once(clip: bytes, tmp_path: Path) -> None:
    upright = recording(tmp_path / "upright.ts", size="48x96", seconds=3).read_bytes()

    def serve(number: int, line: Line) -> None:
        line.send(upright if number else clip, seconds=0.5)

    told: list[str] = []
    with tcp_camera(serve) as address, VideoSource(address, told.append) as source:
        frames = frames_of(source, 70)
    assert frames[-1].take == 2
    assert [line for line in told if "x" in line] == [
        f"{address}: its pictures are 48x96 now, fitted into 64x48"
    ]
    for frame in frames:
        assert frame.image.shape == (48, 64, 3)
        bars = np.concatenate([frame.image[:, :20], frame.image[:, 44:]], axis=1)
        assert (bars.max() == 0) == (frame.take > 0)
        assert frame.image[:, 20:44].max() > 100


def test_interrupt_ends_the_wait_for_what_is_lost(
    clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (900.0,))
    with tcp_camera(lambda number, line: line.send(clip)) as address:
        source = VideoSource(address, lambda text: source.interrupt())
        with source:
            assert list(source)


def test_a_silent_beginning_is_told(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.sources.attempts.TOLD_S", 0.2)

    def serve(number: int, line: Line) -> None:
        line.send(clip[:188], seconds=1.0)
        line.send(clip)

    told: list[str] = []
    with tcp_camera(serve) as address, VideoSource(address, told.append) as source:
        assert frames_of(source, 3)
    assert told == [f"{address}: waiting for its first picture"]
