"""Which programs have a device open."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_PROCESSES = Path("/proc")
#: Through these other programs have a camera that were given it by the desktop.
_PASSED_ON = ("pipewire", "wireplumber")


def holders(path: Path) -> list[str]:
    """Return the other programs that have a device open, such as "firefox (1234)".

    Those of other users are seen by root alone, and none where there is no /proc.

    Args:
        path: of the device.
    """
    place = os.path.realpath(path)
    found = []
    for process in sorted(_processes()):
        if process != os.getpid() and _has_open(_PROCESSES / str(process), place):
            name = _name(_PROCESSES / str(process))
            found.append(f"{name} ({process})")
    return found


def who_uses(path: Path) -> str:
    """Return for people which programs have a device open, "another program" where none is seen."""
    found = holders(path)
    if any(name.startswith(_PASSED_ON) for name in found):
        return f"a program that was given it by the desktop, through {' and '.join(found)}"
    return " and ".join(found) or "another program"


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir(_PROCESSES) if name.isdigit()]
    except OSError:
        return []


def _has_open(process: Path, place: str) -> bool:
    """Return whether a process has a file open; nothing is opened to find out."""
    with contextlib.suppress(OSError):  # it is another user's, or has ended
        for number in os.listdir(process / "fd"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "fd" / number) == place:
                    return True
    return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "a program"
