"""Which of the objects found are foreground: `--keep person:1,dog,#3`, and picking one by one."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import check_classes, composed


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `--keep` asks for.

    Attributes:
        classes: by name, how many objects of the class at most; `None` for all of them.
        ids: of objects, which may be of any class.
    """

    classes: dict[str, int | None]
    ids: frozenset[int] = frozenset()


def split(text: str, mark: str) -> list[str]:
    """Return the parts of a text between marks; one with a backslash before it is no mark."""
    part = re.compile(rf"(?:[^\\{mark}]|\\.|\\$)*", re.DOTALL)
    parts, start = [], 0
    for found in part.finditer(text):
        if found.start() == start:
            parts.append(found[0])
            start = found.end() + 1
    return parts


def as_name(part: str) -> str:
    """Return the name of a class that a part between marks is, without its backslashes."""
    return composed(re.sub(r"\\([\\,:#])", r"\1", part))


def _is_number(text: str) -> bool:
    return text.isdecimal() and int(text) > 0


def parse_keep(text: str, *, numbers_allowed: bool = True, objects_allowed: bool = True) -> Wanted:
    """Read `CLASS[:NUMBER],...,#ID,...`.

    Args:
        text: as on the command line; a comma, a colon or a "#" in a name has a backslash before it.
        numbers_allowed: there may be numbers.
        objects_allowed: there may be ids.

    Raises:
        ValueError: one line that says what may be there.
    """
    classes: dict[str, int | None] = {}
    ids = set()
    for part in split(text, ","):
        name, *numbers = (piece.strip() for piece in split(part, ":"))
        is_id = name.startswith("#") and name[1:].isdecimal() and not numbers
        is_class = bool(name) and not name.startswith("#")
        is_number = numbers_allowed and len(numbers) == 1 and _is_number(numbers[0])
        if is_id and objects_allowed:
            ids.add(int(name[1:]))
        elif is_class and (is_number or not numbers):
            classes[as_name(name)] = int(numbers[0]) if numbers else None
        else:
            forms = ["person,dog"]
            forms += ["person:1"] * numbers_allowed + ["#3"] * objects_allowed
            raise ValueError(f"must look like {' or '.join(forms)}, got {text!r}")
    return Wanted(classes, frozenset(ids))


class Keep:
    """Keeps objects of certain classes, of some only the best, and certain objects.

    May be used from several threads.

    Args:
        max_nums: by label, how many at most, the best, or in a video those known longest, so that
            it is the same ones from frame to frame; `None` for all of them.
        ids: of objects that are kept in any case.

    Attributes:
        ids: see above.
    """

    def __init__(
        self, max_nums: Mapping[int, int | None], ids: frozenset[int] = frozenset()
    ) -> None:
        """Begin; no object has been seen."""
        self.ids = ids
        self._max_nums = dict(max_nums)
        self._unseen = ids
        self._lock = threading.Lock()

    @classmethod
    def of(cls, wanted: Wanted, classes: Sequence[str]) -> Keep:
        """Return what keeps what is wanted of a network's objects.

        Args:
            wanted: the classes and objects.
            classes: that the network knows, in the order of its labels.

        Raises:
            ValueError: one of the wanted is not among them.
        """
        check_classes(list(wanted.classes), classes)
        nums = {classes.index(name): num for name, num in wanted.classes.items()}
        return cls(nums, wanted.ids)

    @property
    def unseen(self) -> frozenset[int]:
        """Those of `ids` that no object has had so far."""
        with self._lock:
            return self._unseen

    def __call__(self, instances: Instances) -> Instances:
        """Return the objects to keep, best first, as they came."""
        return instances[self.chosen(instances)]

    def chosen(self, instances: Instances) -> NDArray[np.bool_]:
        """Return (K,): which objects are kept."""
        self._see(instances)
        chosen = np.isin(instances.ids, list(self.ids))
        for label, max_num in self._max_nums.items():
            (index,) = np.nonzero(instances.labels == label)
            # ids are given in order; objects without have all the same
            first = np.argsort(instances.ids[index], kind="stable")[:max_num]
            chosen[index[first]] = True
        return chosen

    def _see(self, instances: Instances) -> None:
        with self._lock:
            if self._unseen:
                self._unseen = self._unseen.difference(instances.ids.tolist())


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
