"""Another program that has a file open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLD = "import sys; file = open(sys.argv[1]); print(flush=True); sys.stdin.read()"


@contextmanager
def holding(path: Path) -> Iterator[str]:
    """Let a program open a file; gives what it is called in messages."""
    command = [sys.executable, "-c", _HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        name = Path(f"/proc/{process.pid}/comm").read_text().strip()
        yield f"{name} ({process.pid})"
        process.stdin.close()
