"""What can go wrong with what is read: sources that come back, change, stall, or are broken."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.endurance.provoked.runs import QUICK, Kind, Program, Row, frame_times_s, started
from benchmarks.endurance.provoked.sources import (
    BACK,
    CAMERA_LOST,
    LOST,
    SOURCES,
    Camera,
    Opened,
    mjpeg,
    nothing,
    packet_rate,
    packets,
    udp,
)
from tests.stand_ins.senders import Line, tcp_camera

OUT = ("-o", "out.mkv", *QUICK)
FITTED = r".*: its pictures are 80x60 now, fitted into 160x120"


def recorded(row: Row, program: Program, *said: str, code: int = 130, lost_s: float = 0.5) -> None:
    """End a recording by Ctrl-C and check that all of it is there."""
    program.end(signal.SIGINT if code == 130 else None)
    row.take(program, code, *said)
    row.compare(frame_times_s(program.out / "out.mkv"), program)
    row.expect_lost(lost_s)
    row.expect_frames(program.written())


def length_s(program: Program) -> float:
    """Return from which time to which there are frames in a recording."""
    times_s = frame_times_s(program.out / "out.mkv")
    return times_s[-1] - times_s[0] if times_s else 0.0


# === Lost, and back ===


def comes_back(name: str) -> Kind:
    """Let a source break off and come back."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        with SOURCES[name].open(folder, clips) as opened:
            _lose(row, folder, opened, LOST, BACK)

    return fill


def _lose(row: Row, folder: Path, opened: Opened, *said: str) -> None:
    with started(folder, *opened.address, *OUT, camera=opened.camera) as program:
        program.play(1.5)
        opened.break_off(program)
        program.wait_for_line(said[0])
        opened.come_back()
        for pattern in said:
            program.wait_for_line(pattern)
        program.play(1.5)
        recorded(row, program, *said)


def replugged(plan: str, *said: str) -> Kind:
    """Let a camera be unplugged and plugged in again."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        lost_and_back = (CAMERA_LOST, BACK, *said)
        _lose(row, folder, Opened(("0",), nothing, camera=plan), *lost_and_back)

    return fill


def another_size(row: Row, folder: Path, clips: Path) -> None:
    """Let a network camera come back with smaller pictures."""
    with resized(clips) as opened:
        _lose(row, folder, opened, LOST, BACK, FITTED)


@contextmanager
def resized(clips: Path) -> Iterator[Opened]:
    """Open a camera that sends smaller pictures from its second connection on."""
    one, large = Camera(), packets(clips)
    small = packets(clips, name="smaller.ts")

    def serve(number: int, line: Line) -> None:
        one.send(line.send, small if number else large, packet_rate(clips))

    with tcp_camera(serve) as address:
        try:
            yield one.opened(address)
        finally:
            one.is_on.clear()


def falls_silent(name: str) -> Kind:
    """Let a source say nothing more, and stay there."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        with SOURCES[name].open(folder, clips) as opened:
            with started(folder, *opened.address, *OUT) as program:
                program.play(1.5)
                opened.fall_silent()
                program.wait_for_line(LOST)
                recorded(row, program, r".*: lost \((no picture for 10 s|.* timed out)\), .*")
                opened.break_off(program)

    return fill


# === Clocks ===


def clock_jumps_back(row: Row, folder: Path, clips: Path) -> None:
    """Let a sender begin anew, its clock with it."""
    with udp(folder, clips) as opened, started(folder, *opened.address, *OUT) as program:
        program.play(2.5)
        opened.break_off(program)
        program.play(0.7)
        opened.come_back()
        program.play(2.5)
        real_s = program.since_first_s()
        recorded(row, program)
    times_s = frame_times_s(program.out / "out.mkv")
    row.check(abs(length_s(program) - real_s) < 1, f"{length_s(program):.1f} s of {real_s:.1f} s")
    num_close = int((np.diff(times_s) < 0.005).sum())
    row.check(not num_close, f"{num_close} frames within 5 ms of another")


def no_clock(rate: float) -> Kind:
    """Let a camera send pictures without times."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        with mjpeg(rate)(folder, clips) as opened:
            with started(folder, *opened.address, *OUT) as program:
                program.play(4)
                real_s = program.since_first_s()
                recorded(row, program)
        length = length_s(program)
        row.check(abs(length / real_s - 1) < 0.15, f"{length:.1f} s of {real_s:.1f} s")

    return fill


def joined(row: Row, folder: Path, clips: Path) -> None:
    """Append a recording to another one, whose clock begins where that of the first did."""
    data = (clips / "smaller.ts").read_bytes()
    (folder / "joined.ts").write_bytes(data * 2)
    _read(row, folder, folder / "joined.ts")
    row.expect_frames(2 * len(frame_times_s(clips / "smaller.ts")))
    times_s = frame_times_s(folder / "out" / "out.mkv")
    length = times_s[-1] - times_s[0]
    row.check(abs(length - 4) < 0.1, f"{length:.1f} s instead of 4.0 s")


def _read(row: Row, folder: Path, path: Path, *said: str) -> None:
    """Read a file to its end, which is a failure where something is said of it."""
    with started(folder, path, *OUT) as program:
        recorded(row, program, *said, code=1 if said else 0)


# === Broken pictures ===


def cut_off(row: Row, folder: Path, clips: Path) -> None:
    """Cut a file off in its middle."""
    data, path = (clips / "once.mkv").read_bytes(), folder / "cut.mkv"
    path.write_bytes(data[: len(data) // 2])
    num = len(frame_times_s(path))
    said = rf".*cut\.mkv: is damaged, {num} frames \(.* of 8\.0 s\) could be read \(.*\)"
    _read(row, folder, path, said)
    row.expect_frames(num)


def camera(plan: str) -> Kind:
    """Record a camera for three seconds."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        with started(folder, "0", *OUT, camera=plan) as program:
            program.play(3)
            recorded(row, program)

    return fill


#: By name: what is done, and what does it.
INPUTS: dict[str, tuple[str, Kind]] = {
    **{
        f"{name} comes back": (f"{SOURCES[name].done}, then there again", comes_back(name))
        for name in ("rtsp", "srt", "mjpeg", "udp", "hls")
    },
    "camera comes back": ("unplugged, then there again", replugged("45x160x120/300x160x120")),
    "camera comes back smaller": (
        "unplugged, then there with 80x60",
        replugged("45x160x120/300x80x60", FITTED),
    ),
    "stream comes back smaller": ("closed, then there with 80x60", another_size),
    "rtsp falls silent": ("nothing more is sent", falls_silent("rtsp")),
    "mjpeg falls silent": ("nothing more is sent", falls_silent("mjpeg")),
    "clock jumps back": ("the sender begins anew", clock_jumps_back),
    "no clock, 10/s": ("MJPEG, 10 pictures a second", no_clock(10)),
    "no clock, 15/s": ("MJPEG, 15 pictures a second", no_clock(15)),
    "joined recordings": ("cat a.ts a.ts", joined),
    "file cut off": ("half of a video", cut_off),
    "corrupt camera pictures": (
        "some reads fail",
        camera("20x160x120,1xnone,20x160x120,3xnone,300x160x120"),
    ),
    "first camera reads empty": ("the first 3 reads fail", camera("3xnone,300x160x120")),
}
