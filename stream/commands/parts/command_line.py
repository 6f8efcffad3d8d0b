"""The program and its commands by name; how all of them read a command line and tell things."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

#: Beside `cast`, which needs no name; each a file here.
COMMANDS = (
    *("batch", "cameras", "control", "data", "doctor", "evaluate"),
    *("models", "recover", "serve", "train"),
)

#: Options of a command that `--help` shows.
MOST_SHOWN = 25
#: As all texts call the program; where `pip` installed it, there is no file of that name.
PROGRAM = "run.py"
_NAMED = re.compile(rf"(?<![^\s(]){re.escape(PROGRAM)}(?=\s)")


class CommandError(Exception):
    """The command asks for something that makes no sense."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a command: help, profiles and docs/options.md are made of the list of these.

    Attributes:
        action: what argparse knows of it: names, help, default, what it takes.
        group: under which it stands in the help, "" for what every program has.
        is_rare: where there are more than `MOST_SHOWN`, only `--help all` shows it.
        is_kept: it may stand in a profile.
        input_after: its value may name a file that is read, after this; `None` where it does not.
        takes_several: it may be given again, for one more.
    """

    action: argparse.Action
    group: str
    is_rare: bool
    is_kept: bool
    input_after: str | None
    takes_several: bool

    @property
    def name(self) -> str:
        """What it is called in profiles: "min-score" for `--min-score`, "source" for SOURCE."""
        names = [each for each in self.action.option_strings if each.startswith("--")]
        return names[0].removeprefix("--") if names else self.action.dest

    def check(self, text: str) -> None:
        """Look at a value as argparse does.

        Raises:
            ValueError: it is none that the option takes; says what is allowed.
        """
        action, convert = self.action, self.action.type
        try:
            value = convert(text) if callable(convert) else text
        except (argparse.ArgumentTypeError, TypeError, ValueError) as error:
            raise ValueError(str(error)) from error
        if action.choices is not None and value not in action.choices:
            raise ValueError(f"one of {', '.join(action.choices)}; got {text!r}")


class Parser(argparse.ArgumentParser):
    """A parser whose help, however it is written here, names the program as it was started.

    Args:
        command: the words after the program's name, such as "models".
        settings: of `argparse.ArgumentParser`; `prog`, which sub-parsers are given, with all words.

    Attributes:
        options: of this command, in the order of their declarations.
    """

    def __init__(self, command: str = "", **settings: Any) -> None:
        """Take the name."""
        self.options: list[Option] = []
        self._groups: dict[str, argparse._ArgumentGroup] = {}
        self._shows_all = False
        named: dict[str, Any] = {"prog": f"{program()} {command}".rstrip(), "add_help": False}
        super().__init__(**named | settings)
        told = "show this help and end"
        self._help = self.add_argument("-h", "--help", action=_Help, is_kept=False, help=told)

    def add_argument(
        self,
        *names: str,
        group: str = "",
        is_rare: bool = False,
        is_kept: bool = True,
        input_after: str | None = None,
        **settings: Any,
    ) -> argparse.Action:
        """Declare an option, see `Option`.

        Args:
            *names: such as "-o", "--output".
            group: see `Option`, likewise the others.
            is_rare: likewise.
            is_kept: likewise.
            input_after: likewise.
            settings: of argparse's `add_argument`.
        """
        if group and group not in self._groups:
            self._groups[group] = self.add_argument_group(group)
        add = self._groups[group].add_argument if group else super().add_argument
        action = add(*names, **settings)
        takes_several = settings.get("action") == "append"
        self.options.append(Option(action, group, is_rare, is_kept, input_after, takes_several))
        if self._has_many:
            self._help.nargs, self._help.metavar = "?", "all"
            self._help.help = "show the options used most, or all"
        return action

    def parse_known_args(self, *arguments: Any, **options: Any) -> Any:
        """Refuse what is not known where it is met: `train portrait` knows its own options."""
        known, unknown = super().parse_known_args(*arguments, **options)
        if unknown:
            is_file = any(os.path.lexists(each) for each in unknown if each.startswith("-"))
            hint = "; write ./ before the name of a file that begins with a dash" if is_file else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return known, unknown

    @property
    def left_out(self) -> list[Option]:
        """Those that `--help` does not show, `--help all` does."""
        return [each for each in self.options if each.is_rare and self._has_many]

    @property
    def _has_many(self) -> bool:
        return len(self.options) > MOST_SHOWN

    def print_all_help(self) -> None:
        """Print the help with the options that are rarely used."""
        self._shows_all = True
        self.print_help()

    def format_help(self) -> str:
        """Return the help, examples included."""
        with self._rare_left_out() as num:
            text = super().format_help()
        more = f"\n{num} more options: {self.prog} --help all\n" if num else ""
        return as_started(text) + more

    def format_usage(self) -> str:
        """Return the lines that errors begin with."""
        with self._rare_left_out():
            return super().format_usage()

    @contextmanager
    def _rare_left_out(self) -> Iterator[int]:
        """Hide options as argparse does, meanwhile; gives how many."""
        rare = [] if self._shows_all else [option.action for option in self.left_out]
        helps = [action.help for action in rare]
        for action in rare:
            action.help = argparse.SUPPRESS
        yield len(rare)
        for action, text in zip(rare, helps, strict=True):
            action.help = text


class _Help(argparse.Action):
    """`--help`, and `--help all` where there is more."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        """Take nothing, unless a `Parser` says otherwise."""
        super().__init__(option_strings, argparse.SUPPRESS, 0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        """Print it and end."""
        if values == "all":
            parser.print_all_help()
        else:
            parser.print_help()
        parser.exit()


def program() -> str:
    """Return the name that this program was started by: "maskcast" or "run.py"."""
    return "maskcast" if Path(sys.argv[0]).stem == "maskcast" else PROGRAM


def as_started(text: str) -> str:
    """Return a text for people in which commands of this program can be typed as they stand."""
    return _NAMED.sub(program(), text)


def add_debug_option(parser: Parser) -> None:
    """Add what `run.py` looks for where something goes wrong."""
    told = "show where an error comes from"
    parser.add_argument("--debug", action="store_true", is_rare=True, is_kept=False, help=told)


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
    return on_disk(text)


def on_disk(text: str) -> Path:
    """Return the path that an option is given, which is no address of what lies elsewhere."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"a path on a disk, got {text!r}")
    return Path(text)


def harmless(text: str) -> str:
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
        print(as_started(harmless(text)), file=sys.stderr, flush=True)
    except OSError:
        write_no_more(sys.stderr)


def write_no_more(stream: TextIO) -> None:
    """Let what is written to a stream go nowhere, and nothing fail at the end.

    Whoever read it is gone, which is no reason to stop working.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
