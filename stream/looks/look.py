"""What becomes of the frames of a stream, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from effects import Effect
from effects.over.front import Front
from segmentation.instances import Instances

#: How long one look takes to become another, where a person changes it.
FADE_S = 0.2

Choose = Callable[[Instances], Instances]


@dataclass(frozen=True, slots=True)
class Staging:
    """How the foreground is put into the picture, whatever the effect.

    Attributes:
        framed: the picture is the part of the frame around heads and shoulders, and follows them.
        light: the foreground is lifted where it is dark.
        light_wrap: the background lights the edges of the foreground.
        front: lies over everything.
    """

    framed: bool = False
    light: bool = False
    light_wrap: bool = False
    front: Front | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What becomes of a frame. Changed as a whole, so that no frame sees half a change.

    Attributes:
        effect: falls on what is not foreground.
        invert: it falls on the foreground instead.
        choose: which of the instances are foreground; all without it.
        staging: what else is done.
    """

    effect: Effect
    invert: bool = False
    choose: Choose | None = None
    staging: Staging = Staging()
