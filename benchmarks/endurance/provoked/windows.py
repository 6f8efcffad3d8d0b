"""Windows that are closed, and displays that are not there or end."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

from benchmarks.endurance.provoked.outputs import GOOD, PACED, is_whole
from benchmarks.endurance.provoked.runs import Kind, Program, Row, started
from benchmarks.endurance.provoked.sources import NO_SCREEN
from tests.users.screens import (
    press_alt_f4,
    press_close_button,
    refusing_screen,
    server_of,
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
    """Let the display end while a recording runs."""
    row.skipped = NO_SCREEN
    if row.skipped:
        return
    with virtual_screen("640x480") as display:
        with started(folder, clips / "long.mkv", *BOTH, display=display) as program:
            program.play(2)
            server_of(display).kill()
            program.end(seconds=15)
    row.take(program, 0, "window: its display has ended; the run ends with it")
    is_whole(row, program)


def silent_display(row: Row, folder: Path, clips: Path) -> None:
    """Let the display stop answering while a recording runs, and end the run then."""
    row.skipped = NO_SCREEN
    if row.skipped:
        return
    line = "window: its display does not answer; all else goes on"
    with virtual_screen("640x480") as display:
        server = server_of(display)
        with started(folder, clips / "long.mkv", *BOTH, display=display) as program:
            program.play(2)
            server.suspend()
            try:
                program.wait_for_line(line)
                program.end(signal.SIGINT, seconds=15)
            finally:
                server.resume()
    row.take(program, 130, line)
    is_whole(row, program)


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
    "display ends": ("while a recording runs", dead_display),
    "display stops answering": ("while a recording runs, then Ctrl-C", silent_display),
    "no display": ("a window is asked for", no_display),
    "display refuses": ("a window is asked for", refusing_display),
}
