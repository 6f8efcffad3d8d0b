"""Where files of object stores lie meanwhile, and what killed programs left there."""

from __future__ import annotations

from pathlib import Path

import pytest

from segmentation.unfinished import taken_over
from stream.stores.scratch import Scratch, clear_old_scratch


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, beside the current one."""
    folder, home = tmp_path / "tmp", tmp_path / "home"
    for each in (folder, home):
        each.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_scratch_is_its_owners_and_goes(temporary: Path) -> None:
    with Scratch(print) as scratch:
        paths = [scratch.path_for("a.mp4"), scratch.path_for("a.mp4"), scratch.path_for("ü" * 300)]
        for path in paths:
            path.write_bytes(b"room")
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len({path.read_bytes() and path for path in paths}) == 3
        with Scratch(print):
            assert folder.exists()  # in use
    assert list(temporary.iterdir()) == []


def killed(*names: str) -> None:
    """Begin with files, of which some are to be sent, and leave them as `kill -9` does."""
    scratch = Scratch(print)
    scratch.__enter__()
    for name in names:
        path = scratch.path_for(name.lstrip("."), is_to_send="sent" in name)
        path.with_name(name).write_bytes(name.encode())
    scratch._folder.release()


@pytest.mark.parametrize("by_batch", [True, False])
def test_what_a_killed_program_had_not_sent_is_kept_and_told(
    by_batch: bool, temporary: Path
) -> None:
    killed("fetched.mp4", "sent.mp4", "sent too.json", ".sent.half.mp4")
    said: list[str] = []
    if by_batch:
        clear_old_scratch(said.append)
    else:
        with Scratch(said.append):
            pass
    assert list(temporary.iterdir()) == []
    for name, line in zip(("sent.mp4", "sent too.json"), sorted(said, reverse=True), strict=True):
        (kept,) = Path.cwd().glob(f"maskcast-*/{name}")
        assert kept.read_bytes() == name.encode()
        assert line == f"{name}: a run that was killed had not sent it; it lies in {kept}"
    clear_old_scratch(said.append)
    assert len(said) == 2


def test_what_is_being_sent_is_left_alone(temporary: Path) -> None:
    said: list[str] = []
    with Scratch(print) as scratch:
        path = scratch.path_for("sent.mp4", is_to_send=True)
        path.write_bytes(b"whole")
        clear_old_scratch(said.append)
        assert path.exists()
        path.unlink()
    assert (said, list(temporary.iterdir())) == ([], [])


def test_what_nobody_has_taken_out_stays_for_the_next_one_to_tell(temporary: Path) -> None:
    with Scratch(print) as scratch:
        path = scratch.path_for("sent.mp4", is_to_send=True)
        path.write_bytes(b"whole")
    assert path.exists()
    with taken_over(path.parent.parent) as is_left:
        assert is_left
    said: list[str] = []
    clear_old_scratch(said.append)
    assert len(said) == 1


def test_what_belongs_to_somebody_else_comes_nowhere(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed("sent.mp4")
    mine = Path.cwd().stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: mine + 1)
    clear_old_scratch(print)
    (left,) = temporary.rglob("sent.mp4")
    assert left.exists()
    assert list(Path.cwd().iterdir()) == []


def test_what_another_one_deletes_meanwhile_is_passed_over(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = [temporary / ".maskcast-files.0.part"]
    monkeypatch.setattr("stream.stores.scratch.left_behind", lambda target: gone)
    with Scratch(print) as scratch:
        assert scratch.path_for("a.mp4").parent.is_dir()
