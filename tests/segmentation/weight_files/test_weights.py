"""Fetching weights from a server on loopback: whatever happens, no bad file gets the name."""

from __future__ import annotations

import errno
import hashlib
import http.client
import io
import os
import shutil
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from segmentation import weights
from segmentation.presets import HDF5_SIGNATURE, PRESETS, Preset
from segmentation.segmenter import WeightsError
from segmentation.weight_files import download

CONTENT = HDF5_SIGNATURE + np.random.default_rng(0).bytes(300_000)
CHANGED = HDF5_SIGNATURE + np.random.default_rng(1).bytes(300_000)
NAME, PART, VERSION = "tiny.h5", "tiny.h5.part", "tiny.h5.part.json"
RECORD, LOCK = "tiny.h5.sha256", "tiny.h5.lock"
WHOLE = {NAME, RECORD, LOCK}


class Host(ThreadingHTTPServer):
    """Serves `content` with an ETag and ranges; each of `answers` replaces one answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.answers: list[Callable[[Handler], None]] = []
        self.ranges: list[str | None] = []
        self.statuses: list[int] = []
        self.released = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/weights"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers["Range"])
        answer = self.server.answers.pop(0) if self.server.answers else ranged
        answer(self)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.server.statuses.append(status)
        self.send_response(status)
        for key, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def ranged(handler: Handler) -> None:
    content = handler.server.content
    asked = handler.headers["Range"]
    if asked is None or handler.headers["If-Range"] != etag(content):
        handler.send(200, content, ETag=etag(content))
        return
    first = int(asked.removeprefix("bytes=").removesuffix("-"))
    span = f"bytes {first}-{len(content) - 1}/{len(content)}"
    handler.send(206, content[first:], ETag=etag(content), Content_Range=span)


def whole(handler: Handler) -> None:
    handler.send(200, handler.server.content, ETag=etag(handler.server.content))


def cut(num_bytes: int, **headers: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        content = handler.server.content
        length = {"Content_Length": str(len(content)), "ETag": etag(content)}
        handler.send(200, content[:num_bytes], **(length | headers))

    return answer


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(status, body, **headers)


def chunked(content: bytes, ended: bool = True) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("ETag", etag(handler.server.content))
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        handler.wfile.write(b"0\r\n\r\n" if ended else b"")
        handler.close_connection = True

    return answer


@pytest.fixture
def host() -> Iterator[Host]:
    server = Host()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES_S", (0.001, 0.001))
    monkeypatch.setattr(download, "TIMEOUT_S", 10.0)
    return tmp_path / "cache"


@pytest.fixture
def preset(host: Host) -> Preset:
    return Preset(
        name="tiny",
        family="mask-rcnn",
        address=host.address,
        file_name=NAME,
        num_bytes=None,
        sha256=None,
        signature=HDF5_SIGNATURE,
        licence="MIT",
        notice=None,
        source="https://example.org/tiny",
        box_ap=None,
        mask_ap=None,
    )


def fetch(preset: Preset) -> Path:
    return weights.fetch(preset, lambda num_done, num_bytes: None)


def left(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()}


def fails(preset: Preset, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        fetch(preset)
    assert "\n" not in str(caught.value)


# === Complete ===


def test_fetch_gives_the_file_and_its_progress(host, preset, cache):
    progress: list[tuple[int, int]] = []
    path = weights.fetch(preset, lambda *figures: progress.append(figures))
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


# === Another file than expected ===


def test_wrong_published_checksum(preset, cache):
    fails(replace(preset, sha256="0" * 64), "wrong checksum.*example.org")
    assert left(cache) == {LOCK}


def test_wrong_size_is_refused_before_anything_is_fetched(preset, cache):
    fails(replace(preset, num_bytes=257_557_808), f"{len(CONTENT)} bytes, expected 257557808")
    assert left(cache) == {LOCK}


def test_more_than_the_known_size_in_chunks(host, preset, cache):
    host.answers = [chunked(CONTENT)]
    fails(replace(preset, num_bytes=1000), "more than 1000 bytes, expected 1000")
    assert left(cache) == {LOCK}


def test_unknown_size_is_refused(host, preset, cache):
    host.answers = [chunked(CONTENT)]
    fails(preset, "does not say how long")
    assert left(cache) == {LOCK}


def test_web_page_instead_of_the_file(host, preset, cache):
    host.answers = [says(200, b"<html>Sign in</html>", Content_Type="text/html; charset=utf-8")]
    fails(preset, "a web page came.*sign in")
    assert left(cache) == {LOCK}


@pytest.mark.parametrize("body", [b"<!doctype html>", b"", b"\x89HDF", b"\x1f\x8b" + CONTENT])
def test_bytes_that_are_no_weight_file(host, preset, cache, body):
    host.answers = [says(200, body, Content_Type="application/octet-stream")]
    fails(preset, "not a weight file")
    assert left(cache) == {LOCK}


def test_first_checksum_is_held_to_until_removed(host, preset, cache):
    path = fetch(preset)
    path.unlink()
    host.content = CHANGED
    fails(preset, "wrong checksum: at the first fetch.*models remove tiny")
    assert left(cache) == {RECORD, LOCK}
    assert weights.remove(preset)
    assert fetch(preset).read_bytes() == CHANGED


# === No file at all ===


@pytest.mark.parametrize(
    ("status", "message"),
    [(404, "no such file there"), (410, "no such file there"), (403, "refuses it")],
)
def test_refused_by_the_server(host, preset, cache, status, message):
    host.answers = [says(status, b"<html>")]
    fails(preset, f"{message} .*{status}.*--weights FILE")
    assert left(cache) == {LOCK}
    assert len(host.ranges) == 1


def test_busy_server_is_asked_again(host, preset, cache):
    host.answers = [says(503), says(429)]
    assert fetch(preset).read_bytes() == CONTENT


def test_connection_refused(preset, cache):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fails(replace(preset, address=f"http://127.0.0.1:{port}/"), "connection was refused.*--weights")
    assert left(cache) == {LOCK}


def test_offline(preset, cache, monkeypatch):
    def getaddrinfo(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    fails(preset, "127.0.0.1: not found, no network perhaps")
    assert left(cache) == {LOCK}


def test_server_that_is_no_web_server(host, preset, cache):
    host.answers = [lambda handler: handler.wfile.write(b"220 mail ready\r\n" * 9)] * 3
    fails(preset, "no proper answer")
    assert left(cache) == {LOCK}


def test_server_that_hangs_up(host, preset, cache):
    host.answers = [lambda handler: handler.connection.close()] * 3
    fails(preset, "cut off")
    assert len(host.ranges) == 3
    assert left(cache) == {LOCK}


def test_silent_server(host, preset, cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    host.answers = [lambda handler: host.released.wait(10)] * 3
    fails(preset, "no answer within 0.1 s")
    assert left(cache) == {LOCK}


def test_server_that_falls_silent(host, preset, cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(download, "PAUSES_S", ())

    def stall(handler: Handler) -> None:
        cut(100_000)(handler)
        host.released.wait(10)

    host.answers = [stall]
    fails(preset, "sent nothing for 0.1 s")
    assert left(cache) == {PART, VERSION, LOCK}
    assert fetch(preset).read_bytes() == CONTENT
    assert host.ranges == [None, "bytes=100000-"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/weights", "/weights"])
def test_redirects_that_are_not_followed(host, preset, cache, target):
    host.answers = [says(302, Location=target)] * 20
    fails(preset, "redirects")
    assert left(cache) == {LOCK}


def test_redirect_from_https_to_http_is_not_followed():
    request = urllib.request.Request("https://127.0.0.1/weights")
    follow = download._Redirects().redirect_request
    arguments = (request, io.BytesIO(), 302, "", http.client.HTTPMessage())
    assert follow(*arguments, "https://127.0.0.1/other") is not None
    with pytest.raises(WeightsError, match="redirects to where nothing may be fetched"):
        follow(*arguments, "http://127.0.0.1/other")


def test_address_of_another_kind(preset, cache, tmp_path):
    (tmp_path / "file.h5").write_bytes(CONTENT)
    fails(replace(preset, address=(tmp_path / "file.h5").as_uri()), "http or https")
    assert left(cache) == {LOCK}


# === The disk ===


def test_too_little_room_is_seen_beforehand(preset, cache, monkeypatch):
    usage = shutil.disk_usage(cache.parent)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    fails(preset, "tiny.h5.part: the disk is full")
    assert left(cache) == {LOCK}


def test_disk_that_fills_up_meanwhile(preset, cache, monkeypatch):
    def fsync(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    fails(preset, "tiny.h5.part: the disk is full")
    assert left(cache) == {PART, VERSION, LOCK}


def test_folder_that_cannot_be_made(preset, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path / "file" / "cache"))
    fails(preset, "cannot be written.*MASKCAST_WEIGHTS")


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
            weights.remove(preset)
        assert NAME not in left(cache)
    finally:
        host.released.set()
        first.join(10)
    assert (cache / NAME).read_bytes() == CONTENT
    assert len(host.ranges) == 1


# === On disk ===


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))


def test_locate_trusts_size_and_time_and_verify_trusts_nothing(preset, monkeypatch):
    path = fetch(preset)
    assert weights.locate(preset) == path
    state = path.stat()
    damage(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert weights.locate(preset) == path
    with pytest.raises(WeightsError, match=r"tiny\.h5: wrong checksum.*models fetch tiny"):
        weights.verify(preset)


def test_damaged_file_is_found_and_fetched_anew(host, preset, cache):
    damage(fetch(preset))
    with pytest.raises(WeightsError, match=r"tiny\.h5: wrong checksum.*models fetch tiny"):
        weights.locate(preset)
    assert fetch(preset).read_bytes() == CONTENT
    assert weights.locate(preset) == cache / NAME
    assert left(cache) == WHOLE


def test_damaged_file_stays_where_it_cannot_be_fetched_anew(host, preset, cache):
    damage(fetch(preset))
    host.answers = [says(404)]
    fails(preset, "no such file")
    with pytest.raises(WeightsError, match="wrong checksum"):
        weights.locate(preset)


def test_file_with_another_time_is_hashed_and_accepted(preset):
    path = fetch(preset)
    os.utime(path, ns=(0, 0))
    assert weights.locate(preset) == path
    assert weights.verify(preset) == hashlib.sha256(CONTENT).hexdigest()


def test_file_put_there_by_hand_is_accepted_and_held_to(preset, cache):
    with pytest.raises(WeightsError, match=r"not there; run\.py models fetch tiny"):
        weights.locate(preset)
    assert weights.find(preset) is None
    cache.mkdir()
    (cache / NAME).write_bytes(CONTENT)
    assert weights.find(preset) == cache / NAME
    assert weights.locate(preset) == cache / NAME
    damage(cache / NAME)
    with pytest.raises(WeightsError, match="wrong checksum"):
        weights.locate(preset)


@pytest.mark.parametrize(
    ("content", "message"), [(b"<html>", "not a weight file"), (CONTENT[:-1], "wrong size")]
)
def test_wrong_file_put_there_by_hand(preset, cache, content, message):
    cache.mkdir()
    (cache / NAME).write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        weights.locate(replace(preset, num_bytes=len(CONTENT)))
    assert left(cache) == {NAME}


def test_remove_takes_all_of_it(host, preset, cache):
    assert not weights.remove(preset)
    assert not cache.exists()
    fetch(preset)
    assert weights.remove(preset)
    assert left(cache) == {LOCK}
    assert not weights.remove(preset)
    host.answers = [cut(1000), says(404)]
    fails(preset, "no such file")
    assert weights.remove(preset)
    assert left(cache) == {LOCK}


def test_listing_tells_what_is_on_disk(preset, cache, monkeypatch):
    monkeypatch.setattr(weights, "PRESETS", {"tiny": replace(preset, num_bytes=7)})
    assert [(row.path, row.num_bytes) for row in weights.listing()] == [(None, 7)]
    cache.mkdir()
    (cache / NAME).write_bytes(CONTENT)
    assert [(row.path, row.num_bytes) for row in weights.listing()] == [
        (cache / NAME, len(CONTENT))
    ]


def test_folder_is_the_one_named_else_the_users_cache(monkeypatch, tmp_path):
    assert weights.folder() == tmp_path / "cache"
    monkeypatch.delenv("MASKCAST_WEIGHTS")
    monkeypatch.setattr(weights.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert weights.folder() == tmp_path / "xdg" / "maskcast" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.folder() == tmp_path / ".cache" / "maskcast" / "weights"


def test_presets_are_complete():
    assert list(PRESETS) == [preset.name for preset in PRESETS.values()]
    for preset in PRESETS.values():
        assert preset.address.startswith("https://")
        assert preset.file_name == Path(preset.file_name).name
        assert preset.licence
    names = [preset.file_name for preset in PRESETS.values()]
    assert len(set(names)) == len(names)
