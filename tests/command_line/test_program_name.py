"""The program is called what it was started as: `run.py`, or `maskcast` where pip installed it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import run
from stream.commands.parts.command_line import COMMANDS, as_started
from tests.command_line.failing import failing
from tests.folders import ROOT

HELP = [["--help"], *([command, "--help"] for command in COMMANDS)]
NETWORKS = ("portrait", "mask-rcnn", "mask-rcnn-person")
HELP += [["train", network, "--help"] for network in NETWORKS]


@pytest.fixture
def as_maskcast(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/maskcast"])


def help_of(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_info:
        run.main(arguments)
    assert exit_info.value.code == 0
    return capfd.readouterr().out


@pytest.mark.parametrize("arguments", HELP)
def test_help_of_the_installed_program(capfd, as_maskcast, arguments):
    text = help_of(arguments, capfd)
    assert text.startswith(" ".join(["usage: maskcast", *arguments[:-1], "["]))
    assert "run.py" not in text


@pytest.mark.parametrize("arguments", HELP)
def test_help_of_the_program_in_its_folder(capfd, arguments):
    text = help_of(arguments, capfd)
    assert text.startswith(" ".join(["usage: run.py", *arguments[:-1], "["]))
    assert "maskcast " not in text


def test_errors_and_usage_of_the_installed_program(capfd, photo, as_maskcast, monkeypatch):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(photo.parent))
    line = failing(capfd, 1, photo, "-o", "null:", "--model", "mask-rcnn")
    assert "; maskcast models fetch mask-rcnn, or" in line
    with pytest.raises(SystemExit):
        run.main(["models", "lose"])
    told = capfd.readouterr().err
    assert "maskcast models: error: " in told
    assert "run.py" not in told


def test_doctor_of_the_installed_program(capfd, as_maskcast, monkeypatch, tmp_path):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("stream.doctor.cameras.cameras", lambda root: [])
    run.main(["doctor"])
    told = capfd.readouterr().out
    assert "-> maskcast models fetch rf-detr-seg-nano or mask-rcnn\n" in told
    assert "run.py" not in told


def test_files_of_that_name_keep_it(as_maskcast):
    assert as_started("./run.py serve") == "./run.py serve"
    assert as_started("error: run.py: cannot be read") == "error: run.py: cannot be read"
    assert as_started("(run.py models fetch x)") == "(maskcast models fetch x)"


@pytest.mark.parametrize("name", ["maskcast", "run.py"])
def test_name_of_the_file_that_was_started(tmp_path, name):
    script = tmp_path / name
    script.write_text(
        "import sys\n\nfrom stream.commands.parts.command_line import program\n\nprint(program())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{name}\n"


def test_a_file_whose_name_begins_with_a_dash_is_told_from_an_option(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-talk.mp4").touch()
    for name, hint in (("-talk.mp4", True), ("-walk.mp4", False)):
        with pytest.raises(SystemExit):
            run.main([name, "-o", "out.mp4"])
        end = "; write ./ before the name of a file that begins with a dash" if hint else ""
        assert capfd.readouterr().err.endswith(f"error: unrecognized arguments: {name}{end}\n")
