"""The program and its commands by name; how all of them read a command line and tell things."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from pathlib import Path
from typing import Any

#: Beside `cast`, which needs no name; each a file here.
COMMANDS = ("batch", "cameras", "data", "doctor", "evaluate", "models", "recover", "serve", "train")

#: As all texts call the program; where `pip` installed it, there is no file of that name.
PROGRAM = "run.py"
_NAMED = re.compile(rf"(?<![^\s(]){re.escape(PROGRAM)}(?=\s)")


class CommandError(Exception):
    """The command asks for something that makes no sense."""


class Parser(argparse.ArgumentParser):
    """A parser whose help, however it is written here, names the program as it was started.

    Args:
        command: the words after the program's name, such as "models".
        options: of `argparse.ArgumentParser`; `prog`, which sub-parsers are given, with all words.
    """

    def __init__(self, command: str = "", **options: Any) -> None:
        """Take the name."""
        super().__init__(**{"prog": f"{program()} {command}".rstrip()} | options)

    def parse_known_args(self, *arguments: Any, **options: Any) -> Any:
        """Refuse what is not known where it is met: `train portrait` knows its own options."""
        known, unknown = super().parse_known_args(*arguments, **options)
        if unknown:
            is_file = any(os.path.lexists(each) for each in unknown if each.startswith("-"))
            hint = "; write ./ before the name of a file that begins with a dash" if is_file else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return known, unknown

    def format_help(self) -> str:
        """Return the help, examples included."""
        return as_started(super().format_help())


def program() -> str:
    """Return the name that this program was started by: "maskcast" or "run.py"."""
    return "maskcast" if Path(sys.argv[0]).stem == "maskcast" else PROGRAM


def as_started(text: str) -> str:
    """Return a text for people in which commands of this program can be typed as they stand."""
    return _NAMED.sub(program(), text)


def positive(text: str) -> int:
    """Return the whole number, at least 1, that an option is given."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"a positive number, got {text!r}")
    return number


def learning_rate(text: str) -> float:
    """Return the finite number above 0 that an option is given."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"a positive number such as 0.001, got {text!r}")
    return rate


def json_file(text: str) -> Path:
    """Return the path of figures, which replace older ones and so must not be anything else."""
    if not text.endswith(".json"):
        raise argparse.ArgumentTypeError(f"a name that ends in .json, got {text!r}")
    return Path(text)


def _harmless(text: str) -> str:
    """Return a text in which nothing steers a terminal: names may be anybody's."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode()
        for each in text
    )


def say(text: str) -> None:
    """Tell the person at the terminal; standard output is for results."""
    if sys.stderr is None:  # it was closed at the start
        return
    try:
        print(as_started(_harmless(text)), file=sys.stderr, flush=True)
    except OSError:  # nobody reads any more: no reason to stop working, nor to fail at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
