"""Which objects of a frame are those of the frames before: ids that stay."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.tracking.propagation.appearance import NUM_BINS, NUM_CHROMA_BINS, colour_bins
from segmentation.tracking.propagation.propagate import SmallPicture

#: Overlap (IoU) from which on two masks may be the same object, and what a full likeness of
#: colours adds to it: where objects cross, both masks overlap and colours decide.
MIN_OVERLAP = 0.2
LIKENESS_WEIGHT = 1.0
#: Likeness of colours (histogram intersection) from which on an object that had left is back; and
#: where one that went out of sight beside another comes out beside it again: it was behind it, and
#: only a part of it is seen at first.
MIN_LIKENESS, MIN_LIKENESS_BEHIND = 0.6, 0.45
#: Distance of boxes that lie beside each other, as a share of the image's long side.
MAX_GAP = 1 / 40
#: How long an object that left is remembered.
MAX_ABSENCE_S = 10.0
#: Colours of objects have a quarter of the bins of luma: light differs from part to part, and of
#: an object that comes in over the border a part is seen first.
LUMA_MERGED = 4
NUM_COLOURS = NUM_BINS // LUMA_MERGED
#: Share of the newest colours in what is remembered.
NEWS = 0.3


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of an object.

    Attributes:
        label: its class.
        colours: (NUM_COLOURS,), summing to 1.
        seen_s: when it was there last.
        beside: ids of those it was beside then.
    """

    label: int
    colours: NDArray[np.float32]
    seen_s: float
    beside: frozenset[int]


class Identities:
    """Gives objects ids, 0, 1, ... in the order they appear; one of these for each stream.

    Data association by overlap and colours, greedily the best pair first, and re-identification of
    those that left by their colours.
    """

    def __init__(self) -> None:
        """Know nobody."""
        self._known: dict[int, _Known] = {}
        self._next = 0

    def with_ids(
        self, found: Instances, carried: Instances | None, picture: SmallPicture, time_s: float
    ) -> Instances:
        """Return what was found with the ids of the objects it was before.

        An object is the one it overlaps most and resembles most; one that overlaps none may be
        one that was there before, by its colours.

        Args:
            found: on the frame of `picture`, of any size.
            carried: the known objects carried to the same frame, with their ids, of any size;
                `None`: nothing is known.
            picture: the frame.
            time_s: of the frame, in seconds.

        Returns:
            The same objects in the same order, each with another id.
        """
        size_hw = (picture.ycc.shape[0], picture.ycc.shape[1])
        small = found.scaled_to(size_hw)
        colours = [_colours(mask, picture) for mask in small.masks]
        past = carried.scaled_to(size_hw) if carried is not None else small[:0]
        scores = self._overlaps(small, past, colours)
        ids = _greedy(scores, past.ids)
        near = _near(small.boxes, MAX_GAP * max(size_hw))
        for k in np.flatnonzero(ids < 0).tolist():
            beside = frozenset(ids[near[k]].tolist())
            ids[k] = self._returned(int(small.labels[k]), colours[k], beside, ids, time_s)
        for k, one in enumerate(ids.tolist()):
            beside = frozenset(ids[near[k]].tolist()) - {one}
            self._remember(one, _Known(int(small.labels[k]), colours[k], time_s, beside))
        self._forget(time_s)
        return replace(found, ids=ids)

    def _overlaps(
        self, found: Instances, past: Instances, colours: list[NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        """Return (found, past) how much each pair overlaps and looks alike, 0 for no pair."""
        scores = np.zeros((len(found), len(past)))
        for i, mask in enumerate(found.masks >= 128):
            for j, other in enumerate(past.masks >= 128):
                known = self._known.get(int(past.ids[j]))
                union = np.count_nonzero(mask | other)
                overlap = np.count_nonzero(mask & other) / union if union else 0.0
                if known and found.labels[i] == past.labels[j] and overlap >= MIN_OVERLAP:
                    likeness = float(np.minimum(colours[i], known.colours).sum())
                    scores[i, j] = overlap + LIKENESS_WEIGHT * likeness
        return scores

    def _returned(
        self,
        label: int,
        colours: NDArray[np.float32],
        beside: frozenset[int],
        present: NDArray[np.int32],
        time_s: float,
    ) -> int:
        """Return the id of the absent object that looks like this one, else a new id."""
        likeness = {}
        for k, known in self._known.items():
            if k in present or known.label != label or time_s - known.seen_s >= MAX_ABSENCE_S:
                continue
            alike = float(np.minimum(colours, known.colours).sum())
            if alike >= (MIN_LIKENESS_BEHIND if beside & known.beside else MIN_LIKENESS):
                likeness[k] = alike
        if likeness:
            return max(likeness, key=lambda k: likeness[k])
        self._next += 1
        return self._next - 1

    def _remember(self, k: int, now: _Known) -> None:
        if k in self._known:
            colours = self._known[k].colours * np.float32(1 - NEWS) + now.colours * np.float32(NEWS)
            now = replace(now, colours=colours)
        self._known[k] = now

    def _forget(self, time_s: float) -> None:
        self._known = {
            k: known for k, known in self._known.items() if time_s - known.seen_s < MAX_ABSENCE_S
        }


def _near(boxes: NDArray[np.float32], gap: float) -> NDArray[np.bool_]:
    """Return (K, K): whose boxes (K, 4) are no further apart than `gap` pixels."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    return np.asarray((low - high <= gap).all(axis=2))


def _greedy(scores: NDArray[np.float64], ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the id of the best pair's column for its row, then of the next best; -1 for none."""
    chosen = np.full(len(scores), -1, np.int32)
    scores = scores.copy()
    while scores.size and scores.max() > 0:
        row, column = np.unravel_index(int(scores.argmax()), scores.shape)
        chosen[row] = ids[column]
        scores[row], scores[:, column] = 0, 0
    return chosen


def _colours(mask: NDArray[np.uint8], picture: SmallPicture) -> NDArray[np.float32]:
    """Return the shares of the colours within a mask, (NUM_COLOURS,) float32, by a sample."""
    bins = colour_bins(picture.ycc[::2, ::2][mask[::2, ::2] >= 128])
    luma, chroma = np.divmod(bins, NUM_CHROMA_BINS)
    counts = np.bincount(luma // LUMA_MERGED * NUM_CHROMA_BINS + chroma, minlength=NUM_COLOURS)
    return (counts / max(1, int(counts.sum()))).astype(np.float32)
