"""Weights on disk: found, held to their checksum, listed and removed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from segmentation.errors import WeightsError
from segmentation.weights import store
from segmentation.weights.presets import PRESETS
from tests.stand_ins.weight_host import CONTENT, LOCK, NAME, WHOLE, cut, fails, fetch, left, says


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))


def test_locate_trusts_size_and_time_and_verify_trusts_nothing(preset, monkeypatch):
    path = fetch(preset)
    assert store.locate(preset) == path
    state = path.stat()
    damage(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert store.locate(preset) == path
    with pytest.raises(WeightsError, match=r"tiny\.h5: wrong checksum.*models fetch tiny"):
        store.verify(preset)


def test_damaged_file_is_found_and_fetched_anew(host, preset, cache):
    damage(fetch(preset))
    with pytest.raises(WeightsError, match=r"tiny\.h5: wrong checksum.*models fetch tiny"):
        store.locate(preset)
    assert fetch(preset).read_bytes() == CONTENT
    assert store.locate(preset) == cache / NAME
    assert left(cache) == WHOLE


def test_damaged_file_stays_where_it_cannot_be_fetched_anew(host, preset, cache):
    damage(fetch(preset))
    host.answers = [says(404)]
    fails(preset, "no such file")
    with pytest.raises(WeightsError, match="wrong checksum"):
        store.locate(preset)


def test_file_with_another_time_is_hashed_and_accepted(preset):
    path = fetch(preset)
    os.utime(path, ns=(0, 0))
    assert store.locate(preset) == path
    assert store.verify(preset) == hashlib.sha256(CONTENT).hexdigest()


def test_file_put_there_by_hand_is_accepted_and_held_to(preset, cache):
    with pytest.raises(WeightsError, match=r"not there; run\.py models fetch tiny"):
        store.locate(preset)
    assert store.find(preset) is None
    cache.mkdir()
    (cache / NAME).write_bytes(CONTENT)
    assert store.find(preset) == cache / NAME
    assert store.locate(preset) == cache / NAME
    damage(cache / NAME)
    with pytest.raises(WeightsError, match="wrong checksum"):
        store.locate(preset)


@pytest.mark.parametrize(
    ("content", "message"), [(b"<html>", "not a weight file"), (CONTENT[:-1], "wrong size")]
)
def test_wrong_file_put_there_by_hand(preset, cache, content, message):
    cache.mkdir()
    (cache / NAME).write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        store.locate(replace(preset, num_bytes=len(CONTENT)))
    assert left(cache) == {NAME}


def test_an_md5_that_was_published_is_held_to(preset, cache):
    right = replace(preset, md5=hashlib.md5(CONTENT).hexdigest())
    assert fetch(right) == cache / NAME
    assert store.verify(right) == hashlib.sha256(CONTENT).hexdigest()
    wrong = replace(preset, md5="0" * 32)
    with pytest.raises(WeightsError, match=r"tiny\.h5: wrong checksum: published is the MD5 0{32}"):
        store.verify(wrong)
    store.remove(preset)
    fails(wrong, "wrong checksum: published is the MD5 0{32}")
    assert not (cache / NAME).exists()


def test_remove_takes_all_of_it(host, preset, cache):
    assert not store.remove(preset)
    assert not cache.exists()
    fetch(preset)
    assert store.remove(preset)
    assert left(cache) == {LOCK}
    assert not store.remove(preset)
    host.answers = [cut(1000), says(404)]
    fails(preset, "no such file")
    assert store.remove(preset)
    assert left(cache) == {LOCK}


def test_listing_tells_what_is_on_disk(preset, cache, monkeypatch):
    monkeypatch.setattr(store, "PRESETS", {"tiny": replace(preset, num_bytes=7)})
    assert [(row.path, row.num_bytes) for row in store.listing()] == [(None, 7)]
    cache.mkdir()
    (cache / NAME).write_bytes(CONTENT)
    assert [(row.path, row.num_bytes) for row in store.listing()] == [(cache / NAME, len(CONTENT))]


def test_folder_is_the_one_named_else_the_users_cache(cache, monkeypatch, tmp_path):
    assert store.folder() == cache
    monkeypatch.delenv("MASKCAST_WEIGHTS")
    monkeypatch.setattr(store.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert store.folder() == tmp_path / "xdg" / "maskcast" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.folder() == tmp_path / ".cache" / "maskcast" / "weights"


def test_presets_are_complete():
    assert list(PRESETS) == [preset.name for preset in PRESETS.values()]
    for preset in PRESETS.values():
        assert preset.address.startswith("https://")
        assert preset.file_name == Path(preset.file_name).name
        assert preset.licence
    names = [preset.file_name for preset in PRESETS.values()]
    assert len(set(names)) == len(names)
