"""A portrait in motion that needs neither camera nor file nor download."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import RgbPicture
from segmentation.pip_command import install_extra
from stream.errors import StreamError
from stream.files.photos import read_photo
from stream.frame import Frame, Source, StreamInfo

WIDTH, HEIGHT = 640, 480
FPS = 30
NUM_FRAMES = 240


class Demo(Source):
    """`Source` over the portrait of the astronaut Eileen Collins that scikit-image carries.

    The photo is NASA's and in the public domain. The camera moves: it drifts, turns and comes
    closer, and after eight seconds is back where it began.

    Raises:
        StreamError: scikit-image is not installed.
    """

    def __init__(self) -> None:
        """Read the photo."""
        super().__init__()
        package = importlib.util.find_spec("skimage")
        if package is None or package.origin is None:
            remedy = install_extra("demo")
            raise StreamError(f"demo: needs the package scikit-image; {remedy}")
        self._photo = read_photo(Path(package.origin).parent / "data" / "astronaut.png")
        self.info = StreamInfo(WIDTH, HEIGHT, Fraction(FPS), num_frames=NUM_FRAMES)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; see `Source`."""
        for index in range(NUM_FRAMES):
            if self._interrupted.is_set():
                return
            view = self._view(2 * np.pi * index / NUM_FRAMES)
            yield Frame(RgbPicture(view), index, index / FPS)

    def _view(self, phase: float) -> NDArray[np.uint8]:
        """Return what the moving camera sees at a phase in [0, 2 pi)."""
        zoom = 2.15 - 0.15 * np.cos(phase)
        centre = (222 + 8 * np.sin(phase), 158 + 8 * np.sin(2 * phase))
        matrix = cv2.getRotationMatrix2D(centre, 2.5 * np.sin(phase), zoom)
        matrix[:, 2] += np.array([WIDTH / 2, HEIGHT / 2]) - centre
        view = cv2.warpAffine(
            self._photo, matrix, (WIDTH, HEIGHT), None, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
        )
        return np.asarray(view, np.uint8)
