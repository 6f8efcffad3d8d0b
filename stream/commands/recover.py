"""`run.py recover`: recordings that killed programs or a power failure left get their names."""

from __future__ import annotations

import os
from collections.abc import Sequence

from stream.commands.parts.command_line import Parser, add_debug_option, harmless


def run(arguments: Sequence[str]) -> int:
    """Run `recover FOLDER`."""
    from pathlib import Path

    from segmentation.unfinished import RECORDING, taken_over, unfinished_in
    from stream.errors import StreamError
    from stream.files.recovery import recovered

    folder = Path(command_parser().parse_args(arguments).folder)
    told = False
    try:
        for line in recovered(folder):
            _tell(line)
            told = True
        for part, target in unfinished_in(folder, RECORDING).items():
            with taken_over(part) as is_left:
                if not is_left:
                    may_change = os.access(part, os.R_OK | os.W_OK)
                    line = f"{target}: is still being written"
                    told_of = line if may_change else f"{part}: a recording that you may not change"
                    _tell(told_of)
                    told = True
    except OSError as error:
        raise StreamError(f"{folder}: cannot be read ({error.strerror})") from error
    if not told:
        _tell(f"{folder}: nothing to recover")
    return 0


def _tell(text: str) -> None:
    """Print one line, whatever names of files hold."""
    print(harmless(text.replace("\n", " ")), flush=True)


def command_parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        "recover",
        description="Give recordings that were cut off (kill -9, a power failure) their names.",
        epilog="The next run with a video, or results, in that folder does the same.",
    )
    told = "where they lie; default: the current one"
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help=told)
    add_debug_option(parser)
    return parser
