"""Folders of photos of several sizes are run through the program and weighed."""

from __future__ import annotations

from benchmarks.picture.folders import costs


def test_each_size_is_weighed():
    found = costs(1, 5)
    assert list(found) == [
        *("1 photos", "3 photos", "5 photos"),
        *("first half, ms a photo", "second half, ms a photo"),
    ]
    assert all(found[f"{num} photos"]["memory_mb"] > 20 for num in (1, 3, 5))
