"""The beginning of a network source: its first pictures, or why none comes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import stream.ffmpeg.inputs
import stream.pauses
from stream.errors import StreamError
from stream.sources.video import VideoSource
from tests.ffmpeg_reference import ffmpeg
from tests.stand_ins.senders import Line, free_port, tcp_camera

pytestmark = pytest.mark.usefixtures("nothing_left_over")

KEYFRAME, MISSED = 20, 5  # distance of keyframes; frames that whoever comes late has missed
CODECS = ("mpeg4", "h263p", "flv", "wmv2", "libx264", "libx265", "mpeg2video")


def joined_late(codec: str, folder: Path) -> bytes:
    """Return what comes from a camera, a frame after the other, from between two keyframes on."""
    whole, rest = folder / "whole.mkv", folder / "rest.mkv"
    picture = "testsrc2=size=176x144:rate=10:duration=6"
    coded = ("-pix_fmt", "yuv420p", "-c:v", codec, "-b:v", "800k", "-g", str(KEYFRAME), "-bf", "0")
    ffmpeg("-f", "lavfi", "-i", picture, *coded, whole)
    missed = ("-bsf:v", f"noise=drop='lt(n,{MISSED})'")
    ffmpeg("-i", whole, "-c", "copy", *missed, "-f", "matroska", "-live", "1", rest)
    return rest.read_bytes()


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_begin_with_the_first_whole_one(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (0.01,))
    data = joined_late(codec, tmp_path)
    with tcp_camera(lambda number, line: line.send(data)) as address:
        with VideoSource(address) as source:
            frames = list(itertools.islice(source, 60))
    with VideoSource(str(tmp_path / "whole.mkv")) as whole:
        sent = [frame.image.astype(int) for frame in whole]
    first = [next(frame for frame in frames if frame.take == take) for take in (0, 1)]
    for frame in first:  # also after an interruption
        distances = [np.abs(frame.image - image).mean() for image in sent]
        assert int(np.argmin(distances)) == KEYFRAME
        assert min(distances) < 2
    assert [frame.index for frame in frames] == list(range(60))


def no_answer(number: int, line: Line) -> None:
    """Take the connection, and no more."""
    line.stay_silent()


def no_description(number: int, line: Line) -> None:
    """Answer the first request alone."""
    line.send(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n")
    line.stay_silent()


def no_picture(number: int, line: Line) -> None:
    """Answer whatever is asked, and send nothing then (RFC 2326)."""
    sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\n"
    for sequence, header in enumerate(
        (
            "Public: OPTIONS, DESCRIBE, SETUP, PLAY",
            f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}",
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1",
            "Range: npt=now-",
        ),
        1,
    ):
        body = sdp if sequence == 2 else ""
        answer = f"RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nSession: 1\r\n{header}\r\n\r\n{body}"
        line.send(answer.encode(), seconds=0.2)
    line.stay_silent()


@pytest.mark.parametrize("serve", [no_answer, no_description, no_picture])
@pytest.mark.parametrize("protocol", ["rtsp", "tcp", "http", "rtmp"])
def test_what_gives_nothing_is_told_in_time(
    serve: Callable[[int, Line], None], protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if protocol != "rtsp" and serve is not no_answer:
        pytest.skip("speaks RTSP")
    monkeypatch.setattr(stream.ffmpeg.inputs, "_TIMEOUT_US", 700_000)
    with tcp_camera(serve) as address:
        address = address.replace("tcp", protocol)
        with pytest.raises(StreamError) as error:
            VideoSource(f"{address}/camera")
    assert str(error.value) == (
        f"{address}/camera: nothing comes from it; check the address and that it is sending"
    )


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("rtsp://127.0.0.1:{port}/a", "cannot be reached (Connection refused); check the address"),
        ("http://nowhere.invalid/a", "nobody knows this host; check the address"),
        ("srt://127.0.0.1:{port}", "nothing comes from it; check the address"),
    ],
)
def test_what_cannot_be_reached_is_told(
    address: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    address = address.format(port=free_port())
    with pytest.raises(StreamError) as error:
        VideoSource(address)
    assert str(error.value).startswith(f"{address}: {reason}")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("401 Unauthorized", "lets nobody in without the right name and password"),
        ("404 Not Found", "cannot be reached (Server returned 404 Not Found); check the address"),
    ],
)
@pytest.mark.parametrize("protocol", ["rtsp", "http"])
def test_what_refuses_is_told(status: str, reason: str, protocol: str) -> None:
    def serve(number: int, line: Line) -> None:
        reader = line.reader()
        version = "RTSP/1.0" if protocol == "rtsp" else "HTTP/1.0"
        while first := reader.readline().split():
            headers = [header.strip() for header in iter(reader.readline, b"\r\n")]
            sequence = next((each for each in headers if each.startswith(b"CSeq")), b"X: 1")
            answer = "200 OK" if first[0] == b"OPTIONS" else status
            more = "WWW-Authenticate: Basic realm=camera\r\nContent-Length: 0"
            line.send(f"{version} {answer}\r\n{sequence.decode()}\r\n{more}\r\n\r\n".encode())

    with tcp_camera(serve) as address:
        address = f"{address.replace('tcp', protocol)}/camera"
        with pytest.raises(StreamError) as error:
            VideoSource(address)
    assert str(error.value).startswith(f"{address}: {reason}")
