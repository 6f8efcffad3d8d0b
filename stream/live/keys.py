"""What the keys do in the window; plain text, for the window's help and that of the command."""

from __future__ import annotations

from stream.live.actions import ACTIONS, Action

_NAMES = {"enter": "Enter", "escape": "Esc"}


def row(action: Action) -> tuple[str, str]:
    """Return its keys and what they do."""
    keys = action.key_text or " ".join(_NAMES.get(key, key) for key, _ in action.keys)
    return keys, action.key_help or action.help


#: Key and meaning, in the order shown.
KEYS = tuple(row(action) for action in ACTIONS if action.keys or action.key_text)


def key_lines() -> list[str]:
    """Return a line for each key, for a terminal."""
    width = max(len(key) for key, _ in KEYS)
    return [f"{key:<{width}}  {meaning}" for key, meaning in KEYS]
