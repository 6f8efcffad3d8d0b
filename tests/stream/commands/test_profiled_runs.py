"""Runs with profiles: the same again with few words, and no secret in whatever is written."""

from __future__ import annotations

import functools
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import run
from tests.command_line.failing import failing, files
from tests.ffmpeg_reference import ffmpeg

SECRET = "hunter2-hunter2"


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The folder in which the program runs, with everything that it keeps of its user in it."""
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MASKCAST_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def address(tmp_path_factory) -> Iterator[str]:
    """A clip on a web server that lets in whoever knows a secret."""
    folder = tmp_path_factory.mktemp("server")
    picture = ("-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=1")
    ffmpeg(*picture, "-c:v", "libx264", "-preset", "ultrafast", folder / "clip.mkv")
    handler = functools.partial(_Silent, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://me:{SECRET}@127.0.0.1:{server.server_address[1]}/clip.mkv?token={SECRET}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def photo(tmp_path) -> Path:
    """A photo of nobody."""
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.tile(np.arange(160, dtype=np.uint8), (120, 1)))
    return path


@pytest.fixture
def receiver() -> Iterator[str]:
    """Somebody who listens, who would also take a secret."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        yield f"udp://127.0.0.1:{listening.getsockname()[1]}?key={SECRET}"


def holding(secret: str, folder: Path) -> list[Path]:
    """Return the files in and below a folder that have a secret in their names or in them."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert paths
    return [path for path in paths if secret.encode() in path.read_bytes() or secret in path.name]


def test_no_file_and_no_message_has_the_secret(capfd, here, address, receiver, monkeypatch):
    outputs = ["-o", "out.mp4", "-o", "found.json", "-o", receiver]
    more = ["--stats", "stats.json", "--quality", "ultrafast:30", "--model", "portrait"]
    assert run.main([address, *outputs, *more, "--save-profile", "meet"]) == 0
    names = ["found.json", "out.mp4", "stats.json"]
    assert files(here) == names
    for name in names:
        (here / name).unlink()
    assert "the variable MASKCAST_MEET_LOGIN is not set" in failing(capfd, 1, "--profile", "meet")
    monkeypatch.setenv("MASKCAST_MEET_LOGIN", f"me:{SECRET}")
    monkeypatch.setenv("MASKCAST_MEET_TOKEN", SECRET)
    assert run.main(["--profile", "meet"]) == 0
    assert files(here) == names, "the same again"
    assert run.main(["doctor", "--service", "meet"]) == 0
    written = {path.name for path in here.parent.rglob("*")}
    assert written >= {"meet.toml", "maskcast.service", *names}
    assert holding(SECRET, here.parent) == []
    told = capfd.readouterr()
    assert SECRET not in told.out + told.err
    (here / "log.txt").write_text(SECRET)
    assert holding(SECRET, here.parent) == [here / "log.txt"], "it would have been found"


@pytest.mark.parametrize(
    "source",
    [
        f"http://me:{SECRET}@127.0.0.1:9/clip.mkv?token={SECRET}",
        f"rtsp://me:{SECRET}@127.0.0.1:9/{SECRET.join(('password=', '_a=1'))}",
        f"rtmp://127.0.0.1:9/live/{SECRET}",
        "srt://127.0.0.1:9?passphrase=hunter2",
        f"tcp://127.0.0.1:9?key={SECRET}",
        f"http://me:{SECRET}@[/clip.mkv",
        f"ftp://me:{SECRET}@127.0.0.1/clip.mkv",
    ],
)
def test_sources_that_fail_tell_no_secret(capfd, here, source):
    assert run.main([source, "-o", "null:"]) == 1
    told = capfd.readouterr().err
    assert "error: " in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("output", "code"),
    [
        (f"rtmp://127.0.0.1/{SECRET}", 1),
        (f"rtmp://me:{SECRET}@127.0.0.1:port/live/{SECRET}", 1),
        (f"srt://127.0.0.1/?passphrase={SECRET}", 1),
        (f"ftp://me:{SECRET}@127.0.0.1/out.mp4", 1),
        (f"rtsp://me:{SECRET}@127.0.0.1/live", 1),
        (f"rtmp://127.0.0.1/live/{SECRET} -o rtmp://127.0.0.1/live/{SECRET}", 2),
    ],
)
def test_outputs_that_make_no_sense_tell_no_secret(capfd, photo, here, output, code):
    line = failing(capfd, code, photo, "--fps", "25", "-o", *output.split())
    assert SECRET not in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("effect = 'blurr'", "meet.toml: effect: 'blurr' is no effect; choose one of"),
        ("effect = 'blur=9'", "meet.toml: effect: "),
        ("keyframe = 0", "meet.toml: keyframe: a number from 1, auto or auto:N, got '0'"),
        ("keep = 'person:0'", "meet.toml: keep: must look like"),
        ("output = ['null:', 'null:']", "meet.toml: output: null:: named twice"),
        ("codec = 'hevc'\noutput = 'null:'", "meet.toml: codec: hevc: no output is a video"),
    ],
)
def test_what_makes_no_sense_later_names_the_profile_as_well(capfd, here, text, words):
    (here / "meet.toml").write_text(f"source = 'demo:'\n{text}\n")
    assert words in failing(capfd, 2, "--profile", "./meet.toml")


def test_of_the_command_line_the_profile_is_not_blamed(capfd, here):
    (here / "meet.toml").write_text("source = 'demo:'\neffect = 'grey'\n")
    line = failing(capfd, 2, "--profile", "./meet.toml", "-o", "null:", "--effect", "blurr")
    assert line.startswith("error: --effect 'blurr' is no effect")


@pytest.mark.parametrize(
    "arguments", [["--effect", "blurr"], ["--keep", "#x"], ["-o", "null:"], ["--codec", "av1"]]
)
def test_what_makes_no_sense_is_not_saved(capfd, here, arguments):
    failing(capfd, 2, "demo:", "-o", "null:", *arguments, "--save-profile", "meet")
    assert [path for path in here.parent.rglob("*") if path.is_file()] == []


def test_what_is_saved_is_done_as_well(capfd, photo, here):
    arguments = [photo, "--effect", "grey", "-o", "out.png", "--save-profile", "meet"]
    assert run.main([str(each) for each in arguments]) == 0
    profile = here.parent / "XDG_CONFIG_HOME/maskcast/profiles/meet.toml"
    assert f"profile: {profile}\n" in capfd.readouterr().err
    assert files(here) == ["out.png"]
    before = (here / "out.png").read_bytes()
    line = failing(capfd, 1, "--profile", "meet")
    assert "out.png: exists" in line, "a profile permits no losses"
    assert run.main(["--profile", "meet", "-o", "again.png"]) == 0
    assert (here / "again.png").read_bytes() == before
    assert "meet.toml: exists" in failing(capfd, 1, *arguments)
