"""How many processors there are to use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from segmentation import processors
from segmentation.processors import num_processors, stay_on, usable_processors


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Control groups of the test's own, on a machine of 16 processors."""
    monkeypatch.setattr(processors, "_GROUPS", tmp_path)
    monkeypatch.setattr(processors, "_own_group", lambda: "job/step")
    monkeypatch.setattr(processors, "usable_processors", lambda: list(range(16)))
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    (tmp_path / "job/step").mkdir(parents=True)
    (tmp_path / "cpu/job/step").mkdir(parents=True)
    return tmp_path


def test_without_limits_it_is_all_that_may_be_run_on(groups: Path) -> None:
    assert num_processors() == 16


@pytest.mark.parametrize(
    ("place", "quota", "expected"),
    [
        ("job/step", "200000 100000", 2),
        ("job", "150000 100000", 2),
        (".", "50000 100000", 1),
        ("job", "max 100000", 16),
        ("job", "nonsense", 16),
    ],
)
def test_quota_of_a_control_group(groups: Path, place: str, quota: str, expected: int) -> None:
    (groups / place / "cpu.max").write_text(f"{quota}\n")
    assert num_processors() == expected


def test_quota_of_an_old_control_group(groups: Path) -> None:
    folder = groups / "cpu/job"
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert num_processors() == 16
    (folder / "cpu.cfs_quota_us").write_text("300000\n")
    assert num_processors() == 3


def test_what_slurm_gives_a_task(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    assert num_processors() == 4


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system pins no processes")
def test_affinity_counts() -> None:
    before = usable_processors()
    try:
        stay_on(before[:1])
        assert num_processors() == 1
    finally:
        stay_on(before)
    assert usable_processors() == before
