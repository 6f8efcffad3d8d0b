"""`run.py recover`: recordings that killed programs or a power failure left get their names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from stream.commands.parts.command_line import Parser, add_debug_option, harmless


def run(arguments: Sequence[str]) -> int:
    """Run `recover FOLDER`."""
    from stream.errors import StreamError

    unprinted: OSError | None = None  # which keeps no recording from its name
    for line in _recovered(Path(command_parser().parse_args(arguments).folder)):
        try:
            if unprinted is None:
                print(harmless(line.replace("\n", " ")), flush=True)
        except OSError as error:
            unprinted = error
    if isinstance(unprinted, BrokenPipeError):
        raise unprinted
    if unprinted is not None:
        done = "what could be recovered is recovered, but not all lines could be printed"
        raise StreamError(f"{done} ({unprinted.strerror})")
    return 0


def _recovered(folder: Path) -> Iterator[str]:
    """Recover what was left behind in a folder; yields what to say, at least one line."""
    from segmentation.unfinished import RECORDING, taken_over, unfinished_in
    from stream.errors import StreamError
    from stream.files.recovery import recovered

    told = False
    try:
        for line in recovered(folder):
            yield line
            told = True
        for part, target in unfinished_in(folder, RECORDING).items():
            with taken_over(part) as is_left:
                if not is_left:
                    may_change = os.access(part, os.R_OK | os.W_OK)
                    line = f"{target}: is still being written"
                    yield line if may_change else f"{part}: a recording that you may not change"
                    told = True
    except OSError as error:
        raise StreamError(f"{folder}: cannot be read ({error.strerror})") from error
    if not told:
        yield f"{folder}: nothing to recover"


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
