"""What an object and its surroundings look like: colours by place, learned from one mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

#: Bins: 16 of luma, and 8 each of Cr and Cb, which lie close around 128.
NUM_CHROMA_BINS = 8 * 8
NUM_BINS = 16 * NUM_CHROMA_BINS
CHROMA_STEP = 7
#: Lengths in shares of the image's long side: a cell of the grid of local histograms, and how far
#: around the object the surroundings are learned.
CELL = 1 / 18
SURROUNDINGS = 1 / 24
#: Pixels, of an image with a long side of `REFERENCE_SIDE`, that the whole object's histogram
#: counts in each cell's, and that both classes have of every colour from the start.
REFERENCE_SIDE = 427
GLOBAL_PIXELS = 1.0
UNSEEN_PIXELS = 0.5
#: A colour says no more than this, whatever it has been seen on.
MIN_PROBABILITY = 0.02


def _bin_table() -> NDArray[np.uint16]:
    """Return (256, 1, 3) uint16: what each value of Y, Cr and Cb adds to the number of the bin."""
    values = np.arange(256)
    chroma = np.clip((values - 128) // CHROMA_STEP + 4, 0, 7)
    table = np.dstack([(values >> 4) * NUM_CHROMA_BINS, chroma * 8, chroma])
    return table.astype(np.uint16).reshape(256, 1, 3)


_BINS = _bin_table()


def colour_bins(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the colour bin, below `NUM_BINS`, of (N, 3) uint8 pixels in Y, Cr, Cb."""
    parts = _BINS[:, 0]
    bins = parts[pixels[:, 0], 0] + parts[pixels[:, 1], 1] + parts[pixels[:, 2], 2]
    return np.asarray(bins, np.int32)


class Appearance:
    """Colour histograms of an object and of what surrounds it, in cells of a grid and as a whole.

    The grid lies on the object's centre of mass and goes with it. Local colour models as in Bai
    et al. 2009, "Video SnapCut", section 3, on a fixed grid instead of windows along the outline.

    Args:
        ycc: (h, w, 3) uint8, Y Cr Cb, around the object.
        mask: (h, w) uint8, probability x 255.
        long_side: of the whole image, in pixels.
    """

    def __init__(self, ycc: NDArray[np.uint8], mask: NDArray[np.uint8], long_side: int) -> None:
        """Learn the colours."""
        self._cell = CELL * long_side
        self._grid = tuple(int(length / self._cell) + 2 for length in mask.shape)
        self._centre = centre_of_mass(mask)
        reach = 2 * round(SURROUNDINGS * long_side) + 1
        near = cv2.dilate((mask >= 128).astype(np.uint8), np.ones((reach, reach), np.uint8))
        rows, columns = np.nonzero(near)
        share = (mask[rows, columns] / 255).astype(np.float32)
        bins = colour_bins(ycc[rows, columns])
        cells = self._cells(rows, columns, self._centre)
        pixels = (long_side / REFERENCE_SIDE) ** 2
        self._log_odds = self._table(bins, cells * NUM_BINS + bins, share, pixels)

    def log_odds(
        self,
        ycc: NDArray[np.uint8],
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        centre: tuple[float, float],
    ) -> NDArray[np.float32]:
        """Return log P(object) / P(surroundings) of N pixels, (N,) float32, by colour and place.

        Args:
            ycc: (h, w, 3) uint8, Y Cr Cb.
            rows: (N,), of the pixels asked for.
            columns: (N,).
            centre: y and x of the object's centre of mass in `ycc`.
        """
        cells = self._cells(rows, columns, centre)
        bins = colour_bins(ycc[rows, columns])
        return np.asarray(self._log_odds[cells * NUM_BINS + bins], np.float32)

    def _cells(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], centre: tuple[float, float]
    ) -> NDArray[np.int64]:
        """Return the cell in which pixels lie, relative to the object."""
        inside = []
        for places, now, learned, num in zip(
            (rows, columns), centre, self._centre, self._grid, strict=True
        ):
            line = np.arange(int(places.max(initial=0)) + 1, dtype=np.float32)
            cell = np.floor((line + (learned - now)) / self._cell + 0.5)
            inside.append(np.clip(cell, 0, num - 1).astype(np.int64)[places])
        return np.asarray(inside[0] * self._grid[1] + inside[1])

    def _table(
        self,
        bins: NDArray[np.int32],
        places: NDArray[np.int64],
        share: NDArray[np.float32],
        pixels: float,
    ) -> NDArray[np.float32]:
        """Return log odds of each colour in each cell, (cells * NUM_BINS,) float32."""
        whole = [np.bincount(bins, part, NUM_BINS) for part in (share, 1 - share)]
        total = sum(float(counts.sum()) for counts in whole) / 2
        # balanced: that there is more background than object says nothing about a pixel
        inside, outside = (counts * (total / max(1.0, float(counts.sum()))) for counts in whole)
        unseen = UNSEEN_PIXELS * pixels
        overall = ((inside + unseen) / (inside + outside + 2 * unseen)).astype(np.float32)
        num = self._grid[0] * self._grid[1] * NUM_BINS
        near = [
            _blurred(np.bincount(places, part, num).astype(np.float32).reshape(*self._grid, -1))
            for part in (share, 1 - share)
        ]
        weight = np.float32(GLOBAL_PIXELS * pixels)
        odds = (near[0] + weight * overall) / (near[0] + near[1] + weight)
        odds = np.clip(odds, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        return np.asarray(np.log(odds / (1 - odds)), np.float32).ravel()


def centre_of_mass(mask: NDArray[np.uint8]) -> tuple[float, float]:
    """Return y and x of the centre of mass of (h, w) uint8, in pixels; its middle if empty."""
    moments = cv2.moments(mask)
    if moments["m00"] == 0:
        return mask.shape[0] / 2, mask.shape[1] / 2
    return moments["m01"] / moments["m00"], moments["m10"] / moments["m00"]


def _blurred(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (rows, columns, bins) with each cell sharing a quarter with either neighbour."""
    for axis in (0, 1):
        half, quarter = grid * np.float32(0.5), grid * np.float32(0.25)
        grid, parts = np.moveaxis(half, axis, 0), np.moveaxis(quarter, axis, 0)
        grid[1:] += parts[:-1]
        grid[:-1] += parts[1:]
        grid = np.moveaxis(grid, 0, axis)
    return grid
