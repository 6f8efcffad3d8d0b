"""What the command without a name writes beside its outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.commands.cast import _stats_saved, cast
from stream.commands.parts.command_line import CommandError
from stream.stats import Stats


@pytest.mark.parametrize("overwrite", [False, True])
def test_statistics_replace_what_was_there_and_what_came_meanwhile_if_asked(
    overwrite: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stats.json"
    for came in ("before", "meanwhile"):
        path.unlink(missing_ok=True)
        if came == "before":
            path.write_text("older")
        with _stats_saved(Stats(), path, overwrite=overwrite):
            path.write_text("theirs")
    replaced = path if overwrite else tmp_path / "stats-2.json"
    assert "fps" in json.loads(replaced.read_text())
    assert len(list(tmp_path.iterdir())) == (1 if overwrite else 2)
    told = capsys.readouterr().err
    assert told == ("" if overwrite else f"{path}: exists; written as stats-2.json\n")


def test_two_outputs_in_one_folder_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(CommandError, match="-o crops:o: named twice; each output has a place"):
        cast(["nowhere.jpg", "-y", "-o", "instances:o/", "-o", "crops:o"])
