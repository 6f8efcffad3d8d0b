"""What the `Segmenter`s of the families with published weights share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segmentation.coco import NAMES
from segmentation.instances import Instances
from segmentation.segmenter import Options, check_classes

#: what a family puts around a photo -> what its network makes of it, all as arrays
Network = Callable[..., Sequence[NDArray[Any]]]

#: a least score that no object reaches
NEVER = 2.0


def class_names(path: Path, given: Sequence[str] | None, num: int) -> tuple[str, ...]:
    """Return the names of the `num` classes that a weight file knows.

    Args:
        path: of the file.
        given: the names, from the user; `None` where they should be COCO's.
        num: of classes, without background.

    Raises:
        ValueError: other names are needed.
    """
    if given is None and num == len(NAMES):
        return NAMES
    if given is None:
        raise ValueError(f"{path} knows {num} classes of its own; name them with --classes")
    if len(given) != num:
        raise ValueError(f"{path} knows {num} classes, but {len(given)} names are given")
    return tuple(given)


def wanted_classes(
    path: Path, options: Options, num: int
) -> tuple[tuple[str, ...], list[int] | None]:
    """Return the names of the `num` classes of a weight file, and indices of those to keep.

    The indices are `None` where all are wanted.

    Raises:
        ValueError: there are not as many names, or no such classes.
    """
    names = class_names(path, options.classes, num)
    if options.keep is None:
        return names, None
    check_classes(options.keep, names)
    return names, [names.index(name) for name in options.keep]


def least_scores(
    num_classes: int, min_score: float, keep: Sequence[int] | None
) -> NDArray[np.float32]:
    """Return the score an object of each class must reach, `NEVER` for classes not wanted.

    Args:
        num_classes: of all, without background.
        min_score: for those wanted.
        keep: indices of those wanted, `None` for all.
    """
    least = np.full(num_classes, NEVER, np.float32)
    least[list(range(num_classes) if keep is None else keep)] = min_score
    return least


@dataclass(eq=False)
class FamilySegmenter(ABC):
    """What the `TwofoldSegmenter` of each family knows.

    Attributes:
        network: what it takes and returns its `build_network` says.
        name: see `Segmenter`.
        classes: names, without background, in the order of the network's classes.
        device: what the network runs on, for people.
        min_score: objects less certain are not reported.
        keep: indices into `classes` of the only ones wanted; `None` for all.
        max_input: see `Segmenter`; each family sets it.
        max_images: see `Segmenter`, likewise `fast` and `separates_objects`.
        takes_photos: the network takes photos as they are, (N, H, W, 3) uint8, and brings them to
            its input by itself.
        frames_network: one that does so, which on Keras is compiled for each size of photo; `None`
            where there is none.
    """

    network: Network
    _: KW_ONLY
    name: str
    classes: tuple[str, ...]
    device: str
    min_score: float
    keep: Sequence[int] | None = None
    max_input: int | None = field(init=False)
    max_images: int = 1
    takes_photos: bool = False
    frames_network: Network | None = None
    _for_video: Self | None = field(default=None, init=False, repr=False)
    # as all families with published weights
    fast = False
    separates_objects = True

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the objects of N images; see `Segmenter.segment`."""
        check_images(images)
        step = self.max_images if len(images) > 1 else 1
        results: list[Instances] = []
        for first in range(0, len(images), step):
            batch = images[first : first + step]
            missing = step - len(batch)
            # the network knows two numbers of images, so the last ones may need company
            full = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else batch
            results += self._segment_batch(full, len(batch))
        return results

    def for_video(self) -> Self:
        """Return the same network for frames of one size; see `TwofoldSegmenter.for_video`."""
        if self.frames_network is None:
            return self
        if self._for_video is None:
            self._for_video = replace(
                self, network=self.frames_network, frames_network=None, takes_photos=True
            )
        return self._for_video

    @abstractmethod
    def _segment_batch(self, images: NDArray[np.uint8], num: int) -> list[Instances]:
        """Return the objects of the first `num` of images, (N, H, W, 3), by one call."""

    def least_scores(self) -> NDArray[np.float32]:
        """Return the score an object of each class must reach."""
        return least_scores(len(self.classes), self.min_score, self.keep)


@dataclass(eq=False, kw_only=True)
class SquareSegmenter(FamilySegmenter, ABC):
    """That of a family whose network sees photos squeezed into a square.

    Attributes:
        size: side of the network's input.
    """

    size: int

    def __post_init__(self) -> None:
        """Settle what follows from the size."""
        # of a wide photo the short side must keep its detail
        self.max_input = self.size * 16 // 9


def check_images(images: NDArray[np.uint8]) -> None:
    """Raise `ValueError` unless these are (N, H, W, 3) uint8, H, W >= 1."""
    if not isinstance(images, np.ndarray):
        raise ValueError(f"images: expected an array (N, H, W, 3), got {type(images).__name__}")
    is_right = images.ndim == 4 and images.shape[3] == 3 and images.dtype == np.uint8
    if not is_right or 0 in images.shape[1:]:
        raise ValueError(f"images: expected uint8 (N, H, W, 3), got {images.dtype} {images.shape}")
