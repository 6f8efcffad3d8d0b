"""Outputs that go nowhere, for measuring."""

from __future__ import annotations

from stream.frame import Output, Sink


class Null(Sink):
    """`Sink` that takes outputs and forgets them."""

    def write(self, output: Output) -> None:
        """Forget `output`; see `Sink`."""
