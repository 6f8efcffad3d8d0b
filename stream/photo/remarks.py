"""What is told of photos: once of each kind, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Remarks:
    """Tells of the first photo what holds for many, and at the end of how many more it does.

    Args:
        on_message: told, in one line each.
    """

    def __init__(self, on_message: Callable[[str], None]) -> None:
        """Tell nothing yet."""
        self._on_message = on_message
        self._counts: Counter[str] = Counter()

    def tell(self, name: str, text: str) -> None:
        """Say what holds for the file `name`, unless it was said of another."""
        self._counts[text] += 1
        if self._counts[text] == 1:
            self._on_message(f"{name}: {text}")

    def finish(self) -> None:
        """Say of how many more. May be called again."""
        for text, count in self._counts.items():
            if count > 1:
                self._on_message(f"{count - 1} more photo{'s' if count > 2 else ''}: {text}")
        self._counts.clear()
