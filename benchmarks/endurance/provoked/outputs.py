"""What can go wrong with what is written, and ends that come from outside."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.endurance import kills
from benchmarks.endurance.provoked.runs import QUICK, Kind, Program, Row, frame_times_s, started
from benchmarks.endurance.provoked.sources import BACK, LOST, udp
from tests.stand_ins.senders import free_port, sending
from tests.stand_ins.small_disk import small_disk

NOISE_FRAMES = 150
GOOD = ("-o", "good.mkv", *QUICK)
PACED = ("--realtime", *QUICK)
KILLED = r"\(ffmpeg was ended by SIGKILL\)"


def is_whole(row: Row, program: Program, name: str = "good.mkv", *, lost_s: float = 0.5) -> None:
    """Check that an output has all that the program took for it."""
    row.compare(frame_times_s(program.out / name), program)
    row.expect_lost(lost_s)
    row.expect_frames(program.counts().get(f"{name} written", program.written()))


# === Full disks ===


def full_disk(name: str) -> Kind:
    """Write a video to a disk that is soon full, and to a good one."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        try:
            with small_disk(folder / "small", 300_000) as disk:
                bad = f"hls:{disk}/web/" if name == "hls" else f"{disk}/{name}"
                with started(folder, clips / "noise.mkv", "-o", bad, *GOOD) as program:
                    program.end()
                full = ".*No space left on device.*"
                row.take(program, 1, f"(?!error: ){full}", f"error: {full}")
                half = [path.name for path in disk.rglob("*") if path.is_file()]
                row.check(name == "pictures/" or not half, f"{' '.join(half)} is left")
        except pytest.skip.Exception as error:
            row.skipped = str(error)
            return
        is_whole(row, program)
        row.expect_frames(NOISE_FRAMES)

    return fill


def full_disk_live(row: Row, folder: Path, clips: Path) -> None:
    """Record onto a disk that is soon full, and onto a good one."""
    try:
        with small_disk(folder / "small", 6_000_000) as disk:
            outputs = ("-o", str(disk / "a.mp4"), "-o", "good.mkv")
            big = ("--effect", "none", "--quality", "ultrafast:1", "--realtime")
            with started(folder, clips / "noise.mkv", *outputs, *big) as program:
                program.end()
            ended = rf"{disk}/a\.mp4: ended, because its disk is almost full; .*"
            row.take(program, 1, ended, f"error: {ended}")
            num = len(frame_times_s(disk / "a.mp4"))
            row.check(num > 10, f"only {num} frames of it are kept")
    except pytest.skip.Exception as error:
        row.skipped = str(error)
        return
    is_whole(row, program)


# === Receivers ===


@contextmanager
def receiver(url: str) -> Iterator[None]:
    """Receive and throw away; killed at the end."""
    options = (
        ("-listen", "1", "-i", url) if url.startswith("rtmp") else ("-i", f"{url}?mode=listener")
    )
    with sending(*options, "-f", "null", "-"):
        yield
    time.sleep(0.2)


def lost_receiver(protocol: str) -> Kind:
    """Kill who receives, and start them again; a file is written as well."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        kind = socket.SOCK_STREAM if protocol == "rtmp" else socket.SOCK_DGRAM
        url = f"{protocol}://127.0.0.1:{free_port(kind)}" + "/live/key" * (protocol == "rtmp")
        with started(folder, clips / "long.mkv", "-o", url, *GOOD, "--realtime") as program:
            with receiver(url):
                program.play(2)
            program.wait_for_line(LOST)
            with receiver(url):
                program.wait_for_line(BACK)
                program.play(1)
                program.end(signal.SIGINT)
        row.take(program, 130, LOST, BACK)
        is_whole(row, program)

    return fill


def no_receiver(row: Row, folder: Path, clips: Path) -> None:
    """Send to a port at which nobody listens; a file is written as well."""
    url = f"srt://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    with started(folder, clips / "long.mkv", "-o", url, *GOOD, "--realtime") as program:
        program.wait_for_line(r".*: not reached \(.*\), trying again")
        program.play(1)
        program.end(signal.SIGINT)
    reached = r".*: not reached \(.*\), trying again"
    row.take(program, 1, reached, r"error: .*: nothing was sent; check the address")
    is_whole(row, program)


# === Encoders ===


def killed_encoder(row: Row, folder: Path, clips: Path) -> None:
    """Kill the encoder of a file, beside a good one."""
    with started(folder, clips / "long.mkv", "-o", "a.mp4", "-o", "p.jsonl", *QUICK) as program:
        program.play(1)
        program.kill_encoder()
        program.wait_for_line(r"a\.mp4: could not be written .*")
        program.play(0.5)
        program.end(signal.SIGINT)
    row.take(
        program,
        1,
        rf"a\.mp4: could not be written {KILLED}",
        rf"error: a\.mp4: could not be written {KILLED}",
    )
    row.check(not (program.out / "a.mp4").exists(), "half a file has a name")
    results = program.out / "p.jsonl"
    row.kept = len(results.read_text().splitlines()) if results.exists() else 0
    row.expect_frames(program.counts().get("p.jsonl written", 0))


def killed_recorder(row: Row, folder: Path, clips: Path) -> None:
    """Kill the encoder of a recording."""
    with started(folder, clips / "long.mkv", "-o", "out.mkv", *PACED) as program:
        program.play(3)
        program.kill_encoder()
        program.end()
    row.take(
        program,
        1,
        rf"error: out\.mkv: could not be written further {KILLED}; the first .* s are kept",
    )
    row.compare(frame_times_s(program.out / "out.mkv"), program)
    row.expect_lost(1.5)


# === Killed programs ===


def killed(kind: str, *, children: bool) -> Kind:
    """Kill the program, see what the next start makes of what is left."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        result = kills.kill_one(kind, clips, children=children)
        row.lost_s = result.lost_s
        row.check(not result.left_over, f"{' '.join(result.left_over)} is left")
        row.check(result.lost_s is None or result.lost_s < 2.5, "more than 2.5 s lost")

    return fill


def killed_while_silent(row: Row, folder: Path, clips: Path) -> None:
    """Kill the program while its source is silent: its ffmpeg must not wait for ever."""
    with udp(folder, clips) as opened:
        with started(folder, *opened.address, "-o", "null:", *QUICK) as program:
            program.play(1)
            opened.fall_silent()
            time.sleep(0.5)
            program.end(signal.SIGKILL)
        row.take(program, -signal.SIGKILL)


# === Signals ===


def signalled(number: int, *options: str) -> Kind:
    """End a run with a signal."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        with started(folder, clips / "long.mkv", "-o", "good.mkv", *options) as program:
            program.play(0.3 if options == QUICK else 2)
            program.end(number)
        row.take(program, 130)
        is_whole(row, program)

    return fill


def twice(row: Row, folder: Path, clips: Path) -> None:
    """Press Ctrl-C twice during a recording."""
    with started(folder, clips / "long.mkv", "-o", "good.mkv", *PACED) as program:
        program.play(2)
        program.send(signal.SIGINT)
        time.sleep(0.002)
        program.end(signal.SIGINT)
    row.code, row.said = program.code, program.said()
    row.check(program.code == 130, f"exit code {program.code} instead of 130")
    row.check(not any("Traceback" in line for line in row.said), "traceback")
    row.wrong += program.left_over()
    row.compare(frame_times_s(program.out / "good.mkv"), program)
    row.expect_lost(1.5)


#: By name: what is done, and what does it.
OUTPUTS: dict[str, tuple[str, Kind]] = {
    **{
        f"full disk, {name}": ("300 kB for this output, a good one beside it", full_disk(name))
        for name in ("a.mp4", "a.mkv", "pictures/", "hls")
    },
    "full disk, live a.mp4": ("6 MB for this output, a good one beside it", full_disk_live),
    "lost receiver, rtmp": ("killed, then there again; a file beside", lost_receiver("rtmp")),
    "lost receiver, srt": ("killed, then there again; a file beside", lost_receiver("srt")),
    "no receiver, srt": ("nobody listens; a file beside", no_receiver),
    "encoder killed": ("of a job to a.mp4, results beside", killed_encoder),
    "recorder killed": ("the encoder of a recording", killed_recorder),
    **{
        f"kill -9, {kind}{', children too' if children else ''}": (
            "then the next start",
            killed(kind, children=children),
        )
        for kind in kills.KINDS
        for children in (False, True)
    },
    "kill -9, silent udp": ("nothing comes, then the program is killed", killed_while_silent),
    **{
        f"{number.name}, {what}": ("sent once", signalled(number, *options))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for what, options in (("job", QUICK), ("recording", PACED))
    },
    "Ctrl-C twice": ("during a recording", twice),
}
