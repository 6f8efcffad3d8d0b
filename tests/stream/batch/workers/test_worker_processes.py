"""Processes of workers, and signals that reach all processes of a terminal, or of `timeout`."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys

import pytest

from stream.batch.workers.worker_processes import do_orders
from tests.folders import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")

INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from segmentation.segmenter import Options
from stream.batch.jobs.settings import Settings
from stream.batch.workers.worker_pool import Order
from stream.batch.workers.worker_processes import WorkerProcess

worker = WorkerProcess(Order(Path(sys.argv[1]), Settings("portrait", Options()), {}, "1"), [0])
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    os.kill(worker._process.pid, number)
print(worker.next_event().kind)
worker.kill()
"""

UNBLOCKED = """
import signal
from segmentation.own_process import ALL_ENDING, follow_parent
signal.pthread_sigmask(signal.SIG_BLOCK, ALL_ENDING)
follow_parent(ALL_ENDING)
print(bool(ALL_ENDING & signal.pthread_sigmask(signal.SIG_BLOCK, [])))
"""


def printed(program: str, *arguments: object) -> str:
    """Run a program of its own: what keeps count of processes stays with whoever starts one."""
    line = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=True).stdout


def test_a_worker_leaves_it_to_the_batch_from_its_first_moment_on(tmp_path):
    assert printed(INTERRUPTED, tmp_path) == "ready\n"


def test_a_worker_can_end_what_it_starts_by_ctrl_c():
    """ffmpeg is ended so, and would not hear it where the signal stayed blocked."""
    assert printed(UNBLOCKED) == "False\n"


class Failing:
    """A worker of which something is left to go wrong that it does not know of."""

    def do(self, *_: object) -> None:
        raise OSError("of its own work")


def test_only_the_end_of_its_orders_is_the_end_of_its_work():
    ours, theirs = multiprocessing.Pipe()
    ours.send([])
    with pytest.raises(OSError, match="of its own work"):
        do_orders(theirs, Failing(), lambda event: None)
    ours.close()
    do_orders(theirs, Failing(), lambda event: None)
    theirs.close()
