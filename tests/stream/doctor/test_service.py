"""The service that starts maskcast with a session: what is in it, and what it never replaces."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys

import pytest

import run
from stream.doctor.service import NAME, service_text
from tests.folders import ROOT

WITHOUT_SYSTEMD = shutil.which("systemd-analyze") is None


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of services, with the profiles meet and stream beside it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    profiles = tmp_path / "maskcast/profiles"
    profiles.mkdir(parents=True)
    (profiles / "meet.toml").write_text('output = "virtualcam:"\n')
    (profiles / "stream.toml").write_text('output = ["rtmp://a.example/live/${STREAM_KEY}"]\n')
    return tmp_path / "systemd/user"


def parsed(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of a unit."""
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", strict=True)
    parser.optionxform = str
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def command_of(text: str) -> list[str]:
    """Return what a unit starts, read as systemd.syntax(7) and systemd.service(5) say."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', parsed(text)["Service"]["ExecStart"])
    plain = [re.sub(r"\\(.)", lambda escaped: escaped[1], each) for each in words]
    plain = [each.replace("%%", "%") for each in plain]
    return [plain[0], *(each.replace("$$", "$") for each in plain[1:])]


def write(*arguments: str) -> int:
    return run.main(["doctor", "--service", *arguments])


def test_a_service_starts_a_profile_with_this_python(folder, capfd):
    assert write("meet") == 0
    told = capfd.readouterr().err.splitlines()
    path = folder / NAME
    assert told[0] == f"service: {path}"
    assert told[1:] == [
        "systemctl --user daemon-reload",
        "systemctl --user enable --now maskcast",
    ]
    text = path.read_text()
    assert command_of(text) == [sys.executable, str(ROOT / "run.py"), "--profile", "meet"]
    unit = parsed(text)
    assert unit["Unit"]["After"].split() == ["graphical-session.target", "pipewire.service"]
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Install"]["WantedBy"] == "default.target"
    # what is begun is there to be begun
    done = subprocess.run([*command_of(text)[:2], "--version"], capture_output=True, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("word", ["my talk", 'a "b" c', "50%", "$HOME", "back\\slash", "ü"])
def test_names_come_through_as_they_are(word):
    assert command_of(service_text("", ["--profile", word]))[2:] == ["--profile", word]


@pytest.mark.skipif(WITHOUT_SYSTEMD, reason="needs systemd-analyze")
@pytest.mark.parametrize("word", ["meet", 'a "b" 50% $x \\n'])
def test_systemd_finds_nothing_wrong(tmp_path, word):
    def verified(text: str) -> str:
        (tmp_path / NAME).write_text(text)
        command = ["systemd-analyze", "--user", "verify", str(tmp_path / NAME)]
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.stderr + str(done.returncode)

    text = service_text(f"--profile {word}", ["--profile", word])
    said = verified(text)
    if "Failed to" in said and "manager" in said:
        pytest.skip(f"systemd-analyze cannot look here: {said}")
    assert said == "0"
    assert verified(text.replace("on-failure", "sometimes")) != "0"


def test_variables_that_are_needed_are_told(folder, capfd):
    assert write("stream") == 0
    told = capfd.readouterr().err.splitlines()[1]
    environment = folder.parents[1] / "maskcast/environment"
    assert told.startswith(f"it needs STREAM_KEY=...: a line each in {environment}")
    assert "-%E/maskcast/environment" in (folder / NAME).read_text()


def test_a_path_is_found_from_any_folder(folder, monkeypatch):
    monkeypatch.chdir(folder.parents[1])
    assert write("maskcast/profiles/meet.toml") == 0
    expected = str(folder.parents[1] / "maskcast/profiles/meet.toml")
    assert command_of((folder / NAME).read_text())[-1] == expected


def test_another_service_is_not_replaced_unasked(folder, capfd):
    assert write("meet") == 0
    before = (folder / NAME).read_text()
    assert write("meet") == 0, "the same again"
    assert write("stream") == 1
    assert "exists and is another; add -y to replace it" in capfd.readouterr().err
    assert (folder / NAME).read_text() == before
    assert write("stream", "-y") == 0
    assert command_of((folder / NAME).read_text())[-1] == "stream"


def test_which_profile(folder, capfd):
    assert write() == 2
    assert "--service: needs a profile; name one of meet, stream" in capfd.readouterr().err
    assert write("meat") == 2
    assert "there are meet, stream; did you mean meet?" in capfd.readouterr().err
    (folder.parents[1] / "maskcast/profiles/stream.toml").unlink()
    assert write() == 0
    assert command_of((folder / NAME).read_text())[-1] == "meet"
    (folder.parents[1] / "maskcast/profiles/meet.toml").write_text("effect = 1979-05-27\n")
    assert write("-y") == 2
    assert "meet.toml: effect: a text or a number" in capfd.readouterr().err


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_there_is_no_systemd(folder, capfd, monkeypatch, platform):
    path = folder.parents[1] / "maskcast/profiles/meet.toml"
    monkeypatch.setattr(sys, "platform", platform)
    assert write(str(path)) == 1
    assert "systemd is Linux's" in capfd.readouterr().err
    assert not folder.exists()
