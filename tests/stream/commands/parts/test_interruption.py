"""What one, two and more of Ctrl-C do, in a process of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.folders import ROOT

BEGIN = """
import signal, threading, time
from stream.commands.parts.interruption import Interruption

def pressed(number=signal.SIGINT):
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        return True
    return False

stop = threading.Event()
before = signal.getsignal(signal.SIGINT)
with Interruption(stop) as interrupted:
"""

AGAIN_AND_AGAIN = """
    interrupted.is_heeded = True
    assert not pressed()
    assert stop.is_set() and interrupted.came
    assert pressed()
    assert not any(map(pressed, (signal.SIGINT, signal.SIGTERM, signal.SIGINT)))
    interrupted._deaf_until = time.monotonic()
    assert pressed()
assert signal.getsignal(signal.SIGINT) is before
"""

LEAVING = """
    interrupted.is_heeded = True
    interrupted.leave()
    assert not any(pressed() for _ in range(3))
    assert stop.is_set()
"""

#: A shell hangs up on what it has started, and so does the system when the shell has ended.
TERMINAL_CLOSED = """
    interrupted.is_heeded = True
    assert not any(pressed(signal.SIGHUP) for _ in range(3))
    assert stop.is_set() and interrupted.came
    assert pressed(signal.SIGTERM)
"""

NOBODY_LOOKS = """
    assert pressed()
    assert not stop.is_set()
"""


@pytest.mark.parametrize("program", [AGAIN_AND_AGAIN, LEAVING, TERMINAL_CLOSED, NOBODY_LOOKS])
def test_signals(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
