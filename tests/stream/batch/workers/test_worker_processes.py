"""Processes of workers, and Ctrl-C, which reaches all processes of a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from segmentation.segmenter import Options
from stream.batch.jobs.settings import Settings
from stream.batch.workers.worker_pool import Order
from stream.batch.workers.worker_processes import WorkerProcess
from tests.folders import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")


def test_a_worker_leaves_it_to_the_batch_from_its_first_moment_on(tmp_path: Path):
    settings = Settings("portrait", Options())
    worker = WorkerProcess(Order(tmp_path, settings, {}, "1"), [0])
    try:
        assert worker._process.pid is not None
        os.kill(worker._process.pid, signal.SIGINT)
        assert worker.next_event().kind == "ready"
    finally:
        worker.kill()


def test_a_worker_can_end_what_it_starts_by_ctrl_c(tmp_path: Path):
    """ffmpeg is ended so, and would not hear it where the signal stayed blocked."""
    code = (
        "import signal; from segmentation.own_process import follow_parent, starting\n"
        "with starting(): pass\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}); follow_parent()\n"
        "print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout == "False\n"
