"""Makes docs/options.md of the options that the commands declare.

python -m tests.documents.options_page docs/options.md
"""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from stream.commands.parts.cast_options import cast_parser
from stream.commands.parts.command_line import COMMANDS, Option, Parser

HEAD = """\
# Options

What `--help` tells, of every command, made of the same list:
`python -m tests.documents.options_page docs/options.md`. The help itself also has examples, and
says what sources, outputs and effects there are. Of a command with more than 25 options
`run.py --help` shows those that are used most; the others, marked \\* here, are in
`run.py --help all`. Options can be saved, [profiles.md](profiles.md); those of `run.py` marked †
are for the command line alone.
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", type=Path, help="docs/options.md")
    parser.parse_args().target.write_text(page())


def page() -> str:
    """Return the page."""
    return HEAD + "".join(section(title, parser) for title, parser in parsers())


def parsers() -> Iterator[tuple[str, Parser]]:
    """Yield title and parser of each command, and of those that it has in turn."""
    yield "run.py", cast_parser()
    for name in COMMANDS:
        parser = importlib.import_module(f"stream.commands.{name}").command_parser()
        within = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
        if not within:
            yield f"run.py {name}", parser
        for action in within:
            yield from (
                (f"run.py {name} {each}", parser) for each, parser in action.choices.items()
            )


def section(title: str, parser: Parser) -> str:
    """Return the table of a command."""
    lines = ["", f"## {title}", "", "| option | what it does |", "|---|---|"]
    for group in dict.fromkeys(option.group for option in parser.options):
        lines += [f"| *{group}* | |"] if group else []
        lines += [
            row(option, marks(option, parser, has_profiles=title == "run.py"))
            for option in parser.options
            if option.group == group
        ]
    return "\n".join(lines) + "\n"


def marks(option: Option, parser: Parser, *, has_profiles: bool) -> str:
    """Return what is said of an option by the characters that the head of the page explains."""
    rare = "\\*" if option in parser.left_out else ""
    return rare + ("†" if has_profiles and not option.is_kept else "")


def row(option: Option, marks: str) -> str:
    """Return the line of an option."""
    words = f"{', '.join(option.action.option_strings)} {taken(option)}".strip()
    told = " ".join((option.action.help or "").split()).replace("see below", "see the help")
    name = f"`{words}`".replace("|", "\\|")
    return f"| {name}{marks} | {escaped(told)} |"


def escaped(text: str) -> str:
    """Return a text for a cell of a table."""
    return re.sub(r"([|*\\])", r"\\\1", text)


def taken(option: Option) -> str:
    """Return what an option takes, as its help names it, "" for nothing."""
    action = option.action
    if action.nargs == 0:
        return ""
    choices = "{" + ",".join(action.choices) + "}" if action.choices else action.dest.upper()
    name = str(action.metavar or choices)
    return f"[{name}]" if action.nargs == "?" else name


if __name__ == "__main__":
    main()
