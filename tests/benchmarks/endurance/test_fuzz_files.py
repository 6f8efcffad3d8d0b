"""Files damaged at random: a sample, and that a fault would be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.endurance.fuzz_files import damaged, fuzz, outcome
from benchmarks.endurance.pickle_bombs import UNITS, write_bombs
from segmentation.errors import WeightsError
from segmentation.weights import npz_arrays
from segmentation.weights.pth_weights import read_pth


def test_no_damaged_file_does_harm(tmp_path: Path) -> None:
    figures = fuzz(tmp_path, seconds=120, seed=3, at_most=100)
    assert figures["faults"] == []
    assert figures["read"] + figures["refused"] == 100
    assert figures["read"] > 3


def test_what_is_no_line_for_people_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, a=np.ones(3, np.float32))
    assert outcome(tmp_path, file) == "read"
    file.write_bytes(b"PK")
    assert outcome(tmp_path, file) == "refused"
    monkeypatch.setattr(npz_arrays, "_DAMAGE", ())
    assert outcome(tmp_path, file).startswith("BadZipFile")


def test_bombs_are_good_programs_but_for_their_size(tmp_path: Path) -> None:
    bombs = list(write_bombs(tmp_path, 2000))
    assert len(bombs) == 2 * len(UNITS)
    assert {outcome(path.parent, path) for path in bombs} == {"read"}


def test_a_bomb_is_refused_before_all_of_it_is_done(tmp_path: Path) -> None:
    bombs = {path.parent.name: path for path in write_bombs(tmp_path, 400_000)}
    for form in ("zip", "old"):
        with pytest.raises(WeightsError, match=r"bomb\.pth: it calls more functions"):
            read_pth(bombs[f"tensors-{form}"])


def test_damage_is_of_many_kinds() -> None:
    rng = np.random.default_rng(0)
    data = b'{"a": [1, 2.5, 3]}' * 20
    results = {damaged(data, rng) for _ in range(50)}
    assert len(results) > 45
    assert data not in results
    numbers = damaged(data, rng, only_numbers=True)
    assert numbers != data
    assert numbers.count(b"{") == 20
