"""Fetching what is another file than expected, or none: no bad file gets the name."""

from __future__ import annotations

import errno
import http.client
import io
import os
import shutil
import socket
import urllib.request
from dataclasses import replace

import pytest

from segmentation.errors import WeightsError
from segmentation.weights import download, store
from tests.stand_ins.weight_host import (
    CHANGED,
    CONTENT,
    LOCK,
    PART,
    RECORD,
    VERSION,
    Handler,
    chunked,
    cut,
    fails,
    fetch,
    left,
    says,
)


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
    assert store.remove(preset)
    assert fetch(preset).read_bytes() == CHANGED


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
