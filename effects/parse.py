"""Effects by name, as people write them: `blur`, `blur=0.3`, `replace=beach.jpg`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from effects.background.blur import Blur
from effects.background.grey import Grey
from effects.background.replace import Background, Replace, parse_colour
from effects.effect import Effect, Image
from effects.over.overlay import Overlay
from effects.picture.cutout import Cutout
from effects.picture.mask import Mask
from effects.picture.unchanged import Unchanged
from effects.placing import parse_placing, split_placing

#: Opens a file as a background; raises what it likes where it cannot.
OpenBackground = Callable[[Path], Image | Background]


def parse_effect(text: str, open_background: OpenBackground) -> Effect:
    """Build an effect from `NAME` or `NAME=VALUE`.

    Args:
        text: as on the command line; the names are the keys of `EFFECTS`.
        open_background: called for `replace` with a file. The caller closes what it opens.

    Raises:
        ValueError: one line that says which effect, what is wrong and what was given.
    """
    name, separator, value = text.partition("=")
    if name not in EFFECTS:
        raise ValueError(f"{name!r} is no effect; choose one of {', '.join(EFFECTS)}")
    return EFFECTS[name](value if separator else None, open_background)


def _blur(value: str | None, open_background: OpenBackground) -> Effect:
    if value is None:
        return Blur()
    try:
        return Blur(float(value))
    except ValueError as error:
        raise ValueError(f"blur: strength must be a number in (0, 1], got {value!r}") from error


def _replace(value: str | None, open_background: OpenBackground) -> Effect:
    if not value:
        raise ValueError("replace: needs a colour or a file, replace=#RRGGBB or replace=PATH")
    if value.startswith("#"):
        try:
            return Replace(parse_colour(value))
        except ValueError as error:
            raise ValueError(f"replace: {error}") from error
    name, words = split_placing(value)
    try:
        placing = parse_placing(words, "cover")
    except ValueError as error:
        raise ValueError(f"replace: {value}: {error}") from error
    return Replace(open_background(Path(name)), placing)


def _without_value(name: str, effect: Callable[[], Effect]) -> Callable[..., Effect]:
    def build(value: str | None, open_background: OpenBackground) -> Effect:
        if value is not None:
            raise ValueError(f"{name}: takes no value, got {value!r}")
        return effect()

    return build


#: Name on the command line -> builder, which takes the text after `=` (`None` without one).
EFFECTS: dict[str, Callable[[str | None, OpenBackground], Effect]] = {
    "blur": _blur,
    "grey": _without_value("grey", Grey),
    "replace": _replace,
    "mask": _without_value("mask", Mask),
    "cutout": _without_value("cutout", Cutout),
    "overlay": _without_value("overlay", Overlay),
    "none": _without_value("none", Unchanged),
}
