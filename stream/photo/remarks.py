"""What is told of photos: once of each kind, or of a few, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

#: Photos that are named where each counts.
MAX_NAMED = 20


class Remarks:
    """Tells of the first photos what holds for many, and at the end of how many more it does.

    Args:
        on_message: told, in one line each.
    """

    def __init__(self, on_message: Callable[[str], None]) -> None:
        """Tell nothing yet."""
        self._on_message = on_message
        self._unnamed: Counter[str] = Counter()
        self._named: Counter[str] = Counter()

    def tell(self, name: str, text: str, *, most: int = 1) -> None:
        """Say what holds for the file `name`, unless it was said of so many others."""
        if self._named[text] < most:
            self._named[text] += 1
            self._on_message(f"{name}: {text}")
        else:
            self._unnamed[text] += 1

    def finish(self) -> None:
        """Say of how many more. May be called again."""
        for text, count in self._unnamed.items():
            self._on_message(f"{count} more photo{'s' if count > 1 else ''}: {text}")
        self._unnamed.clear()
        self._named.clear()
