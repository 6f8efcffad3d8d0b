"""Sources that break off and may come back, each with all that it needs on this machine."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from benchmarks.endurance.provoked.runs import Program
from stream.sources.demo import FPS, HEIGHT, WIDTH, Demo
from tests.ffmpeg_reference import ffmpeg
from tests.stand_ins.senders import (
    Line,
    Serve,
    free_port,
    http_camera,
    sending,
    tcp_camera,
    web_folder,
)
from tests.users.screens import paint, virtual_screen

NO_SCREEN = "" if shutil.which("Xvfb") and shutil.which("xdotool") else "needs Xvfb and xdotool"
SIZE_WH = (160, 120)
BOUNDARY = {"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
LOST = r".*: lost \(.*\), trying (again|to open it again)"
BACK = r".*: back"
CAMERA_LOST = r"camera 0: lost, trying to open it again"
#: What is done to a source, while this program reads it.
Act = Callable[[Program], None]


def interrupt(program: Program) -> None:
    """Press Ctrl-C."""
    program.send(signal.SIGINT)


def nothing(program: Program) -> None:
    """Do nothing: it breaks off by itself."""


@dataclass(frozen=True)
class Opened:
    """A source that is there.

    Attributes:
        address: of it, and options that it needs.
        break_off: makes it break off.
        come_back: makes it come back, where it can.
        fall_silent: makes it say nothing more, where it can.
        camera: see `watched_run`.
        display: that it shows.
    """

    address: tuple[str, ...]
    break_off: Act
    come_back: Callable[[], None] = lambda: None
    fall_silent: Callable[[], None] = lambda: None
    camera: str = ""
    display: str = ""


@dataclass(frozen=True)
class Source:
    """A kind of source, and what is right when it breaks off.

    Attributes:
        open: given a folder and the clips.
        done: how it breaks off.
        said: patterns of the lines that this makes the program say.
        goes_on: it is tried again until Ctrl-C.
        code: the exit code then.
        play_s: how long it runs before.
        num_frames: that are kept of it, where that is known.
        is_paced: it has a pace, so that it makes videos.
        is_photo: one photo.
        missing: what this machine lacks for it.
    """

    open: Callable[[Path, Path], AbstractContextManager[Opened]]
    done: str
    said: tuple[str, ...] = (LOST,)
    goes_on: bool = True
    code: int = 130
    play_s: float = 1.5
    num_frames: int | None = None
    is_paced: bool = True
    is_photo: bool = False
    missing: str = ""


# === Clips ===


def make_clips(folder: Path) -> Path:
    """Write what sources are made of: the demo, small, as video, stream, photos; returns where."""
    with Demo() as demo:
        frames = b"".join(frame.image.tobytes() for frame in demo)
    raw = ("-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{WIDTH}x{HEIGHT}")
    small = ("-vf", f"scale={SIZE_WH[0]}:{SIZE_WH[1]}")
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "5")
    once = folder / "once.mkv"
    ffmpeg(*raw, "-framerate", str(FPS), "-i", "-", *small, *x264, once, data=frames)
    ffmpeg("-stream_loop", "19", "-i", once, "-c", "copy", folder / "long.mkv")
    mpeg = ("-c:v", "mpeg2video", "-g", "1", "-q:v", "4", "-muxdelay", "0")
    ffmpeg("-i", once, *mpeg, folder / "once.ts")
    ffmpeg("-i", once, "-t", "2", *mpeg, "-s", "80x60", folder / "smaller.ts")
    ffmpeg("-i", once, "-vf", "fps=10", folder / "%03d.jpg")
    noise = "nullsrc=size=320x240:rate=25,geq=random(1)*255:128:128"
    ffmpeg("-f", "lavfi", "-i", noise, "-t", "6", *x264, folder / "noise.mkv")
    return folder


def pictures(clips: Path) -> list[bytes]:
    """Return JPEG, ten for each second."""
    return [path.read_bytes() for path in sorted(clips.glob("*.jpg"))]


# === Files ===


@contextmanager
def file(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open a file of some minutes whose decoder is killed."""
    yield Opened((str(clips / "long.mkv"),), Program.kill_decoder)


@contextmanager
def photo(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open a photo of which half is there."""
    data = (clips / "001.jpg").read_bytes()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    png = cv2.imencode(".png", image)[1].tobytes()
    (folder / "torn.png").write_bytes(png[:40])
    yield Opened((str(folder / "torn.png"),), nothing)


def photos(*options: str) -> Callable[[Path, Path], AbstractContextManager[Opened]]:
    """Open a folder of 40 photos, of which number 30 is cut off."""

    @contextmanager
    def opened(folder: Path, clips: Path) -> Iterator[Opened]:
        (folder / "photos").mkdir()
        for number, data in enumerate(pictures(clips)[:40]):
            (folder / "photos" / f"{number}.jpg").write_bytes(data[:20] if number == 30 else data)
        yield Opened((str(folder / "photos"), *options), nothing)

    return opened


@contextmanager
def demo(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open the demo, as a camera."""
    yield Opened(("demo:", "--realtime"), interrupt)


# === Devices ===


@contextmanager
def camera(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open a camera that is unplugged after two seconds."""
    yield Opened(("0",), nothing, camera="60x160x120")


@contextmanager
def screen(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open a screen whose ffmpeg is killed."""
    (folder / "memory").mkdir()
    with virtual_screen("320x240", folder / "memory") as display:
        image = cv2.imread(str(clips / "001.jpg"))
        paint(folder / "memory", np.ascontiguousarray(image[..., ::-1]), (0, 0))
        yield Opened(("screen:160x120+0+0",), Program.kill_decoder, display=display)


# === Networks ===


@dataclass
class Camera:
    """Somebody who sends while switched on."""

    is_on: threading.Event = field(default_factory=threading.Event)
    is_silent: threading.Event = field(default_factory=threading.Event)

    def switch_off(self, program: Program) -> None:
        """Break off."""
        self.is_on.clear()

    def send(self, give: Callable[[bytes], object], pieces: list[bytes], rate: float) -> None:
        """Send pieces again and again, so many a second."""
        due_s = time.monotonic()
        while self.is_on.is_set():
            if not self.is_silent.is_set():
                give(pieces[0])
            pieces = [*pieces[1:], pieces[0]]
            due_s += 1 / rate
            time.sleep(max(0.0, due_s - time.monotonic()))

    def opened(self, address: str) -> Opened:
        """Switch it on."""
        self.is_on.set()
        return Opened((address,), self.switch_off, self.is_on.set, self.is_silent.set)


def part(data: bytes) -> bytes:
    """Return a picture as one part of MJPEG over HTTP."""
    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
    return head + data + b"\r\n"


def mjpeg(rate: float = 10) -> Callable[[Path, Path], AbstractContextManager[Opened]]:
    """Open a camera of so many pictures a second behind a web server."""

    @contextmanager
    def opened(folder: Path, clips: Path) -> Iterator[Opened]:
        one, parts = Camera(), [part(data) for data in pictures(clips)]
        with http_camera(
            lambda number, line: one.send(line.send, parts, rate), BOUNDARY
        ) as address:
            try:
                yield one.opened(address)
            finally:
                one.is_on.clear()

    return opened


def packets(clips: Path, name: str = "once.ts") -> list[bytes]:
    """Return the packets of a stream, seven together."""
    data, size = (clips / name).read_bytes(), 7 * 188
    return [data[at : at + size] for at in range(0, len(data), size)]


def packet_rate(clips: Path) -> float:
    """Return how many of `packets` are one second."""
    return len(packets(clips)) / 8


@contextmanager
def rtsp(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open an RTSP camera: MPEG-TS in RTP (RFC 2250) within the connection (RFC 2326, 10.12)."""
    one, data, rate = Camera(), packets(clips), packet_rate(clips)
    with tcp_camera(rtsp_server(one, data, rate)) as address:
        try:
            yield one.opened(address.replace("tcp://", "rtsp://") + "/camera")
        finally:
            one.is_on.clear()


def rtsp_server(one: Camera, data: list[bytes], rate: float) -> Serve:
    """Return what serves one connection."""
    sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\n"
    more = {
        "OPTIONS": ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"],
        "DESCRIBE": ["Content-Type: application/sdp", f"Content-Length: {len(sdp)}"],
        "SETUP": ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1"],
    }

    def in_rtp(number: int, payload: bytes) -> bytes:
        time_stamp = round(number / rate * 90_000) & 0xFFFFFFFF
        head = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, time_stamp, 1)
        return struct.pack(">cBH", b"$", 0, len(head + payload)) + head + payload

    def serve(number: int, line: Line) -> None:
        reader = line.reader()
        while one.is_on.is_set() and (request := read_request(reader)):
            method, sequence = request
            answer = ["RTSP/1.0 200 OK", f"CSeq: {sequence}", "Session: 1", *more.get(method, [])]
            body = sdp if method == "DESCRIBE" else ""
            line.send(("\r\n".join([*answer, "", ""]) + body).encode())
            if method == "PLAY":
                one.send(line.send, [in_rtp(n, payload) for n, payload in enumerate(data)], rate)

    return serve


def read_request(reader: IO[bytes]) -> tuple[str, str] | None:
    """Return method and number of the next request, `None` where none comes."""
    first = reader.readline().decode("latin-1").split()
    sequence = "0"
    while line := reader.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        sequence = value.strip() if name == "CSeq" else sequence
    return (first[0], sequence) if first else None


@contextmanager
def udp(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open a port to which somebody sends, who falls silent, and begins anew with a new clock."""
    one, stop, port = Camera(), threading.Event(), free_port(socket.SOCK_DGRAM)
    data, rate = packets(clips), packet_rate(clips)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending_to:

        def send() -> None:
            while not stop.is_set():
                one.send(lambda each: sending_to.sendto(each, ("127.0.0.1", port)), data, rate)
                time.sleep(0.02)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield one.opened(f"udp://127.0.0.1:{port}")
        finally:
            stop.set()
            one.is_on.clear()
            thread.join()


class Encoder:
    """An ffmpeg that sends, which ends in order and can be started again."""

    def __init__(self, stack: ExitStack, *arguments: object) -> None:
        self._stack, self._arguments = stack, arguments
        self.start()

    def start(self) -> None:
        """Begin to send."""
        self._process = self._stack.enter_context(sending(*self._arguments))

    def end(self, program: Program) -> None:
        """Stop sending."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)


def encoder(
    clips: Path, stack: ExitStack, *arguments: object
) -> tuple[Callable[[Program], None], Callable[[], None]]:
    """Start an ffmpeg that sends in real time; returns what ends it and what starts it again."""
    clip = ("-re", "-stream_loop", "-1", "-i", clips / "once.ts", "-c", "copy")
    one = Encoder(stack, *clip, *arguments)
    return one.end, one.start


@contextmanager
def srt(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open an SRT sender that ends."""
    address = f"srt://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    with ExitStack() as stack:
        ends = encoder(clips, stack, "-f", "mpegts", f"{address}?mode=listener")
        yield Opened((address,), *ends)


@contextmanager
def hls(folder: Path, clips: Path) -> Iterator[Opened]:
    """Open a live playlist that comes to its end."""
    (folder / "sent").mkdir()
    playlist = folder / "sent" / "list.m3u8"
    with ExitStack() as stack:
        address = stack.enter_context(web_folder(folder / "sent"))
        ends = encoder(clips, stack, "-f", "hls", "-hls_time", "0.4", playlist)
        while not playlist.exists():
            time.sleep(0.02)
        yield Opened((f"{address}/list.m3u8",), *ends)


TORN = r"error: .*torn\.png: not a picture that can be read; is it whole\?"
NUMBER_30 = r"error: .*30\.jpg: not a picture that can be read; is it whole\?"
KEPT = r"(; the first \d+ frames \(.* s\) are kept)?"

SOURCES: dict[str, Source] = {
    "file": Source(
        file,
        "decoder killed",
        (rf"error: .*: broke off \(ffmpeg .* SIGKILL\){KEPT}",),
        goes_on=False,
        code=1,
        play_s=0.4,
    ),
    "photo": Source(photo, "cut off", (TORN,), False, 1, 0.0, 0, is_photo=True),
    "photos": Source(photos(), "photo 30 cut off", (NUMBER_30,), False, 1, 0.0, 39, is_paced=False),
    "photos of a video": Source(
        photos("--fps", "10"), "photo 30 cut off", (NUMBER_30 + KEPT,), False, 1, 0.0, 30
    ),
    "demo:": Source(demo, "Ctrl-C", (), goes_on=False),
    "camera": Source(camera, "unplugged", (CAMERA_LOST,)),
    "screen:": Source(screen, "its ffmpeg killed", (LOST, BACK), missing=NO_SCREEN),
    "rtsp": Source(rtsp, "connection closed"),
    "srt": Source(srt, "sender ended"),
    "mjpeg": Source(mjpeg(), "connection closed"),
    "udp": Source(udp, "sender fell silent"),
    "hls": Source(hls, "playlist ended"),
}
