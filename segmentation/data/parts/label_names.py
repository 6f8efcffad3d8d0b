"""Class names of formats that have no list of classes."""

from __future__ import annotations

from segmentation.data.parts.dataset import RLE, Annotation

#: A region of these names belongs to no class: in it nothing is right or wrong
IGNORED = ("ignore", "__ignore__")
#: The class of everything where the data name none
ONLY_CLASS = "object"


class LabelNames:
    """The names met in some files; their labels are their alphabetical order once all are known."""

    def __init__(self) -> None:
        """Begin with none."""
        self._names: set[str] = set()

    def note(self, name: str) -> str:
        """Remember a name, and return it."""
        if name.lower() not in IGNORED:
            self._names.add(name)
        return name

    def names(self) -> tuple[str, ...]:
        """Return the classes."""
        return tuple(sorted(self._names))

    def annotations(self, name: str, rle: RLE) -> list[Annotation]:
        """Return the annotation of a mask, or of a region to be ignored one for each class."""
        if name.lower() in IGNORED:
            return [Annotation.from_rle(label, rle, True) for label in range(len(self._names))]
        return [Annotation.from_rle(self.names().index(name), rle)]
