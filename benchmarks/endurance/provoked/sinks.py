"""Outputs, what can be read of them afterwards, and every source that breaks off into each."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks.endurance.provoked.runs import QUICK, Kind, Program, Row, frame_times_s, started
from benchmarks.endurance.provoked.sources import NO_SCREEN, SOURCES, Source
from tests.stand_ins.senders import free_port, sending
from tests.users.screens import virtual_screen

END = "#EXT-X-ENDLIST\n"


@dataclass(frozen=True)
class Given:
    """An output that is there.

    Attributes:
        address: of it.
        kept: tells, after the end of the run, what can be read: times of the frames in seconds, or
            where it has none, their number.
        display: on which it is shown.
    """

    address: str
    kept: Callable[[Program], list[float] | int]
    display: str = ""


@dataclass(frozen=True)
class Sink:
    """A kind of output.

    Attributes:
        open: given a folder; keeps what receives until all is there.
        may_lose_s: seconds of what was seen that may be missing at the end.
        is_video: its frames have a pace.
        is_exact: a file's frames are all there.
        missing: what this machine lacks for it.
        options: further ones of the program.
        begun: files of which one is there before the source breaks off: live, the first mask is
            later than the first frame, and without one nothing is written.
    """

    open: Callable[[Path], AbstractContextManager[Given]]
    may_lose_s: float = 0.5
    is_video: bool = True
    is_exact: bool = True
    missing: str = ""
    options: tuple[str, ...] = ()
    begun: str = ""


def local(
    address: str, kept: Callable[[Path], list[float] | int]
) -> Callable[[Path], AbstractContextManager[Given]]:
    """Open an output in the folder of the run."""
    name = address.partition(":")[2] or address
    given = Given(address, lambda program: kept(program.out / name))
    return lambda folder: contextlib.nullcontext(given)


def num_pictures(folder: Path) -> int:
    """Return how many pictures can be read of a folder."""
    return sum(cv2.imread(str(path)) is not None for path in folder.rglob("*.png"))


def num_lines(path: Path) -> int:
    """Return how many lines of results can be read."""
    return len([json.loads(line) for line in path.open()]) if path.exists() else 0


def num_pictures_in(path: Path) -> int:
    """Return whether a photo can be read, as a number."""
    return int(path.exists() and cv2.imread(str(path)) is not None)


def received(address: str, *options: str) -> Callable[[Path], AbstractContextManager[Given]]:
    """Open an address at which somebody listens, who writes down what comes."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Given]:
        path, kind = folder / "received.mkv", socket.SOCK_STREAM
        if not address.startswith("rtmp"):
            kind = socket.SOCK_DGRAM
        url = address.format(port=free_port(kind))
        query = "?mode=listener" if url.startswith("srt") else ""
        written = ("-c", "copy", "-flush_packets", "1", "-f", "matroska", path)
        with sending("-y", *options, "-i", f"{url}{query}", *written) as receiver:
            time.sleep(0.3)

            def kept(program: Program) -> list[float]:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    receiver.wait(1.0)
                receiver.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    receiver.wait(5.0)
                return frame_times_s(path)

            yield Given(url, kept)

    return opened


@contextmanager
def window(folder: Path) -> Iterator[Given]:
    """Open a window on a screen of its own."""
    with virtual_screen("320x240") as display:
        yield Given("window:", lambda program: program.counts().get("window: written", 0), display)


def playlist(folder: Path) -> list[float]:
    """Return the times of the frames of a folder for a web server."""
    path, whole = folder / "index.m3u8", folder / "whole.m3u8"
    if not path.exists():
        return []
    # without an end ffmpeg waits for more
    whole.write_text(path.read_text().replace(END, "") + END)
    return frame_times_s(whole)


NO_DEVICE = "" if importlib.util.find_spec("pyvirtualcam") else "needs pyvirtualcam"

SINKS: dict[str, Sink] = {
    **{name: Sink(local(f"out.{name}", frame_times_s)) for name in ("mp4", "mkv", "mov", "webm")},
    "photo": Sink(local("out.png", num_pictures_in), is_video=False),
    "folder": Sink(local("pictures/", num_pictures), is_video=False),
    "hls": Sink(local("hls:web/", playlist)),
    "rtmp": Sink(received("rtmp://127.0.0.1:{port}/live/key", "-listen", "1"), 1.0, is_exact=False),
    "srt": Sink(received("srt://127.0.0.1:{port}", "-f", "mpegts"), 1.0, is_exact=False),
    "udp": Sink(received("udp://127.0.0.1:{port}", "-f", "mpegts"), 1.0, is_exact=False),
    "window": Sink(window, is_exact=False, is_video=False, missing=NO_SCREEN),
    "virtual camera": Sink(
        lambda folder: contextlib.nullcontext(
            Given("virtualcam:", lambda program: program.counts().get("virtual", 0))
        ),
        is_exact=False,
        missing=NO_DEVICE,
        options=("--always-on",),  # nobody reads it
    ),
    "results": Sink(local("out.jsonl", num_lines), is_video=False),
    "masks": Sink(
        local("instances:masks/", num_pictures),
        is_exact=False,
        is_video=False,
        begun="masks/**/[!.]*.png",
    ),
}


def fits(source: Source, sink: str) -> bool:
    """Return whether a source can have a sink."""
    if sink == "photo":
        return source.is_photo
    if sink == "window":  # photos are watched one by one, and wait for a person
        return source.is_paced or source.is_photo
    return not SINKS[sink].is_video or (source.is_paced and not source.is_photo)


def into(source: Source, sink: Sink) -> Kind:
    """Let a source break off while its frames go to a sink."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        with ExitStack() as stack:
            opened = stack.enter_context(source.open(folder, clips))
            given = stack.enter_context(sink.open(folder))
            arguments = (*opened.address, "-o", given.address, *QUICK, *sink.options)
            display = opened.display or given.display
            run = started(folder, *arguments, camera=opened.camera, display=display)
            program = stack.enter_context(run)
            if source.play_s:
                program.play(source.play_s)
            if sink.begun:
                program.wait_until(lambda: any(program.out.glob(sink.begun)))
            opened.break_off(program)
            for pattern in source.said:
                program.wait_for_line(pattern)
            program.end(signal.SIGINT if source.goes_on else None)
            row.take(program, source.code, *source.said)
            judge(row, source, sink, given.kept(program), program)

    def unless_missing(row: Row, folder: Path, clips: Path) -> None:
        row.skipped = source.missing or sink.missing
        if not row.skipped:
            fill(row, folder, clips)

    return unless_missing


def judge(row: Row, source: Source, sink: Sink, kept: list[float] | int, program: Program) -> None:
    """Check that what was written can be read."""
    if isinstance(kept, list):
        row.compare(kept, program)
    else:
        row.kept = kept
    if source.num_frames == 0:
        row.expect_frames(0)
        return
    row.expect_lost(sink.may_lose_s)
    if sink.is_exact:
        row.expect_frames(source.num_frames or program.written() - program.num_left_out())


#: By name: what is done, and what does it.
PAIRS: dict[str, tuple[str, Kind]] = {
    f"{name} -> {sink}": (source.done, into(source, SINKS[sink]))
    for name, source in SOURCES.items()
    for sink in SINKS
    if fits(source, sink)
}
