"""What the API tells: the table of actions, and how a run stands now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stream.live.actions import REMOTE, Action
from stream.live.control import LiveControl

State = dict[str, Any]


def schema() -> list[State]:
    """Return the table of `stream.live.actions` that page and API go by, for JSON."""
    return [_described(action) for action in REMOTE]


def _described(action: Action) -> State:
    described: State = {
        "name": action.name,
        "kind": action.kind,
        "title": action.title,
        "help": action.help,
        "group": action.group,
        "keys": [key for key, _ in action.keys],
    }
    if action.kind == "range":
        described |= {"low": action.low, "high": action.high, "step": action.step}
    return described


def state_of(control: LiveControl) -> State:
    """Return how a run stands.

    That is `values` by action, `choices` of those that have any, `unavailable`: which actions mean
    nothing in this run, and why.
    """
    return {
        "values": control.values(),
        "choices": control.choices(),
        "unavailable": control.unavailable(),
    }


def figures_of(control: LiveControl) -> State:
    """Return what changes by itself: `LiveControl.figures`, and the last `message`."""
    message = control.message
    return {**control.figures(), "message": {"text": message.text, "number": message.number}}


@dataclass(frozen=True, slots=True)
class Sight:
    """What everybody who looks on sees at a moment.

    Attributes:
        state: see `state_of`.
        figures: see `figures_of`.
        jpeg: the picture, `None` before the first.
        number: how many different pictures there were.
    """

    state: State = field(default_factory=dict)
    figures: State = field(default_factory=dict)
    jpeg: bytes | None = None
    number: int = 0
