"""Every command that the pages print is understood by what it starts; nothing is run."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

import run
from tests.folders import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
#: What a page has in the place of a network's name.
NAMES = {"NAME": "mask-rcnn"}
PYTHONS = {"python", ".venv/bin/python", r".venv\Scripts\python"}
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MISSING = "the following arguments are required"


class Understood(BaseException):
    """The arguments have been parsed: what follows would be the work itself."""


def words(line: str) -> list[str]:
    """Return the words of a line; of those that are no shell's, as prose may have, none."""
    try:
        split = shlex.split(line.replace("\\", "\\\\"), comments=True)
    except ValueError:
        return []
    return [NAMES.get(word, word) for word in split if word != "..."]


def printed() -> Iterator[tuple[str, list[str]]]:
    """Yield page and words of every line of a block, and of what a sentence has as code."""
    for page in PAGES:
        text = page.read_text()
        for block in BLOCK.findall(text):
            yield from ((page.name, words(line)) for line in block.splitlines())
        for code in re.findall(r"`([^`\n]+)`", BLOCK.sub("", text)):
            yield page.name, words(code)


def calls() -> Iterator[Any]:
    """Yield whether it is whole, program and arguments of what Python is to run.

    A sentence may name a command of `run.py` without all that it needs, and does not say "python".
    """
    for page, split in printed():
        is_whole = split[:1] != ["run.py"]
        call = split[1:] if is_whole else split
        if is_whole and (split[:1] == [] or split[0] not in PYTHONS or not call):
            continue
        program, *arguments = call[1:] if call[0] == "-m" else call
        if program not in ("pip", "benchmarks.NAME"):
            yield pytest.param(is_whole, program, arguments, id=f"{page}: {' '.join(split)}")


def start(program: str, arguments: list[str]) -> None:
    """Do as `python run.py` or `python -m PROGRAM` does."""
    if program == "run.py":
        run.main(arguments)
    else:
        module = importlib.import_module(program)
        if hasattr(module, "__path__"):  # a package
            module = importlib.import_module(f"{program}.__main__")
        module.main()


def refusal(
    program: str,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """Return what a program says against its arguments, "" where it would begin."""
    parse = argparse.ArgumentParser.parse_args

    def parse_only(*given: Any) -> None:
        parse(*given)
        raise Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    try:
        start(program, arguments)
    except Understood:
        return ""
    except SystemExit:
        return capsys.readouterr().err
    return f"{program} began without looking at its arguments"


@pytest.mark.parametrize(("is_whole", "program", "arguments"), [*calls()])
def test_commands_are_understood(is_whole, program, arguments, monkeypatch, capsys):
    said = refusal(program, arguments, monkeypatch, capsys)
    assert not said or (MISSING in said and not is_whole), said


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        ("run.py", ["talk.mp4", "--out", "out.mp4"], ""),
        ("run.py", ["talk.mp4", "--output-to", "out.mp4"], "unrecognized arguments"),
        ("run.py", ["train", "portrait", "--data", "a", "--epochs", "2"], "unrecognized arguments"),
        ("run.py", ["serve", "--visitors", "many"], "a positive number"),
        ("benchmarks.stream", [], MISSING),
        ("segmentation.training.bundled.export_portrait", ["best.npz"], MISSING),
    ],
)
def test_what_is_not_understood_is_found(program, arguments, message, monkeypatch, capsys):
    said = refusal(program, arguments, monkeypatch, capsys)
    assert message in said
    assert bool(said) == bool(message)


def test_all_pages_are_read():
    seen = {page for page, split in printed() if split}
    assert seen == {page.name for page in PAGES}
    programs = [call.values[1] for call in calls()]
    assert programs.count("run.py") > 60
    assert len(set(programs)) > 12


def test_make_has_the_targets():
    rules = re.findall(r"^([\w -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = [target for rule in rules for target in rule.split()]
    named = [split[1] for _, split in printed() if split[:1] == ["make"] and len(split) > 1]
    assert len(named) >= 4
    assert set(named) <= set(targets)


def test_extras_that_are_installed_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [split[-1] for _, split in printed() if split[1:4] == ["-m", "pip", "install"]]
    extras = {extra for name in named for extra in re.findall(r"^\.\[(.+)\]$", name)[0].split(",")}
    assert len(extras) >= 5
    assert extras <= set(project["optional-dependencies"])
