"""Batches that other processes make."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import resource_tracker

import pytest

from segmentation.training.batch_processes import batches

PARENT = """
import os
from functools import partial
from tests.segmentation.training.test_batch_processes import open_maker
from segmentation.training.batch_processes import batches
if __name__ == "__main__":
    for pid in batches(partial(open_maker, 0), range(1000)):
        print(pid, flush=True)
        os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Python's own, which looks after what processes share, would stay until the tests end."""
    yield
    resource_tracker._resource_tracker._stop()


def open_maker(factor: int):
    """Return a maker of multiples, or of the number of its process for 0, that fails at 100."""

    def make(step: int) -> int:
        if step == 100:
            raise ValueError("no batch of this one")
        return step * factor or os.getpid()

    return make


def test_batches_come_in_order_from_other_processes():
    steps = range(3, 20)
    assert list(batches(partial(open_maker, 7), steps)) == [7 * step for step in steps]
    (pid,) = batches(partial(open_maker, 0), range(1))
    assert pid != os.getpid()
    assert not multiprocessing.active_children()


def test_what_a_maker_raises_is_raised_and_leaves_no_process():
    with pytest.raises(ValueError, match="no batch of this one"):
        list(batches(partial(open_maker, 7), range(98, 110)))
    assert not multiprocessing.active_children()


def test_leaving_early_leaves_no_process():
    made = batches(partial(open_maker, 7), range(1, 90))
    assert next(made) == 7
    made.close()
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process as only POSIX can")
def test_the_processes_end_when_the_training_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    child = int(done.stdout.split()[0])
    deadline = time.monotonic() + 20
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    """Tell whether there is a process that is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
