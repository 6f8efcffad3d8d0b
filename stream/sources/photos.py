"""Photos as a source: independent pictures, or the frames of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.picture import RgbPicture
from stream.errors import StreamError
from stream.files.photos import read_with_profile
from stream.frame import Frame, Source, StreamInfo


class Photos(Source):
    """`Source` over photos: independent pictures, or the frames of a video.

    Of several independent ones those that cannot be read are left out; their numbers stay free.

    Args:
        paths: at least one, in order.
        fps: of the video that the photos are; `None` when they are independent pictures.
        on_message: told, in one line, which photo is left out and why.

    Raises:
        StreamError: the only photo, the first one of a video or every single one cannot be read.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        fps: Fraction | None = None,
        on_message: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Look at the first photo that can be read."""
        super().__init__()
        self._paths = list(paths)
        self._independent = fps is None
        self._on_message = on_message
        self._first = 0
        while (first := self._read(self._first)) is None:
            self._first += 1
        height, width = first[0].shape[:2]
        self.info = StreamInfo(width=width, height=height, fps=fps, num_frames=len(self._paths))

    def __iter__(self) -> Iterator[Frame]:
        """Yield one frame for each photo; see `Source`.

        Raises:
            StreamError: a photo of a video cannot be read, or differs from it in size.
        """
        fps = self.info.fps
        for index in range(self._first, len(self._paths)):
            if self._interrupted.is_set():
                return
            read = self._read(index)
            if read is None:
                continue
            path, (image, profile) = self._paths[index], read
            size = (image.shape[1], image.shape[0])
            if fps is not None and size != (self.info.width, self.info.height):
                raise StreamError(
                    f"{path}: {size[0]}x{size[1]} pixels, but the photos before it have "
                    f"{self.info.width}x{self.info.height}; as a video all must be of one size"
                )
            time_s = 0.0 if fps is None else float(index / fps)
            yield Frame(RgbPicture(image), index, time_s, name=path.name, profile=profile)

    def _read(self, index: int) -> tuple[NDArray[np.uint8], bytes | None] | None:
        """Return a photo and its profile, `None` where it is left out."""
        try:
            return read_with_profile(self._paths[index])
        except StreamError as error:
            others_are_out = self.num_left_out == len(self._paths) - 1
            if not self._independent or others_are_out:
                raise
            self.num_left_out += 1
            self._on_message(f"error: {error}")
            return None
