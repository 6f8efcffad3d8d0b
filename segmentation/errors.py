"""Errors that a person can mend: in a weight file, in annotated photos."""

from __future__ import annotations


class DataError(Exception):
    """Photos or their annotations cannot be used: a line for each problem, all of them at once."""


class PictureError(DataError):
    """One picture cannot be read, or not any more."""


class WeightsError(Exception):
    """A weight file cannot be used: one line that names the file, what is wrong and the remedy."""
