"""What changes from frame to frame, seen in thumbnails: cuts, stillness, something new."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.tracking.propagation.appearance import NUM_BINS, colour_bins
from segmentation.tracking.propagation.propagate import SmallPicture

#: Width and height of thumbnails: of colours and details, and of the coarse layout.
THUMBNAIL = (80, 48)
LAYOUT = (32, 18)
#: Frames are of different scenes below this mean of the correlation of their layouts and the
#: overlap of their colours. Within 23 clips of all kinds it stays above 0.88; between any two of
#: them it is below 0.77.
MIN_LIKENESS = 0.82
#: Differences of luma, of 255, in a thumbnail: below the first, as the mean of 3 x 3, it is noise;
#: from the second on there is something else now.
MAX_NOISE = 3
MIN_NEW = 24


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """What is compared of a frame.

    Attributes:
        luma: (48, 80) uint8.
        layout: (18, 32) float32, luma.
        colours: shares of the colour bins, (NUM_BINS,) float32.
    """

    luma: NDArray[np.uint8]
    layout: NDArray[np.float32]
    colours: NDArray[np.float32]

    @classmethod
    def of(cls, picture: SmallPicture) -> Self:
        """Make the thumbnail of a frame."""
        luma = cv2.extractChannel(picture.ycc, 0)
        luma = cv2.resize(luma, THUMBNAIL, interpolation=cv2.INTER_AREA)
        layout = cv2.resize(luma, LAYOUT, interpolation=cv2.INTER_AREA)
        step = max(1, picture.long_side // THUMBNAIL[0])
        some = picture.ycc[::step, ::step].reshape(-1, 3)
        bins = np.bincount(colour_bins(some), minlength=NUM_BINS)
        return cls(luma, layout.astype(np.float32), (bins / len(some)).astype(np.float32))


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame and what trackers look at of it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        time_s: of the frame, in seconds.
        picture: the frame at the size masks are carried at.
        thumbnail: of the frame.
        is_cut: another scene begins with it.
        has_moved: something is elsewhere than on the frame for which that was true last. So motion
            too slow to be seen between two frames adds up until it counts.
    """

    image: NDArray[np.uint8]
    time_s: float
    picture: SmallPicture
    thumbnail: Thumbnail
    is_cut: bool
    has_moved: bool


class ChangeDetector:
    """Compares each frame of one stream with those before it.

    Args:
        counts: "cuts" and "still", frames on which nothing has moved, are added there.
        work_side: see `Carrying`.
    """

    def __init__(self, counts: Counter[str], work_side: int) -> None:
        """Begin: the first frame is no cut, and counts as moved."""
        self._counts = counts
        self._work_side = work_side
        self._previous: Thumbnail | None = None
        self._settled: Thumbnail | None = None

    def next(self, image: NDArray[np.uint8], time_s: float) -> SeenFrame:
        """Take the next frame, (H, W, 3) uint8 RGB."""
        picture = SmallPicture.of(image, self._work_side)
        now = Thumbnail.of(picture)
        cut = self._previous is not None and is_cut(self._previous, now)
        moved = cut or self._settled is None or not is_still(self._settled, now)
        self._counts["cuts"] += cut
        self._counts["still"] += not moved
        self._previous = now
        if moved:
            self._settled = now
        return SeenFrame(image, time_s, picture, now, cut, moved)

    def unsettle(self) -> None:
        """Let the next frame count as moved."""
        self._settled = None

    def forget(self) -> None:
        """Begin anew with the next frame."""
        self._previous, self._settled = None, None


def is_cut(before: Thumbnail, now: Thumbnail) -> bool:
    """Return whether two frames that follow each other are of different scenes."""
    overlap = float(np.minimum(before.colours, now.colours).sum())
    one, other = before.layout - before.layout.mean(), now.layout - now.layout.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    # a plain picture has no layout that could differ
    correlation = float((one * other).sum()) / size if size > 0 else overlap
    return (overlap + correlation) / 2 < MIN_LIKENESS


def is_still(before: Thumbnail, now: Thumbnail) -> bool:
    """Return whether nothing moved between two frames, which need not follow each other."""
    return int(cv2.blur(cv2.absdiff(before.luma, now.luma), (3, 3)).max()) < MAX_NOISE


def new_share(before: Thumbnail, now: Thumbnail, known: NDArray[np.uint8]) -> float:
    """Return the share of the picture in which there is something new outside known objects.

    New is what is darker or brighter than all that was around there. A shift of the whole picture
    is undone first.

    Args:
        before: the keyframe.
        now: a frame after it.
        known: (h, w) uint8 at any size, >= 128 where an object was or is.
    """
    inside = cv2.resize(known, THUMBNAIL, interpolation=cv2.INTER_AREA)
    around = np.ones((5, 5), np.uint8)
    past = _shifted(before.luma, now.luma)
    brighter = cv2.subtract(now.luma, cv2.dilate(past, around))
    darker = cv2.subtract(cv2.erode(past, around), now.luma)
    new = (cv2.max(brighter, darker) >= MIN_NEW) & (cv2.dilate(inside, around) < 32)
    return int(np.count_nonzero(new)) / int(new.size)


def _shifted(luma: NDArray[np.uint8], like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `luma` moved as a whole to where it fits `like` best, its border continued."""
    window = cv2.createHanningWindow(THUMBNAIL, cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(luma.astype(np.float32), like.astype(np.float32), window)
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    moved = cv2.warpAffine(luma, move, THUMBNAIL, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
