"""What a look at this system found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: such as "camera".
        state: "wrong" keeps something from working that should; "missing" is what not everybody
            needs.
        text: one line.
        remedy: the command that mends it, "" where there is nothing to mend.
    """

    topic: str
    state: Literal["ok", "missing", "wrong"]
    text: str
    remedy: str = ""
