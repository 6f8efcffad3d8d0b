"""What names a place in an object store, and what does not."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from stream.errors import StreamError
from stream.stores.addresses import absolute, below, identity, is_in_store, place


@pytest.mark.parametrize("address", ["s3://films/a.mp4", "S3://films/", "gs://b/x", "az://b/x"])
def test_of_a_store(address: str) -> None:
    assert is_in_store(address)


@pytest.mark.parametrize("address", ["a.mp4", "s3:", "rtsp://host/s3", "s3/films", "C:\\a", "0"])
def test_of_none(address: str) -> None:
    assert not is_in_store(address)
    assert place(address) == Path(address)


def test_a_place_is_called_as_it_was_asked_for() -> None:
    pytest.importorskip("s3fs", reason="the extra s3")
    film = place("s3://films/a b/ü?v=1#.mp4")
    assert str(film) == "s3://films/a b/ü?v=1#.mp4"
    assert (film.name, film.suffix, str(film.parent)) == ("ü?v=1#.mp4", ".mp4", "s3://films/a b")
    assert pickle.loads(pickle.dumps(film)) == film == identity(film) == absolute(film)
    assert below(film, place("s3://films")).as_posix() == "a b/ü?v=1#.mp4"
    assert below(film, place("s3://films/a b/")).as_posix() == "ü?v=1#.mp4"
    with pytest.raises(ValueError, match="is not in the subpath"):
        below(film, place("s3://films/a"))


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    pytest.importorskip("upath", reason="the extra s3")
    with pytest.raises(StreamError, match=r"gs://films/a.mp4: needs packages .*\[gs\]"):
        place("gs://films/a.mp4")
    with pytest.raises(StreamError, match="names no bucket"):
        place("s3://")
