"""Signals that come while networks run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.folders import ROOT

TWO_AT_ONCE = """
import os, signal
import numpy as np
from segmentation.loading import load
from segmentation.segmenter import Options

load("mask-rcnn-person", Options()).segment(np.zeros((1, 96, 128, 3), np.uint8))
came = []
both = {signal.SIGINT, signal.SIGTERM}
for number in both:
    signal.signal(number, lambda number, frame: came.append(number))
signal.pthread_sigmask(signal.SIG_BLOCK, both)
for number in both:
    os.kill(os.getpid(), number)
signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
assert sorted(came) == sorted(both), came
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_two_signals_at_once_end_nothing_by_themselves():
    done = subprocess.run(
        [sys.executable, "-c", TWO_AT_ONCE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done
