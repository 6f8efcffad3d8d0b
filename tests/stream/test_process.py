"""Settings of the whole process."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, subprocess, sys, threading
from stream.process import settle_process
settle_process(live={live})
def policy(pid=0):
    return os.sched_getscheduler(pid) == os.SCHED_BATCH
of_thread = []
thread = threading.Thread(target=lambda: of_thread.append(policy()))
thread.start()
thread.join()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(policy(), *of_thread, policy(child.pid))
child.communicate(b"\\n")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux has classes of work")
@pytest.mark.parametrize("live", [False, True])
def test_files_are_batch_work_with_all_threads_and_processes_and_live_is_not(live):
    script = SCRIPT.format(live=live)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split() == [str(not live)] * 3
