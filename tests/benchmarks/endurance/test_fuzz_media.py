"""Videos and photos damaged at random: a sample, and that a fault would be seen."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from benchmarks.endurance.fuzz_media import PHOTOS, VIDEOS, fuzz, judged


def test_damaged_files_come_out_or_are_refused(tmp_path: Path) -> None:
    figures = fuzz(tmp_path, len((*VIDEOS, *PHOTOS)), seed=2)
    assert figures["faults"] == []
    assert figures["with_output"] + figures["without"] == 16
    assert figures["with_output"] > 4
    assert figures["without"] > 1
    assert figures["frames_written"] > 20


@pytest.mark.parametrize(
    ("code", "said", "decoded", "written", "complaint", "fault"),
    [
        (0, "", 5, 5, "", ""),
        (0, "warning: a.mp4 is damaged, 3 of 5 frames", 5, 3, "", ""),
        (1, "error: a.mp4: no video", 0, None, "", ""),
        (1, "Traceback\nerror: a.mp4: no video", 0, None, "", "ends with 1"),
        (-11, "", 0, None, "", "ends with -11"),
        (1, "no line for people", 0, None, "", "says"),
        (0, "", 5, 0, "moov atom not found", "not whole"),
        (1, "error: a.mp4: no video", 5, None, "", "nothing is written"),
        (0, "", 5, 4, "", "4 of 5"),
    ],
)
def test_what_is_a_fault(
    tmp_path: Path,
    code: int,
    said: str,
    decoded: int,
    written: int | None,
    complaint: str,
    fault: str,
) -> None:
    out = tmp_path / "out.mp4"
    if written is not None:
        out.touch()
    done = CompletedProcess([], code, "", said)
    faults = judged(done, out, decoded, written or 0, complaint)
    assert (fault in "".join(faults)) if fault else faults == []


def test_what_is_left_beside_an_output_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "out.part.mp4").touch()
    done = CompletedProcess([], 1, "", "error: a.mp4: no video")
    assert judged(done, tmp_path / "out.mp4", 0, 0, "") == ["leaves ['out.part.mp4']"]
