"""What a start imports, and what it says where that cannot be."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stream.commands.parts.error_line import one_line
from tests.folders import ROOT


@pytest.mark.parametrize("arguments", [["demo:", "-o", "null:"], ["doctor"]])
def test_system_library_missing_from_the_start_is_one_line(tmp_path, arguments):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object')")
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "apt-get install libgl1" in done.stderr + done.stdout


def test_nothing_heavy_is_imported_before_the_command_is_known():
    program = (
        "import sys, run; "
        "print({'numpy', 'cv2', 'keras', 'openvino', 'pycocotools', 'tqdm'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_start_imports_nothing_of_other_commands(tmp_path, photo):
    program = (
        "import sys, run; run.main(sys.argv[1:]); "
        "print({'keras', 'ssl', 'http', 'email', 'importlib.metadata', 'tqdm'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, photo, "-o", tmp_path / "out.png"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the shell and the list of open files")
def test_no_file_gets_the_number_of_a_closed_standard_output(tmp_path):
    told = tmp_path / "told"
    program = (
        "import os, run; from pathlib import Path; "
        "names = lambda: [os.readlink(f'/proc/self/fd/{number}') for number in range(3)]; "
        f"run.main = lambda: Path({str(told)!r}).write_text(str(names())) * 0; run.program()"
    )
    command = ["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, program]
    subprocess.run(command, cwd=ROOT, check=True)
    assert told.read_text() == "['/dev/null', '/dev/null', '/dev/null']"


def test_a_folder_that_is_gone_is_one_line(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError) as raised:
        os.getcwd()
    assert one_line(raised.value) == "the folder you are in was deleted; change to another one"
    monkeypatch.chdir(tmp_path)
    assert "FileNotFoundError" in one_line(raised.value)
