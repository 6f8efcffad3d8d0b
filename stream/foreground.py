"""Which of the objects found are foreground: `--keep person:1,dog`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmentation.instances import Instances


@dataclass(frozen=True, slots=True)
class Keep:
    """Keeps objects of certain classes, of some only the best.

    Attributes:
        max_nums: by label, how many at most; `None` for all of them.
    """

    max_nums: dict[int, int | None]

    def __call__(self, instances: Instances) -> Instances:
        """Return the objects to keep, best first, as they came."""
        chosen = np.zeros(len(instances), bool)
        for label, max_num in self.max_nums.items():
            chosen[np.nonzero(instances.labels == label)[0][:max_num]] = True
        return instances[chosen]


def parse_keep(text: str) -> dict[str, int | None]:
    """Read `CLASS[:NUMBER],...`: by class, how many of it at most, `None` for all.

    Raises:
        ValueError: one line that says what is wrong.
    """
    wanted: dict[str, int | None] = {}
    for part in text.split(","):
        name, separator, number = (piece.strip() for piece in part.partition(":"))
        if not name or (separator and not (number.isdigit() and int(number) > 0)):
            raise ValueError(f"must look like person,dog or person:1, got {text!r}")
        wanted[name] = int(number) if number else None
    return wanted
