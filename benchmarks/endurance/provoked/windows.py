"""Windows that are closed, and displays that are not there or end."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import psutil

from benchmarks.endurance.provoked.outputs import GOOD, PACED, is_whole
from benchmarks.endurance.provoked.runs import Kind, Program, Row, frame_times_s, started
from benchmarks.endurance.provoked.sources import NO_SCREEN
from tests.users.screens import (
    press_alt_f4,
    press_close_button,
    refusing_screen,
    virtual_screen,
    window_manager,
    xdotool,
)

NO_MANAGER = "" if shutil.which("openbox") else "needs openbox"
BOTH = ("-o", "window:", "-o", "good.mkv", *PACED)


def closed_window(close: str) -> Kind:
    """Close the window while a recording runs."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        row.skipped = NO_SCREEN or NO_MANAGER
        if row.skipped:
            return
        with virtual_screen("640x480") as display, window_manager(display):
            with started(folder, clips / "long.mkv", *BOTH, display=display) as program:
                program.play(1)
                _close(close, display, program)
                program.end(seconds=15)
            row.take(program, 0)
            is_whole(row, program)

    return fill


def _close(how: str, display: str, program: Program) -> None:
    found: list[str] = []

    def is_shown() -> bool:
        search = ("search", "--onlyvisible", "--name", "^maskcast$")
        found[:] = xdotool(display, *search).stdout.split()
        return bool(found)

    program.wait_until(is_shown)
    time.sleep(0.5)
    for window in found[-1:]:
        if how == "its button":
            press_close_button(display, window)
        elif how == "Alt+F4":
            press_alt_f4(display, window)
        else:
            xdotool(display, "windowfocus", "--sync", window)
            xdotool(display, "key", how)


def dead_display(row: Row, folder: Path, clips: Path) -> None:
    """Let the display end while a recording runs; the next start gives that its name.

    The window system's own code ends the process then, by an exit or by an abort.
    """
    row.skipped = NO_SCREEN
    if row.skipped:
        return
    with virtual_screen("640x480") as display:
        with started(folder, clips / "long.mkv", *BOTH, display=display) as program:
            program.play(2)
            real_s = program.since_first_s()
            server_of(display).kill()
            program.end(seconds=15)
    row.code, row.said = program.code, program.said()
    ends = (1, -signal.SIGABRT)
    row.check(program.code in ends, f"exit code {program.code}, none of {ends}")
    with started(folder, "recover", display="") as recovery:
        recovery.end()
    row.wrong += recovery.left_over()
    times_s = frame_times_s(program.out / "good.mkv")
    row.kept, row.lost_s = len(times_s), real_s - (times_s[-1] if times_s else 0.0)
    row.expect_lost(2.5)


def server_of(display: str) -> psutil.Process:
    """Return the X server of a display, which has been started here."""
    socket = f"/tmp/.X11-unix/X{display.removeprefix(':')}"
    for process in psutil.Process().children():
        if process.name() == "Xvfb":
            if any(str(one.laddr).endswith(socket) for one in process.net_connections("unix")):
                return process
    raise OSError(f"no X server listens at {socket}")


def no_display(row: Row, folder: Path, clips: Path) -> None:
    """Ask for a window where there is no display."""
    with started(folder, clips / "long.mkv", "-o", "window:", *GOOD) as program:
        program.end()
    row.take(program, 1, r"error: window: there is no display; write to a file instead, .*")
    row.check(not [*program.out.iterdir()], "an output was begun")


def refusing_display(row: Row, folder: Path, clips: Path) -> None:
    """Ask for a window on a display that lets nobody in."""
    row.skipped = NO_SCREEN
    if row.skipped:
        return
    with refusing_screen(folder) as display:
        arguments = (clips / "long.mkv", "-o", "window:", *GOOD)
        with started(folder, *arguments, display=display) as program:
            program.end()
    row.take(program, 1, rf"error: window: the display {display} refuses \(.*\); write to a .*")
    row.check(not [*program.out.iterdir()], "an output was begun")


#: By name: what is done, and what does it.
WINDOWS: dict[str, tuple[str, Kind]] = {
    **{
        f"window closed by {how}": ("while a recording runs", closed_window(how))
        for how in ("its button", "Alt+F4", "q")
    },
    "display ends": ("while a recording runs, then recover", dead_display),
    "no display": ("a window is asked for", no_display),
    "display refuses": ("a window is asked for", refusing_display),
}
