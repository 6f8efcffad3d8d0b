"""What is written on the picture in the window, and there alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.frame import Output
from stream.live.actions import Wish
from stream.live.hud import Figures, write_lines
from stream.live.keys import KEYS
from stream.microphone.microphone import Microphone

Image = NDArray[np.uint8]

MICROPHONE_ON, MICROPHONE_LOST = "MICROPHONE ON", "microphone lost: silence"
_MESSAGE_S = 3.0
#: By action: what is said of one that is on.
_MARKS = {
    "invert": "inverted",
    "frame": "framed",
    "light": "light",
    "light-wrap": "light wrap",
    "mask": "mask",
    "record": "RECORDING",
    "pause": "PAUSED",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One line for the person.

    Attributes:
        text: "" before the first.
        number: how many there were before.
        told_s: when, by the clock of `time.monotonic`.
    """

    text: str = ""
    number: int = 0
    told_s: float = 0.0


class Panel:
    """Figures, and below them the keys, or nothing.

    Args:
        figures: of the run.
        network: its name and where it runs.
        num_photos: `None` for a video.
        microphone: that is heard, which is said whatever else is shown.
    """

    def __init__(
        self,
        figures: Figures,
        network: str,
        num_photos: int | None,
        microphone: Microphone | None = None,
    ) -> None:
        """Begin with figures."""
        self._figures, self._network, self._num_photos = figures, network, num_photos
        self._microphone = microphone
        self._shown = "figures"

    @property
    def microphone(self) -> str:
        """Whether somebody is heard, for people; "" without a microphone."""
        if self._microphone is None:
            return ""
        return MICROPHONE_ON if self._microphone.is_on else MICROPHONE_LOST

    def next(self) -> None:
        """Go on to the keys, the bare picture, the figures."""
        self._shown = {"figures": "help", "help": "", "": "figures"}[self._shown]

    def write(
        self,
        image: Image,
        output: Output,
        effect: str,
        values: Mapping[str, Wish],
        message: Message,
    ) -> None:
        """Write it on (H, W, 3) uint8 RGB.

        Args:
            image: changed.
            output: that is shown.
            effect: for people.
            values: by action.
            message: shown for a moment.
        """
        lines = self._lines(output, effect, values) if self._shown else []
        if self.microphone:  # whoever is heard shall know it
            lines.append(self.microphone)
        if lines:
            below = write_lines(image, lines, "top")
            if self._shown == "help":
                write_lines(image[below:], ["\t".join(key) for key in KEYS], "middle")
        if message.text and time.monotonic() < message.told_s + _MESSAGE_S:
            write_lines(image, [message.text], "bottom")

    def _lines(self, output: Output, effect: str, values: Mapping[str, Wish]) -> list[str]:
        on = [mark for name, mark in _MARKS.items() if values[name]]
        figures = self._figures.line()
        if self._num_photos is not None:
            place = f" ({output.frame.index + 1} of {self._num_photos})"
            figures = f"{output.frame.name}{place if self._num_photos > 1 else ''}"
        return [", ".join([effect, *on]), self._network, figures, found_text(output)]


def found_text(output: Output) -> str:
    """Return how many objects there are, and how many of them are foreground."""
    if output.found is None:
        return "no mask: all is covered"
    num, num_kept = len(output.found), len(output.instances or ())
    noun = "object" if num == 1 else "objects"
    return f"{num} {noun}" + (f", {num_kept} kept" if num_kept != num else "")
