"""The networks whose weights are in the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "bundled"


@dataclass(frozen=True, slots=True)
class Bundled:
    """A network that needs nothing fetched.

    Attributes:
        name: as `--model` takes it.
        prefix: what the names of its files in `FOLDER` begin with.
        finds: what it is good for, for people.
        licence: of the weights.
    """

    name: str
    prefix: str
    finds: str
    licence: str = "MIT"

    @property
    def num_bytes(self) -> int:
        """Of all its files."""
        return sum(path.stat().st_size for path in FOLDER.glob(f"{self.prefix}*"))


BUNDLED = (
    Bundled("portrait", "portrait", "people, the default on a CPU"),
    Bundled("mask-rcnn-person", "person", "people, each by itself"),
)
