"""Settings of the whole process."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import subprocess
import sys

import pytest

from effects import Mask
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.frame import Output
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.process_settings import batch_work
from stream.running.loop import Run, play
from stream.stats import Stats
from tests.stand_ins.fakes import ListSink, MovingSquare, Oracle

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of Linux alone")


class LooksAtItsThread(ListSink):
    """Notes what kind of work the thread is that writes to it, and a process started there."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: set[int] = set()

    def write(self, output: Output) -> None:
        with subprocess.Popen(["sleep", "60"]) as process:
            self.kinds |= {os.sched_getscheduler(0), os.sched_getscheduler(process.pid)}
            process.kill()
        super().write(output)


@pytest.mark.parametrize(
    ("live", "on_time", "kind"),
    [
        (False, False, "SCHED_BATCH"),
        (True, False, "SCHED_OTHER"),
        (False, True, "SCHED_OTHER"),
    ],
)
def test_a_file_is_batch_work_unless_somebody_waits_for_each_picture(live, on_time, kind):
    source, sink, stats = MovingSquare(3, live=live, pause_s=0.05), LooksAtItsThread(), Stats()
    sink.on_time = on_time
    pipeline = Pipeline(PerFrameTracker(Oracle()), Refiner(blend=False), Look(Mask()), stats=stats)
    play(Run(source, pipeline, {"list": sink}, stats))
    assert len(sink.outputs) == 3
    assert sink.kinds == {getattr(os, kind)}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_slices_of_time_have_their_usual_length_again():
    def length_ns() -> int:
        number = {"x86_64": 315, "aarch64": 275}.get(platform.machine())  # sched_getattr(2)
        if number is None:
            pytest.skip("another processor")
        answer = ctypes.create_string_buffer(48)
        assert ctypes.CDLL(None).syscall(number, 0, answer, 48, 0) == 0
        return int(struct.unpack_from("Q", answer.raw, 24)[0])

    usual = length_ns()
    if usual == 0:
        pytest.skip("a Linux without slices of one's own")
    with batch_work():
        assert length_ns() > usual
    assert length_ns() == usual


@pytest.mark.parametrize(
    ("begins_as", "shown"),
    [
        ("os.nice(7)", "os.getpriority(os.PRIO_PROCESS, 0)"),
        ("os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))", "os.sched_getscheduler(0)"),
    ],
)
def test_who_was_started_with_less_priority_keeps_it(begins_as, shown):
    script = (
        f"import os\n{begins_as}\nprint({shown})\n"
        "from stream.process_settings import batch_work\n"
        f"with batch_work(): print({shown})\n"
        f"print({shown})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    before, within, after = done.stdout.splitlines()
    assert before == within == after


def test_a_sandbox_that_forbids_it_stops_nothing(monkeypatch):
    def refuse(pid, policy, param):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with batch_work():
        pass


def test_matrix_products_of_a_python_program_get_no_threads_either():
    script = (
        "import ctypes, numpy._core._multiarray_umath as numpys\n"
        "get = getattr(ctypes.CDLL(numpys.__file__), 'scipy_openblas_get_num_threads64_', None)\n"
        "from stream.process_settings import settle_process\n"
        "if get is not None:\n"
        "    before = get()\n"
        "    settle_process()\n"
        "    print(before, get())\n"
    )
    environment = {name: v for name, v in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    numbers = done.stdout.split()
    if not numbers or numbers[0] == "1":
        pytest.skip("no OpenBLAS, or no second core")
    assert numbers[1] == "1", done.stderr
