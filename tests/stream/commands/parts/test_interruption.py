"""What one, two and more of Ctrl-C do, in a process of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.folders import ROOT

BEGIN = """
import signal, time
from stream.commands.parts.interruption import Interruption, begin

def pressed(number=signal.SIGINT):
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        return True
    return False

def later():
    interrupted._presses._first_s -= 1.0

before = signal.getsignal(signal.SIGINT)
with Interruption() as interrupted:
    stop = interrupted.stop
"""

AGAIN_AND_AGAIN = """
    interrupted.is_heeded = True
    assert not pressed()
    assert stop.is_set() and interrupted.came
    later()
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
    later()
    assert not pressed(signal.SIGHUP)
    assert pressed(signal.SIGTERM)
"""

#: `timeout` sends its signal to the program and to its group, service managers a hang-up as well.
ONE_SENT_TWICE = """
    interrupted.is_heeded = True
    assert not any(map(pressed, (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)))
    assert stop.is_set()
    interrupted.leave()
    interrupted.go_on()
    assert not any(map(pressed, (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)))
    later()
    assert pressed(signal.SIGTERM)
"""

AFTER_THE_OUTPUTS = """
    interrupted.is_heeded = True
    interrupted.leave()
    interrupted.go_on()
    assert pressed()
    assert not stop.is_set()
"""

NOTHING_ENTERED = """
    pass
begin()
assert pressed()
assert not pressed()
begin()
assert pressed()
"""

NOBODY_LOOKS = """
    assert pressed()
    assert not stop.is_set()
"""


PROGRAMS = [
    AGAIN_AND_AGAIN,
    LEAVING,
    TERMINAL_CLOSED,
    ONE_SENT_TWICE,
    AFTER_THE_OUTPUTS,
    NOTHING_ENTERED,
    NOBODY_LOOKS,
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_signals(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
