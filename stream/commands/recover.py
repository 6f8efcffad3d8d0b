"""`run.py recover`: recordings that killed programs or a power failure left get their names."""

from __future__ import annotations

from collections.abc import Sequence

from stream.commands.parts.command_line import Parser


def run(arguments: Sequence[str]) -> int:
    """Run `recover FOLDER`."""
    from pathlib import Path

    from segmentation.unfinished import RECORDING, taken_over, unfinished_in
    from stream.errors import StreamError
    from stream.files.recovery import recovered

    parser = Parser(
        "recover",
        description="Give recordings that were cut off (kill -9, a power failure) their names.",
        epilog="The next run with a video in that folder does the same.",
    )
    parser.add_argument("folder", nargs="?", default=".", help="default: the current one")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    folder = Path(parser.parse_args(arguments).folder)
    told = False
    try:
        for line in recovered(folder):
            print(line, flush=True)
            told = True
        for part, target in unfinished_in(folder, RECORDING).items():
            with taken_over(part) as is_left:
                if not is_left:
                    print(f"{target}: is still being written", flush=True)
                    told = True
    except OSError as error:
        raise StreamError(f"{folder}: cannot be read ({error.strerror})") from error
    if not told:
        print(f"{folder}: nothing to recover")
    return 0
