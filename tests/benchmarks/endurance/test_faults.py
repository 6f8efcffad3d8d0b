"""The table of faults: a sample of its rows, and that a row which is not right is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")
pytest.importorskip("skimage", reason="scikit-image carries the portrait")

from benchmarks.endurance import faults
from benchmarks.endurance.provoked.runs import Row, running
from benchmarks.endurance.provoked.sinks import SINKS
from benchmarks.endurance.provoked.sources import SOURCES

SAMPLE = [
    "file -> mp4",
    "photos -> folder",
    "rtsp -> mkv",
    "camera -> virtual camera",
    "joined recordings",
    "camera comes back smaller",
    "full disk, a.mkv",
    "SIGTERM, recording",
    "kill -9, rtsp:// in .mkv, children too",
    "page: hang-ups",
]

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="signals and leftovers of Linux")


@needs_linux
@pytest.mark.long
def test_a_sample_of_the_table_is_right() -> None:
    rows = list(faults.provoked(SAMPLE))
    assert {row.fault for row in rows} >= set(SAMPLE)
    assert {row.fault: (row.wrong, row.said) for row in rows if row.wrong} == {}
    tried = [row for row in rows if not row.skipped]
    assert len(tried) >= len(SAMPLE) - 2
    assert all(row.kept for row in tried if not row.fault.startswith("kill"))


#: Says two lines, leaves a file and a process, and ends with 3.
LEAVES = """
import pathlib, subprocess, sys
pathlib.Path(".out.part").touch()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("error: one")
print("error: another")
sys.exit(3)
"""


@needs_linux
def test_what_is_not_right_is_found(tmp_path: Path) -> None:
    row = Row("fault", "done")
    with running(tmp_path, "-c", LEAVES) as program:
        program.end()
        row.take(program, 1, "error: (one|another)", "error: none")
    assert (row.code, row.said) == (3, ["error: one", "error: another"])
    assert row.wrong == [
        "exit code 3 instead of 1",
        "says 2 times error: (one|another)",
        "says 0 times error: none",
        "1 processes are left",
        ".out.part is left",
    ]
    assert program.left_over() == [".out.part is left"]


@needs_linux
def test_what_is_right_is_not_found_wrong(tmp_path: Path) -> None:
    row = Row("fault", "done")
    with running(tmp_path, "-c", "import sys; sys.exit('error: one')") as program:
        program.end()
        row.take(program, 1, "error: one")
    assert row.wrong == []


def test_what_is_missing_of_an_output_is_found() -> None:
    row = Row("fault", "done", kept=3, lost_s=1.5)
    row.expect_lost(2.0)
    row.expect_frames(3)
    assert row.wrong == []
    row.expect_lost(1.0)
    row.expect_frames(4)
    assert row.wrong == ["more than 1.0 s lost", "3 frames instead of 4"]


def test_there_is_a_row_for_each_source_and_each_sink() -> None:
    pairs = [tuple(name.split(" -> ")) for name in faults.FAULTS if " -> " in name]
    assert {source for source, _ in pairs} == set(SOURCES)
    assert {sink for _, sink in pairs} == set(SINKS)
    assert len(pairs) > 120


def test_a_name_that_no_row_has_is_told() -> None:
    with pytest.raises(ValueError, match="--only nothing: no such row; there are rtsp comes back"):
        list(faults.provoked(["nothing"]))


def test_a_line_says_what_is_wrong_and_what_was_skipped() -> None:
    wrong = Row("a -> b", "killed", 10, 9, 0.04, ["one", "two|three"], 1, ["this", "that"])
    assert faults.line(wrong) == (
        "| a -> b | killed | 10 | 9 | 0.0 s | one; two\\|three | 1 | this; that |"
    )
    assert faults.line(Row("a", "b", code=0)) == "| a | b |  |  |  |  | 0 | yes |"
    assert faults.line(Row("a", "b", skipped="why")) == "| a | b |  |  |  |  |  | skipped: why |"
