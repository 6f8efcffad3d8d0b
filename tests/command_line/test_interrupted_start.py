"""Ctrl-C before anything runs: in the middle of imports."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.folders import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")

#: Presses Ctrl-C as soon as a certain module is looked for, `late` where nothing can be raised.
IMPATIENT = """
import os, runpy, signal, sys

module, *late = sys.argv[1].split()

def press(*of_what):
    os.kill(os.getpid(), signal.SIGINT)

class Dying:
    __del__ = press

class Impatient:
    def find_spec(self, name, path, target=None):
        if name == module:
            sys.meta_path.remove(self)
            Dying() if late else press()

sys.meta_path.insert(0, Impatient())
sys.argv[:] = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    "module",
    [
        "stream.commands",
        "stream.frame",
        "numpy",
        "datetime",
        "cv2",
        "stream.opening",
        "cv2 late",
        "stream.opening late",
    ],
)
def test_whoever_ends_the_program_as_it_starts_gets_no_traceback(tmp_path, module):
    line = [sys.executable, "-c", IMPATIENT, module, ROOT / "run.py", "demo:", "-o", "out.mp4"]
    ended = subprocess.run(
        line, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": ROOT}
    )
    assert (ended.returncode, ended.stderr) == (130, "")
    assert list(tmp_path.iterdir()) == []
