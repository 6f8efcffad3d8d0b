"""Photos from several sources: files, some of each held out, how often each is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: one photo of so many of each source is kept to validate with
HOLD_OUT = 40


def files_in(folder: Path) -> list[Path]:
    """Return the files in a folder, in order, but for hidden ones; none where it is missing."""
    return [path for path in sorted(folder.glob("*")) if not path.name.startswith(".")]


def held_out(sources: Sequence[str]) -> NDArray[np.bool_]:
    """Return which photos (N,) of these sources are held out: the first of each `HOLD_OUT`."""
    seen: Counter[str] = Counter()
    flags = np.zeros(len(sources), np.bool_)
    for index, source in enumerate(sources):
        flags[index] = seen[source] % HOLD_OUT == 0
        seen[source] += 1
    return flags


def odds(sources: Sequence[str], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the odds (N,) of photos of these sources, summing to 1.

    Args:
        sources: of the photos; photos of one source have the same odds.
        weights: of sources, relative to each other; one not named counts for its share of the
            photos.
    """
    counts = Counter(sources)
    share = {name: weights.get(name, num / len(sources)) / num for name, num in counts.items()}
    each = np.array([share[source] for source in sources])
    return np.asarray(each / each.sum())
