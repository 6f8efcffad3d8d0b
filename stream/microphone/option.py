"""`--sound mic[:NAME][,delay=MS]`: which sound goes with a live picture."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Of a microphone's sound; more is a mistake.
MAX_DELAY_MS = 5000
_FORM = "mic, mic:PART-OF-ITS-NAME, or one of both with ,delay=MS"
_DELAY = re.compile(r",delay=([^,]*)$")
_PREFIX = "mic"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which microphone is asked for.

    Attributes:
        name: a part of its name, "" for the one that the system takes.
        delay_s: by which its sound is put later than it came; earlier where it is below 0.
    """

    name: str = ""
    delay_s: float = 0.0

    @property
    def title(self) -> str:
        """What messages begin with."""
        return f"microphone {self.name}" if self.name else "microphone"


def parse_sound(text: str) -> Wanted:
    """Return what an option asks for; a name may have commas.

    Raises:
        ValueError: it asks for something else than a microphone; says what is allowed.
    """
    delay = _DELAY.search(text)
    which = text[: delay.start()] if delay else text
    prefix, colon, name = which.partition(":")
    if prefix != _PREFIX or (colon and not name.strip()):
        raise ValueError(f"{_FORM}; got {text!r}")
    return Wanted(name.strip(), 0.0 if delay is None else _seconds(delay[1]))


def _seconds(text: str) -> float:
    """Return the delay that is given in milliseconds."""
    if not re.fullmatch(r"-?\d+(\.\d+)?", text) or abs(float(text)) > MAX_DELAY_MS:
        raise ValueError(
            f"delay is a number of milliseconds from -{MAX_DELAY_MS} to {MAX_DELAY_MS}, "
            f"got {text!r}"
        )
    return float(text) / 1000
