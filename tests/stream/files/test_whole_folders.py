"""Files that get their names together."""

from __future__ import annotations

import pytest

from stream.files.whole_folders import put_all_in_place
from tests.segmentation.test_unfinished import Disk


@pytest.mark.parametrize("taken", ["b", "deep"])
def test_files_of_a_folder_get_their_names_all_or_none(tmp_path, taken):
    part, folder = tmp_path / "part", tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "b", "deep/c"):
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).write_text(name)
    (folder / taken).write_text("theirs")
    with pytest.raises(FileExistsError):
        put_all_in_place(part, folder, replaces=False)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {taken: "theirs"}
    assert sorted(path.name for path in part.rglob("*")) == ["a", "b", "c", "deep"]
    (folder / taken).unlink()
    put_all_in_place(part, folder, replaces=False)
    assert (folder / "deep/c").read_text() == "deep/c"


def test_files_of_a_folder_get_their_names_at_one_go(tmp_path, monkeypatch):
    part, folder = tmp_path / "part", tmp_path / "folder"
    for made in (part, folder):
        made.mkdir()
    for name in ("a", "b"):
        (part / name).write_text(name)
    (folder / "a").write_text("old")
    disk = Disk(monkeypatch)
    put_all_in_place(part, folder)
    assert sorted(disk.did[:3]) == ["sync a", "sync b", "sync part"]
    assert sorted(disk.did[3:5]) == ["rename a", "rename b"]
    assert disk.did[5:] == ["sync folder"]
    assert [(folder / name).read_text() for name in ("a", "b")] == ["a", "b"]
