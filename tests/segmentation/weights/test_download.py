"""Fetching weights from a server on loopback: whole, and cut off and resumed."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import replace

import pytest

from segmentation.errors import WeightsError
from segmentation.weights import store
from tests.stand_ins.weight_host import (
    CHANGED,
    CONTENT,
    LOCK,
    NAME,
    PART,
    RECORD,
    VERSION,
    WHOLE,
    Handler,
    chunked,
    cut,
    etag,
    fails,
    fetch,
    left,
    ranged,
    says,
    whole,
)

# === Complete ===


def test_fetch_gives_the_file_and_its_progress(host, preset, cache):
    progress: list[tuple[int, int]] = []
    path = store.fetch(preset, lambda *figures: progress.append(figures))
    assert path == cache / NAME
    assert path.read_bytes() == CONTENT
    assert left(cache) == WHOLE
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert progress == sorted(progress)
    assert len(progress) > 1


def test_record_is_what_sha256sum_reads(preset, cache):
    fetch(preset)
    lines = (cache / RECORD).read_text().splitlines()
    assert lines[0].startswith("#")
    assert lines[1:] == [f"{hashlib.sha256(CONTENT).hexdigest()}  {NAME}"]


def test_file_on_disk_is_not_fetched_again(host, preset):
    first = fetch(preset)
    assert fetch(preset) == first
    assert len(host.ranges) == 1


def test_published_size_and_checksum_are_accepted(preset, cache):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    fetch(replace(preset, num_bytes=len(CONTENT), sha256=sha256))
    assert left(cache) == WHOLE


def test_answer_in_chunks_is_taken_where_the_size_is_known(host, preset, cache):
    host.answers = [chunked(CONTENT)]
    assert fetch(replace(preset, num_bytes=len(CONTENT))).read_bytes() == CONTENT
    assert left(cache) == WHOLE


def test_redirects_to_http_are_followed(host, preset, cache):
    host.answers = [says(302, Location=host.address + "/elsewhere")]
    assert fetch(preset).read_bytes() == CONTENT
    assert len(host.ranges) == 2


# === Cut off and resumed ===


def test_cut_off_goes_on_by_itself(host, preset, cache):
    host.answers = [cut(100_000)]
    assert fetch(preset).read_bytes() == CONTENT
    assert host.ranges == [None, "bytes=100000-"]
    assert host.statuses == [200, 206]
    assert left(cache) == WHOLE


def test_cut_off_for_good_leaves_a_part_that_the_next_fetch_goes_on_from(host, preset, cache):
    unreachable = says(503)
    host.answers = [cut(100_000), unreachable, unreachable]
    fails(preset, "status 503.*later")
    assert left(cache) == {PART, VERSION, LOCK}
    assert (cache / PART).read_bytes() == CONTENT[:100_000]
    assert fetch(preset).read_bytes() == CONTENT
    assert host.ranges[-1] == "bytes=100000-"
    assert left(cache) == WHOLE


def test_cut_off_every_time_names_how_far_it_came(host, preset, cache):
    host.answers = [cut(100_000, ETag="W/1")] * 3
    fails(preset, f"cut off after 100000 of {len(CONTENT)} bytes")
    assert host.ranges == [None] * 3
    assert left(cache) == {PART, VERSION, LOCK}


def test_chunks_cut_off_are_no_whole_file(host, preset, cache):
    host.answers = [chunked(CONTENT[:100_000], ended=False)]
    assert fetch(replace(preset, num_bytes=len(CONTENT))).read_bytes() == CONTENT
    assert host.ranges == [None, "bytes=100000-"]
    assert host.statuses == [206]


def test_part_of_another_address_starts_over(host, preset, cache):
    host.answers = [cut(100_000), says(404)]
    fails(preset, "no such file")
    assert fetch(replace(preset, address=host.address + "/new")).read_bytes() == CONTENT
    assert host.ranges == [None, "bytes=100000-", None]


def test_server_that_ignores_the_range_starts_over(host, preset, cache):
    host.answers = [cut(100_000), whole]
    assert fetch(preset).read_bytes() == CONTENT
    assert host.ranges == [None, "bytes=100000-"]
    assert left(cache) == WHOLE


def test_file_changed_in_between_starts_over(host, preset, cache):
    host.answers = [cut(100_000), says(503), says(503)]
    fails(preset, "status 503")
    host.content = CHANGED
    assert fetch(preset).read_bytes() == CHANGED


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Range": f"bytes 100000-{len(CONTENT) - 1}/{len(CONTENT)}", "ETag": '"other"'},
        {"Content_Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}", "ETag": etag(CONTENT)},
        {"Content_Range": f"bytes 100000-{len(CONTENT) - 1}/*", "ETag": etag(CONTENT)},
        {"Content_Range": f"bytes 100000-150000/{len(CONTENT)}", "ETag": etag(CONTENT)},
        {"ETag": etag(CONTENT)},
    ],
)
def test_part_of_anything_else_is_not_appended(host, preset, cache, headers):
    host.answers = [cut(100_000), says(206, CHANGED[100_000:], **headers)]
    assert fetch(preset).read_bytes() == CONTENT
    assert host.ranges == [None, "bytes=100000-", None]
    assert left(cache) == WHOLE


def test_range_that_cannot_be_satisfied_starts_over(host, preset, cache):
    host.answers = [cut(100_000), says(416)]
    assert fetch(preset).read_bytes() == CONTENT
    assert host.ranges == [None, "bytes=100000-", None]


def test_part_that_is_whole_needs_no_server(host, preset, cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda source, target: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fetch(preset)
    assert NAME not in left(cache)
    assert fetch(preset).read_bytes() == CONTENT
    assert len(host.ranges) == 1
    assert left(cache) == WHOLE


def test_second_fetch_at_the_same_time_is_refused(host, preset, cache):
    asked = threading.Event()

    def wait(handler: Handler) -> None:
        asked.set()
        host.released.wait(10)
        ranged(handler)

    host.answers = [wait]
    first = threading.Thread(target=fetch, args=(preset,))
    first.start()
    try:
        assert asked.wait(10)
        fails(preset, "another process is fetching it")
        with pytest.raises(WeightsError, match="another process"):
            store.remove(preset)
        assert NAME not in left(cache)
    finally:
        host.released.set()
        first.join(10)
    assert (cache / NAME).read_bytes() == CONTENT
    assert len(host.ranges) == 1
