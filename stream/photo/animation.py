"""Animated PNG, WebP, AVIF and GIF files: their frames, one after the other."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from segmentation.pillow_limit import without_limit
from stream.photo.decoding import NOT_WHOLE, check_header, finished
from stream.photo.formats.exif import ORIENTATION
from stream.photo.formats.kinds import photo_header
from stream.photo.photo import Photo, turned

_DEFAULT_S = 0.1
_SHORTEST_S = 0.011  # as in browsers, what is shorter means nothing


class Animation:
    """The frames of a file, each whole and upright, in its colours and with its alpha.

    Args:
        data: of the file.

    Attributes:
        num_frames: as it announces.

    Raises:
        ValueError: it cannot be read; says why in a few words.
    """

    def __init__(self, data: bytes) -> None:
        """Read what is before the first frame."""
        from PIL import Image as Pictures

        header = photo_header(data)
        if header is None:
            raise ValueError(NOT_WHOLE)
        check_header(header, len(data))
        try:
            with without_limit():  # of pixels, which `check_header` has seen to
                self._picture: Any = Pictures.open(io.BytesIO(data))
        except Exception as error:  # of any kind, as its decoders please
            raise ValueError(NOT_WHOLE) from error
        self._header = header
        # of a PNG the picture for programs that know no animations may be another one
        self._first = int(getattr(self._picture, "default_image", False))
        self._orientation = self._picture.getexif().get(ORIENTATION, 1)
        with without_limit():  # of a GIF they are counted by going through it
            self.num_frames = getattr(self._picture, "n_frames", 1) - self._first

    def frames(self) -> Iterator[tuple[Photo, float]]:
        """Yield each frame, and for how many seconds it is shown.

        Raises:
            ValueError: it breaks off.
        """
        for number in range(self._first, self._first + self.num_frames):
            try:
                with without_limit():
                    self._picture.seek(number)
                    pixels = turned(np.array(self._picture.convert("RGBA")), self._orientation)
            except Exception as error:  # of any kind, as its decoders please
                raise ValueError(NOT_WHOLE) from error
            seconds = float(self._picture.info.get("duration") or 0) / 1000
            is_told = seconds >= _SHORTEST_S
            yield finished(pixels, self._header, []), seconds if is_told else _DEFAULT_S

    def close(self) -> None:
        """Free the decoder."""
        self._picture.close()
