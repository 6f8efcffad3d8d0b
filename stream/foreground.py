"""Which of the objects found are foreground: `--keep person:1,dog,#3`, and picking one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances


@dataclass(frozen=True, slots=True)
class Keep:
    """Keeps objects of certain classes, of some only the best, and certain objects.

    Attributes:
        max_nums: by label, how many at most, the best, or in a video those known longest, so that
            it is the same ones from frame to frame; `None` for all of them.
        ids: of objects that are kept in any case.
    """

    max_nums: dict[int, int | None]
    ids: frozenset[int] = frozenset()

    @classmethod
    def of(cls, wanted: dict[str, int | None], classes: Sequence[str]) -> Keep:
        """Return what `parse_keep` read, for a network of these classes."""
        nums = {classes.index(name): num for name, num in wanted.items() if not is_object(name)}
        return cls(nums, frozenset(int(name[1:]) for name in wanted if is_object(name)))

    def __call__(self, instances: Instances) -> Instances:
        """Return the objects to keep, best first, as they came."""
        return instances[self.chosen(instances)]

    def chosen(self, instances: Instances) -> NDArray[np.bool_]:
        """Return (K,): which objects are kept."""
        chosen = np.isin(instances.ids, list(self.ids))
        for label, max_num in self.max_nums.items():
            (index,) = np.nonzero(instances.labels == label)
            # ids are given in order; objects without have all the same
            first = np.argsort(instances.ids[index], kind="stable")[:max_num]
            chosen[index[first]] = True
        return chosen


@dataclass(frozen=True, slots=True)
class Picked:
    """Keeps what the command line says, but for objects that a person picked since.

    Attributes:
        keep: of the command line; everything without it.
        kept: ids of objects picked to be kept.
        dropped: ids of objects picked to be dropped.
        photo: what was found in the photo in which they were picked, which has no ids: their ranks
            take the place of ids, and other photos are not touched.
    """

    keep: Keep | None = None
    kept: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()
    photo: Instances | None = field(default=None, compare=False)

    def __call__(self, instances: Instances) -> Instances:
        """Return the objects to keep, best first, as they came."""
        return instances[self.chosen(instances)]

    def chosen(self, instances: Instances) -> NDArray[np.bool_]:
        """Return (K,): which objects are kept."""
        chosen = np.ones(len(instances), bool)
        if self.keep is not None:
            chosen = self.keep.chosen(instances)
        numbers = instances.ids
        if self.photo is not None:
            numbers = np.arange(len(instances), dtype=np.int32)
            if instances is not self.photo:
                return chosen
        chosen |= np.isin(numbers, list(self.kept))
        return chosen & ~np.isin(numbers, list(self.dropped))

    def in_photo(self, found: Instances) -> Picked:
        """Return the choice in a photo, in which nothing is picked yet if it is a new one."""
        return self if self.photo is found else Picked(self.keep, photo=found)

    def with_one(self, number: int, *, keep: bool) -> Picked:
        """Return the choice after the object of that id was picked."""
        kept, dropped = self.kept - {number}, self.dropped - {number}
        if keep:
            return replace(self, kept=kept | {number}, dropped=dropped)
        return replace(self, kept=kept, dropped=dropped | {number})


def parse_keep(text: str) -> dict[str, int | None]:
    """Read `CLASS[:NUMBER],...,#ID,...`: by class, how many of it at most, `None` for all.

    The objects asked for by their ids stand there as "#ID".

    Raises:
        ValueError: one line that says what is wrong.
    """
    wanted: dict[str, int | None] = {}
    for part in text.split(","):
        name, separator, number = (piece.strip() for piece in part.partition(":"))
        is_id = is_object(name) and not separator
        is_class = name and not name.startswith("#")
        is_number = not separator or (number.isdigit() and int(number) > 0)
        if not (is_id or (is_class and is_number)):
            raise ValueError(f"must look like person,dog or person:1 or #3, got {text!r}")
        wanted[name] = int(number) if number else None
    return wanted


def is_object(name: str) -> bool:
    """Return whether a name in `--keep` is the id of one object, as in "#3"."""
    return name.startswith("#") and name[1:].isdigit()
