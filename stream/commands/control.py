"""`run.py control`: asks a program that runs with `--control`, and tells how it stands."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stream.commands.parts.command_line import CommandError, Parser, add_debug_option, positive


def run(arguments: Sequence[str]) -> int:
    """Run `control`, `control set NAME=VALUE...` or `control background PHOTO`."""
    from stream.control.client import Client

    options = command_parser().parse_args(arguments)
    if options.what != "set" and len(options.values) != (options.what == "background"):
        usual = {None: "control", "background": "control background PHOTO"}[options.what]
        raise CommandError(f"control: {' '.join(options.values) or 'a photo is missing'}; {usual}")
    wishes = _wishes(options.values) if options.what == "set" else {}
    client = Client.found(options.port)
    if options.what == "set":
        state = client.set(wishes)
    elif options.what == "background":
        state = client.add_background(Path(options.values[0]))
    else:
        state = client.state()
    print(json.dumps(state, indent=2) if options.json else "\n".join(_lines(state)))
    return 0


def command_parser() -> Parser:
    """Return the parser; its help lists what can be set."""
    parser = Parser(
        "control",
        description="Changes a run that was begun with --control, and shows how it stands.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    whats = ("set", "background")
    add("what", nargs="?", choices=whats, help="left out: show how the run stands")
    add(
        "values",
        nargs="*",
        default=[],
        metavar="NAME=VALUE|PHOTO",
        input_after="",
        help="what is set (see below); a photo for background",
    )
    add("--port", type=positive, metavar="PORT", help="of the page, where several programs run")
    add("--json", action="store_true", help="print what the API answers")
    add_debug_option(parser)
    return parser


def _epilog() -> str:
    from stream.live.actions import REMOTE

    width = max(len(action.name) for action in REMOTE)
    lines = "".join(
        f"  {action.name:<{width}}  {action.kind:<7}  {action.help}\n" for action in REMOTE
    )
    return (
        f"what can be set:\n{lines}\n"
        "A switch takes on, off or toggle; a choice one of its names, or next; a range a number,\n"
        "+ or -; a place 0.5,0.4, as shares of the picture; a trigger nothing.\n\n"
        "examples:\n"
        "  run.py control\n"
        "  run.py control set effect=blur strength=0.8\n"
        "  run.py control set invert=toggle snapshot\n"
        "  run.py control background beach.jpg\n"
    )


def _wishes(values: Sequence[str]) -> dict[str, str]:
    """Read NAME=VALUE; what has no value is done.

    Raises:
        CommandError: nothing is to be set, or there is no such thing.
    """
    from stream.live.actions import action_of

    if not values:
        raise CommandError("control set: say what, such as effect=grey")
    wishes: dict[str, str] = {}
    for text in values:
        name, mark, value = text.partition("=")
        try:
            action = action_of(name)
        except ValueError as error:
            raise CommandError(f"control set: {error}") from error
        if not mark and action.kind != "trigger":
            raise CommandError(f"control set {text}: needs a value, such as {name}={_such(action)}")
        wishes[name] = value if mark else "on"
    return wishes


def _such(action: Any) -> str:
    examples = {"choice": "next", "range": "0.5", "switch": "on", "place": "0.5,0.4"}
    return examples[action.kind]


def _lines(state: dict[str, Any]) -> list[str]:
    """Return how a run stands, for people."""
    values, choices, unavailable = (state[key] for key in ("values", "choices", "unavailable"))
    width = max(map(len, values))
    lines = []
    for name, value in values.items():
        told = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
        more = f"  ({', '.join(choices[name])})" if name in choices else ""
        why = f"  ({unavailable[name]})" if name in unavailable else ""
        lines.append(f"{name:<{width}}  {told}{more}{why}")
    for name in ("network", "rates", "objects"):
        if state.get(name):
            lines.append(f"{name:<{width}}  {state[name]}")
    return lines
