"""Planar YUV 4:2:0 with 8 bits, the pixels of nearly every video file, to RGB and back."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

#: Weights of red and blue in luma, by ffmpeg's name of the matrix. Source: ITU-T H.273, table 4.
#: What a file does not say is BT.601, as in all of ffmpeg.
LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "bt2020nc": (0.2627, 0.0593),
    "unknown": (0.299, 0.114),
}


class Yuv420:
    """Converts frames of one size and coding. Keeps working memory, so each thread has its own.

    Rounded, not cut off: colours stay where they are, on average to 0.2 of 255. Chroma lies in
    the middle of its four pixels and is interpolated linearly.

    Args:
        size_hw: of the frames. With an odd side chroma has half a pixel more, as everywhere.
        matrix: one of `LUMA_WEIGHTS`.
        full_range: values use all of 0 to 255, and not 16 to 235 (chroma 240).
    """

    def __init__(self, size_hw: tuple[int, int], matrix: str, full_range: bool) -> None:
        """Prepare the matrices."""
        height, width = size_hw
        self._size_hw = size_hw
        self._chroma_hw = (height + 1) // 2, (width + 1) // 2
        self._to_rgb = to_rgb_matrix(matrix, full_range)
        inverse = np.linalg.inv(self._to_rgb[:, :3])
        self._from_rgb = np.column_stack([inverse, -inverse @ self._to_rgb[:, 3]])
        self._interleaved = np.empty((height, width, 3), np.uint8)
        even_hw = 2 * self._chroma_hw[0], 2 * self._chroma_hw[1]
        self._enlarged = np.empty((2, *even_hw), np.uint8)

    @property
    def num_bytes(self) -> int:
        """Length of a frame: all of Y, then all of U, then all of V."""
        height, width = self._size_hw
        return height * width + 2 * self._chroma_hw[0] * self._chroma_hw[1]

    def to_rgb(self, frame: Image) -> Image:
        """Convert a frame.

        Args:
            frame: (num_bytes,) uint8. Not written to.

        Returns:
            (H, W, 3) uint8, an array of its own.
        """
        height, width = self._size_hw
        luma, *chroma = self._planes(frame)
        for small, large in zip(chroma, self._enlarged, strict=True):
            cv2.resize(small, large.shape[::-1], dst=large)
        cv2.merge([luma, *self._enlarged[:, :height, :width]], dst=self._interleaved)
        return np.asarray(cv2.transform(self._interleaved, self._to_rgb), np.uint8)

    def from_rgb(self, image: Image, frame: Image) -> None:
        """Convert an image whose sides are even.

        Args:
            image: (H, W, 3) uint8. Not written to.
            frame: (num_bytes,) uint8, filled.
        """
        luma, *chroma = self._planes(frame)
        cv2.transform(image, self._from_rgb, dst=self._interleaved)
        cv2.split(self._interleaved, [luma, *self._enlarged])
        for large, small in zip(self._enlarged, chroma, strict=True):
            cv2.resize(large, small.shape[::-1], dst=small)

    def _planes(self, frame: Image) -> tuple[Image, Image, Image]:
        height, width = self._size_hw
        num_luma, num_chroma = height * width, self._chroma_hw[0] * self._chroma_hw[1]
        blue, red = frame[num_luma:].reshape(2, num_chroma)
        luma = frame[:num_luma].reshape(self._size_hw)
        return luma, blue.reshape(self._chroma_hw), red.reshape(self._chroma_hw)


def to_rgb_matrix(matrix: str, full_range: bool) -> NDArray[np.float64]:
    """Return (3, 4): RGB is its first three columns times YUV, plus the last. See `Yuv420`."""
    red, blue = LUMA_WEIGHTS[matrix]
    green = 1 - red - blue
    from_chroma = np.array(
        [
            [0, 2 * (1 - red)],
            [-2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [2 * (1 - blue), 0],
        ]
    )
    luma_scale, chroma_scale, black = (1, 1, 0) if full_range else (255 / 219, 255 / 224, 16)
    scaled = np.column_stack([np.full(3, luma_scale), from_chroma * chroma_scale])
    return np.column_stack([scaled, -scaled @ [black, 128, 128]])
