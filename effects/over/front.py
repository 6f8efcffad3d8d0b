"""A picture in front of everything: a logo, a name in the lower third."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.composite import blend_onto
from effects.effect import Image, Pixels, check_image
from effects.placing import SQUARE, Placing, resized

#: From (h, w, 3) uint8 sRGB to the colours of frames, or to the planes of those.
Convert = Callable[[Image], Pixels]
ToPlanes = Callable[[Image], Sequence[Pixels]]


class _Laid(NamedTuple):
    """A picture at its place in a frame of one size.

    Attributes:
        part: rows and columns of the frame, of even corners; of even sides unless it ends there.
        colour: (h, w, 3) uint8 sRGB.
        opacity: (h, w) uint8.
    """

    part: tuple[slice, slice]
    colour: Image
    opacity: NDArray[np.uint8]


class Front:
    """Lays a picture over frames, whatever has been done with them.

    Args:
        picture: (h, w, 4) uint8 sRGB with straight alpha of any size, or what returns it for every
            frame; once brought to its place, an array that cannot be written to is laid again as
            it is.
        placing: how large, and where. A picture that says nothing of its scale keeps its size, but
            is never larger than the frame.

    Raises:
        ValueError: an array has another shape or dtype.
    """

    def __init__(self, picture: Image | Callable[[], Image], placing: Placing = Placing()) -> None:  # noqa: B008
        """Take the picture."""
        self._picture: Callable[[], Image]
        if callable(picture):
            self._picture = picture
        else:
            _check(picture)
            fixed = picture.view()
            fixed.flags.writeable = False
            self._picture = lambda: fixed
        self._placing = placing
        self._source: Image | None = None
        self._size_hw, self._pixel_aspect = (0, 0), SQUARE
        self._laid: _Laid | None = None
        self._coded: dict[object, Sequence[Pixels]] = {}

    def __call__(
        self,
        shown: Image,
        convert: Convert = lambda image: image,
        pixel_aspect: Fraction = SQUARE,
    ) -> Image:
        """Return a picture with this one over it.

        Args:
            shown: (H, W, 3) uint8 RGB, or (H, W, 4) with straight alpha. Never written to.
            convert: for pictures of other colours than sRGB.
            pixel_aspect: width of a pixel of `shown` over its height.

        Returns:
            The same shape, an array of its own.
        """
        laid = self._at((shown.shape[0], shown.shape[1]), pixel_aspect)
        result = shown.copy()
        colour = np.asarray(convert(laid.colour), np.uint8)
        seen = np.ascontiguousarray(result[laid.part])
        if shown.shape[2] == 4:
            result[laid.part] = _over(colour, laid.opacity, seen)
            return result
        blend_onto(seen, colour, laid.opacity)
        result[laid.part] = seen
        return result

    def on_planes(
        self,
        planes: Sequence[Pixels],
        to_planes: ToPlanes,
        coding: object,
        pixel_aspect: Fraction = SQUARE,
    ) -> list[Pixels]:
        """Do the same for luma and twice chroma, of half its size, of frames with even sides.

        Args:
            planes: (h, w) uint8, or uint16 with 10 bits. Never written to.
            to_planes: makes such planes of sRGB with even sides.
            coding: what tells `to_planes` from others; what it has made is kept for this value.
            pixel_aspect: width of a pixel over its height.
        """
        luma = planes[0]
        laid = self._at((luma.shape[0], luma.shape[1]), pixel_aspect)
        if coding not in self._coded:
            self._coded = {coding: to_planes(laid.colour)}
        half = laid.opacity.shape[1] // 2, laid.opacity.shape[0] // 2
        small = np.asarray(cv2.resize(laid.opacity, half, interpolation=cv2.INTER_AREA), np.uint8)
        results = []
        for index, (plane, colour) in enumerate(zip(planes, self._coded[coding], strict=True)):
            part = laid.part
            if index:
                part = (
                    slice(part[0].start // 2, part[0].stop // 2),
                    slice(part[1].start // 2, part[1].stop // 2),
                )
            result = plane.copy()
            seen = np.ascontiguousarray(result[part])
            blend_onto(seen, colour, small if index else laid.opacity)
            result[part] = seen
            results.append(result)
        return results

    def _at(self, size_hw: tuple[int, int], pixel_aspect: Fraction) -> _Laid:
        picture = self._picture()
        is_known = picture is self._source and not picture.flags.writeable
        is_same = size_hw == self._size_hw and pixel_aspect == self._pixel_aspect
        if self._laid is None or not (is_known and is_same):
            self._source, self._size_hw, self._pixel_aspect = picture, size_hw, pixel_aspect
            own_hw = picture.shape[0], picture.shape[1]
            laid_hw = self._placing.size_of(own_hw, size_hw, pixel_aspect)
            corner = self._placing.corner_of(laid_hw, size_hw)
            self._laid = _lay(picture, laid_hw, corner, size_hw)
            self._coded = {}
        return self._laid


def _check(picture: Image) -> None:
    check_image(picture[..., :3] if getattr(picture, "ndim", 0) == 3 else picture)
    if picture.shape[2] != 4:
        raise ValueError(f"picture: expected uint8 (h, w, 4), got {picture.shape}")


def _lay(
    picture: Image,
    size_hw: tuple[int, int],
    corner: tuple[int, int],
    frame_hw: tuple[int, int],
) -> _Laid:
    """Bring a picture to its size, and its corner to a row and a column of the frame."""
    top, left = corner
    scaled = picture if size_hw == picture.shape[:2] else resized(picture, size_hw)
    # of the frame, what it is seen in, its corners and sides made even
    rows = slice(max(0, top) // 2 * 2, min(frame_hw[0], top + size_hw[0]))
    columns = slice(max(0, left) // 2 * 2, min(frame_hw[1], left + size_hw[1]))
    # a frame whose side is odd, a photo's, ends within the last pair
    height, width = (
        min(_even_up(side.stop - side.start), all_of - side.start)
        for side, all_of in zip((rows, columns), frame_hw, strict=True)
    )
    laid = np.zeros((height, width, 4), np.uint8)
    seen = scaled[max(0, -top) :, max(0, -left) :]
    y, x = max(0, top) - rows.start, max(0, left) - columns.start
    seen = seen[: height - y, : width - x]
    laid[y : y + seen.shape[0], x : x + seen.shape[1]] = seen
    alpha = np.ascontiguousarray(laid[..., 3])
    colour = np.ascontiguousarray(laid[..., :3])
    part = slice(rows.start, rows.start + height), slice(columns.start, columns.start + width)
    return _Laid(part, _spread(colour, alpha), alpha)


def _spread(colour: Image, alpha: NDArray[np.uint8]) -> Image:
    """Give clear pixels the colour of their neighbours: chroma is the mean of four."""
    near = cv2.dilate(cv2.copyTo(colour, alpha, np.zeros_like(colour)), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.copyTo(colour, alpha, near), np.uint8)


def _even_up(side: int) -> int:
    return side + side % 2


def _over(colour: Image, opacity: NDArray[np.uint8], behind: Image) -> Image:
    """Return (h, w, 4) with straight alpha: a picture over one that has alpha itself."""
    front = opacity[..., None].astype(np.float32) / 255
    back = behind[..., 3:].astype(np.float32) / 255 * (1 - front)
    alpha = front + back
    mixed = (colour * front + behind[..., :3] * back) / np.maximum(alpha, np.float32(1e-6))
    return np.rint(np.dstack([mixed, alpha * 255])).astype(np.uint8)
