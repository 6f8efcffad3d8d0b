"""What is read of a store, written to it, and what becomes of accidents."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="the extra s3")
pytest.importorskip("moto", reason="the extra dev")

from stream.errors import StreamError
from stream.stores.addresses import place
from stream.stores.failures import reason
from stream.stores.objects import (
    delete,
    matching,
    objects_below,
    read,
    read_all,
    state_of,
    write,
)
from stream.stores.transfers import fetch, put
from tests.users.object_store import ObjectStore

LARGE = bytes(range(256)) * 4096 * 20  # 20 MB, which is sent in parts


def test_what_was_written_is_found(store: ObjectStore) -> None:
    names = ["a/1.txt", "a/b/ü?v=1#.txt", "ab.txt"]
    for name in names:
        write(name.encode(), place(f"s3://films/{name}"))
    found = objects_below(place("s3://films/a"))
    assert [str(each) for each in found] == [f"s3://films/{name}" for name in names[:2]]
    assert [each.num_bytes for each in found.values()] == [len(name.encode()) for name in names[:2]]
    assert all(state_of(each) == state for each, state in found.items())
    contents = {place(f"s3://films/{name}"): name.encode() for name in names[:2]}
    assert dict(read_all(list(found))) == contents
    assert matching(place("s3://films/*.txt")) == [place("s3://films/ab.txt")]
    delete(place("s3://films/ab.txt"))
    delete(place("s3://films/ab.txt"))
    with pytest.raises(FileNotFoundError):
        read(place("s3://films/ab.txt"))
    assert objects_below(place("s3://films/none")) == {}


def test_names_are_what_they_are(store: ObjectStore) -> None:
    names = ["a/../b.txt", "a/./b.txt", "a//b.txt", "a/[1].txt", "a/b.txt", "a/ü%20?#*.txt"]
    for name in names:
        write(name.encode(), place(f"s3://films/{name}"))
    found = objects_below(place("s3://films/a"))
    assert [read(each).decode() for each in found] == names
    assert [read(each).decode() for each in matching(place("s3://films/a/*b.txt"))] == ["a/b.txt"]


def test_secrets_of_an_address_are_not_told() -> None:
    error = OSError("no answer: https://me:word@host/films/a?X-Amz-Signature=0123&sig=4567.")
    told = reason(error, place("s3://films/a"))
    assert "https://host/films/a?" in told
    assert not any(secret in told for secret in ("word", "0123", "4567"))


def test_another_content_is_another_state(store: ObjectStore) -> None:
    film = place("s3://films/a.txt")
    write(b"one", film)
    before = state_of(film)
    write(b"two", film)
    assert state_of(film) != before


def test_what_is_refused_is_one_line(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(StreamError, match=r"s3://nobody/x: cannot be written .*no such bucket"):
        write(b"", place("s3://nobody/x"))
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(StreamError, match=r"s3://nobody/x: cannot be written .*no such bucket"):
        put(tmp_path / "x", place("s3://nobody/x"))
    with pytest.raises(FileNotFoundError):
        fetch(place("s3://films/none"), tmp_path / "none")
    monkeypatch.setattr("stream.stores.failures.PAUSES_S", ())
    store.accident = lambda method, path: "500"
    with pytest.raises(StreamError, match=r"s3://films/a: cannot be read"):
        read(place("s3://films/a"))


def test_without_credentials(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(StreamError, match="no credentials: set AWS_ACCESS_KEY_ID"):
        state_of(place("s3://films/a"))


# the packages beneath leave what is cut off to be collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("accident", ["500", "cut"])
def test_an_accident_is_tried_again(
    store: ObjectStore, accident: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.stores.failures.PAUSES_S", (0.0, 0.0))
    left = 3

    def sometimes(method: str, path: str) -> str | None:
        nonlocal left
        if "large" not in path or method == "HEAD" or not left:
            return None
        left -= 1
        return accident

    (tmp_path / "out").write_bytes(LARGE)
    store.accident = sometimes
    film = place("s3://films/large")
    assert put(tmp_path / "out", film).num_bytes == len(LARGE)
    assert left == 0
    left = 3
    told: list[tuple[int, int]] = []
    fetch(film, tmp_path / "in", lambda done, of: told.append((done, of)))
    assert left == 0
    assert (tmp_path / "in").read_bytes() == LARGE
    assert told[-1] == (len(LARGE), len(LARGE))


def test_what_is_not_whole_has_no_name(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.stores.failures.PAUSES_S", ())
    store.accident = lambda method, path: "500" if method in ("PUT", "POST") else None
    (tmp_path / "out").write_bytes(LARGE)
    with pytest.raises(StreamError, match=r"s3://films/large: cannot be written"):
        put(tmp_path / "out", place("s3://films/large"))
    store.accident = lambda method, path: None
    assert objects_below(place("s3://films")) == {}


def test_no_room(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 4

    write(b"12345", place("s3://films/a"))
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    with pytest.raises(StreamError, match=r"s3://films/a: has .* set TMPDIR"):
        fetch(place("s3://films/a"), tmp_path / "a")
