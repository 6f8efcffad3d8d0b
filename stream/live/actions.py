"""What a person can change while the program runs: the one table of it.

The keys of the window, the control page, its API, `run.py control` and docs/control.md are made of
this table, or checked against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from effects import EFFECTS

Kind = Literal["choice", "range", "switch", "trigger", "place"]
#: What an action is asked to become: a name, a number, on or off, a place as shares of the picture.
Wish = str | float | bool | tuple[float, float]

#: In the place of a value.
TOGGLE, NEXT = "toggle", "next"
_SWITCHED = {"on": True, "off": False, "true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be changed or done.

    Attributes:
        name: as the API and `run.py control set` call it.
        kind: "choice" is one of several names, "range" a number, "switch" on or off, "trigger" has
            no value, "place" is two numbers from 0 to 1: a place in the picture as it is shown,
            from the left and from the top.
        help: what it means.
        title: as the page calls it.
        keys: of the window, each with what it asks for.
        key_text: those keys for people, "" where there are none.
        key_help: what they do, where that says more than `help`.
        is_of_window: nothing of the page and the API.
        group: under which the page shows it.
        low: of a range.
        high: likewise.
        step: likewise; what "+" and "-" in the place of a value mean.
    """

    name: str
    kind: Kind
    help: str
    title: str = ""
    keys: tuple[tuple[str, Wish], ...] = ()
    key_text: str = ""
    key_help: str = ""
    is_of_window: bool = False
    group: str = ""
    low: float = 0.0
    high: float = 1.0
    step: float = 0.1


def _switch(name: str, key: str, title: str, group: str, help: str, key_help: str = "") -> Action:
    keys: tuple[tuple[str, Wish], ...] = ((key, TOGGLE),)
    return Action(name, "switch", help, title, keys, key_help=key_help, group=group)


def _trigger(
    name: str,
    keys: Sequence[str],
    title: str,
    group: str,
    help: str,
    key_help: str = "",
    *,
    is_of_window: bool = False,
) -> Action:
    wishes: tuple[tuple[str, Wish], ...] = tuple((key, True) for key in keys)
    return Action(
        name,
        "trigger",
        help,
        title,
        wishes,
        key_help=key_help,
        is_of_window=is_of_window,
        group=group,
    )


EFFECT, PICTURE, OUTPUT, VIEW = "Effect", "How people are seen", "Run", "View, in no output"

#: In the order shown.
ACTIONS = (
    Action(
        "effect",
        "choice",
        f"effect: {', '.join(EFFECTS)}",
        "Effect",
        tuple((str(number), name) for number, name in enumerate(EFFECTS, 1)),
        f"1 to {len(EFFECTS)}",
        group=EFFECT,
    ),
    Action(
        "strength",
        "range",
        "how much is blurred",
        "Strength",
        (("+", "+"), ("=", "+"), ("-", "-")),
        "+ -",
        "stronger, weaker",
        group=EFFECT,
        low=0.1,
    ),
    _switch("invert", "i", "Invert", EFFECT, "the effect falls on the people instead", "invert"),
    Action(
        "background",
        "choice",
        "what stands behind people; choosing one means effect replace",
        "Background",
        (("b", NEXT),),
        key_help="next background",
        group=EFFECT,
    ),
    _switch(
        "frame",
        "t",
        "Follow people",
        PICTURE,
        "follow the people, or show the whole picture",
    ),
    _switch("light", "l", "Light", PICTURE, "lift the people in the dark"),
    _switch("light-wrap", "w", "Light wrap", PICTURE, "light of the background on the people"),
    _switch(
        "front",
        "p",
        "Picture in front",
        PICTURE,
        "the picture of --front lies over everything",
        "picture in front",
    ),
    _switch("mirror", "x", "Mirror", VIEW, "mirror, where you look alone"),
    _switch("mask", "m", "Mask", VIEW, "show the mask"),
    _switch("objects", "o", "Objects", VIEW, "show the objects and their ids"),
    Action(
        "pick",
        "place",
        "drop the object at a place, or keep it again",
        "People to keep",
        key_text="click",
        key_help="drop an object, or keep it again",
        group=VIEW,
    ),
    _trigger("snapshot", "s", "Snapshot", OUTPUT, "snapshot, as a photo"),
    _switch("record", "r", "Record", OUTPUT, "a recording runs", "record on, off; no photos"),
    _trigger("camera", "c", "Next camera", OUTPUT, "next camera"),
    Action(
        "pause",
        "switch",
        "the picture stands still while time goes on; a file waits",
        "Pause",
        (("space", TOGGLE),),
        key_help="pause, go on; from a photo to the next",
        group=OUTPUT,
    ),
    _trigger("next", ("enter", "right"), "Next photo", OUTPUT, "from a photo to the next"),
    _trigger("full-screen", "f", "", "", "full screen", is_of_window=True),
    _trigger("help", "h", "", "", "help, bare picture, figures", is_of_window=True),
    _trigger("quit", ("q", "escape"), "End the run", OUTPUT, "all outputs are finished", "quit"),
)

BY_NAME = {action.name: action for action in ACTIONS}
#: By key: the action, and what is asked of it.
BY_KEY = {key: (action, wish) for action in ACTIONS for key, wish in action.keys}
#: What the page and the API have.
REMOTE = tuple(action for action in ACTIONS if not action.is_of_window)


def action_of(name: str) -> Action:
    """Return the action of a name that page or API may use.

    Raises:
        ValueError: there is none.
    """
    action = BY_NAME.get(name)
    if action is None or action.is_of_window:
        names = ", ".join(action.name for action in REMOTE)
        raise ValueError(f"{name[:40]!r} is nothing that can be set; there are {names}")
    return action


def checked(action: Action, wish: object, present: object, choices: Sequence[str] = ()) -> Wish:
    """Return the value that is meant.

    Args:
        action: whose.
        wish: a value, or its text; "toggle" of a switch, "next" of a choice, "+" and "-" of a
            range.
        present: the value now.
        choices: of a choice.

    Raises:
        ValueError: it is none that the action can have; says which there are.
    """
    if action.kind == "choice":
        return _choice(action, wish, present, choices)
    if action.kind == "range":
        return _number(action, wish, present)
    if action.kind == "place":
        return _place(action, wish)
    if action.kind == "trigger":
        if wish is True or _switched(wish) is True:
            return True
        raise ValueError(f"{action.name}: is done, has no value but true; got {_short(wish)}")
    if wish == TOGGLE:
        return not present
    value = _switched(wish)
    if value is None:
        raise ValueError(f"{action.name}: on, off or toggle; got {_short(wish)}")
    return value


def _switched(wish: object) -> bool | None:
    if isinstance(wish, bool):
        return wish
    return _SWITCHED.get(wish.lower()) if isinstance(wish, str) else None


def _choice(action: Action, wish: object, present: object, choices: Sequence[str]) -> str:
    if wish == NEXT and NEXT not in choices and choices:
        at = choices.index(present) + 1 if isinstance(present, str) and present in choices else 0
        return choices[at % len(choices)]
    if isinstance(wish, str) and wish in choices:
        return wish
    raise ValueError(f"{action.name}: one of {', '.join(choices)}; got {_short(wish)}")


def _number(action: Action, wish: object, present: object) -> float:
    value = math.nan
    if wish in ("+", "-") and isinstance(present, float | int):
        steps = present + (action.step if wish == "+" else -action.step)
        value = min(action.high, max(action.low, steps))
    elif isinstance(wish, float | int | str) and not isinstance(wish, bool):
        try:
            value = float(wish)
        except (ValueError, OverflowError):
            value = math.nan
    if not action.low <= value <= action.high:
        raise ValueError(
            f"{action.name}: a number from {action.low:g} to {action.high:g}, + or -; "
            f"got {_short(wish)}"
        )
    return round(value, 2)


def _place(action: Action, wish: object) -> tuple[float, float]:
    parts = wish.split(",") if isinstance(wish, str) else wish
    try:
        x, y = (float(part) for part in parts)  # type: ignore[attr-defined]
        is_inside = 0 <= x <= 1 and 0 <= y <= 1
    except (ValueError, TypeError, OverflowError):
        is_inside = False
    if not is_inside:
        raise ValueError(
            f"{action.name}: two numbers from 0 to 1, such as 0.5,0.4; got {_short(wish)}"
        )
    return x, y


def _short(wish: object) -> str:
    text = repr(wish)
    return text if len(text) <= 60 else f"{text[:57]}..."
