"""The table of docs/control.md, made of `stream.live.actions`.

python -m tests.documents.control_table docs/control.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from stream.live.actions import REMOTE, Action
from stream.live.keys import row

_TABLE = re.compile(r"(?<=^## What can be set\n)(.*?)(?:^\|.*?)\n\n+", re.MULTILINE | re.DOTALL)
HEAD = "| name | kind | what it does | key in the window |\n|---|---|---|---|\n"


def table() -> str:
    """Return the rows of all that page and API can set."""
    return HEAD + "\n".join(map(_row, REMOTE))


def _row(action: Action) -> str:
    kind = action.kind
    if kind == "range":
        kind = f"{kind}, {action.low:g} to {action.high:g}"
    keys = row(action)[0].replace("|", "\\|")
    return f"| `{action.name}` | {kind} | {action.help} | {f'`{keys}`' if keys else ''} |"


def main() -> None:
    """Write the table into the page."""
    path = Path(sys.argv[1])
    text = path.read_text().replace("TABLE\n\n", f"{HEAD}\n\n")
    path.write_text(_TABLE.sub(lambda found: f"{found[1]}{table()}\n\n", text))


if __name__ == "__main__":
    main()
