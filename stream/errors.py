"""The error that a person can mend: of a source or a sink."""

from __future__ import annotations


class StreamError(Exception):
    """A source or sink cannot do its work: one line that names what, which one and the remedy."""
