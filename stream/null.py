"""Outputs that go nowhere, for measuring."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from stream.frame import Event, Output


class Null:
    """`Sink` that takes outputs and forgets them."""

    main_thread = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hold nothing open."""

    def write(self, output: Output) -> None:
        """Forget `output`; see `Sink`."""

    def poll(self) -> list[Event]:
        """Return nothing; see `Sink`."""
        return []

    def finish(self, *, cut_short: bool) -> None:
        """Do nothing; see `Sink`."""
