"""A mask's outline put right by the colours of its object and by edges of the image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.tracking.propagation.appearance import Appearance, centre_of_mass

#: How far an outline is doubted, the deviation of its place as a share of the image's long side
#: and at least in pixels.
DOUBT = 1 / 142
MIN_DOUBT_PX = 2.0
#: Where the doubted mask is between these, of 255, colours are asked: about 2.3 deviations.
BAND = (3, 252)
#: The mismatch from which on an outline is decided anew: what followed the flow stays as it is.
MIN_MISMATCH = 16.0
#: Coupling of neighbours of the same colour, in log odds; deviation, in luma of 255, of the
#: Gaussian by which it falls with their difference; and rounds of inference.
SMOOTHNESS = 0.8
CONTRAST = 18.0
NUM_ROUNDS = 5


def _log_odds_table() -> NDArray[np.float32]:
    share = np.clip(np.arange(256) / 255, 1e-3, 1 - 1e-3)
    return np.log(share / (1 - share)).astype(np.float32)


def distrust_table() -> NDArray[np.float32]:
    """Return (256,): how far the flow is distrusted, 0 to 1, by the mismatch."""
    return (1 - np.exp(-((np.arange(256) / MIN_MISMATCH) ** 2))).astype(np.float32)


def coupling_table() -> NDArray[np.float32]:
    """Return (256,): how strongly two neighbours are coupled, by their difference in luma."""
    return (SMOOTHNESS * np.exp(-((np.arange(256) / CONTRAST) ** 2) / 2)).astype(np.float32)


# by the value of a byte; the first, of a probability
_LOG_ODDS, _DISTRUST, _COUPLING = _log_odds_table(), distrust_table(), coupling_table()


def correct_outline(
    ycc: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    mismatch: NDArray[np.uint8],
    appearance: Appearance,
    long_side: int,
) -> NDArray[np.uint8]:
    """Return the mask with a band along its outline decided anew where the flow has failed.

    Three things are weighed in the band: how far inside the mask a pixel lies; which colours the
    object and its surroundings have there; and that neighbours without an edge between them belong
    together (mean-field inference in an Ising model, as in Blake, Kohli and Rother 2011, "Markov
    Random Fields for Vision and Image Processing", section 1.6).

    Args:
        ycc: (h, w, 3) uint8, Y Cr Cb.
        mask: (h, w) uint8, probability x 255. Not written to.
        mismatch: (h, w) uint8, see `flow.mismatch`.
        appearance: of the object.
        long_side: of the whole image, in pixels.

    Returns:
        (h, w) uint8, probability x 255; `mask` itself where nothing is inside.
    """
    sigma = max(DOUBT * long_side, MIN_DOUBT_PX)
    part = _around(mask, round(3 * sigma) + 1)
    if part is None:
        return mask
    image, inside = ycc[part], mask[part]
    # of the outline alone: a network's faint doubts elsewhere are not for colours to settle
    sharp = cv2.threshold(inside, 127, 255, cv2.THRESH_BINARY)[1]
    doubted = cv2.GaussianBlur(sharp, (0, 0), sigma)
    band = cv2.inRange(doubted, *BAND) > 0
    rows, columns = np.nonzero(band)
    log_odds = _LOG_ODDS[doubted]
    colours = appearance.log_odds(image, rows, columns, centre_of_mass(inside))
    distrust = _DISTRUST[mismatch[part][rows, columns]]
    log_odds[rows, columns] += colours * distrust
    settled = 127.5 + 127.5 * _mean_field(log_odds, np.ascontiguousarray(image[..., 0]))
    corrected, moved = mask.copy(), inside[rows, columns].astype(np.float32)
    corrected[part][rows, columns] = np.rint(moved + distrust * (settled[rows, columns] - moved))
    return corrected


def _mean_field(log_odds: NDArray[np.float32], luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (h, w) float32 in [-1, 1]: the mean spin of each pixel, 1 for the object.

    Args:
        log_odds: (h, w), of each pixel by itself.
        luma: (h, w), by which neighbours are coupled.
    """
    down = _COUPLING[cv2.absdiff(luma[1:], luma[:-1])]
    right = _COUPLING[cv2.absdiff(luma[:, 1:], luma[:, :-1])]
    spin = np.tanh(log_odds)
    for _ in range(NUM_ROUNDS):
        field = log_odds.copy()
        field[1:] += down * spin[:-1]
        field[:-1] += down * spin[1:]
        field[:, 1:] += right * spin[:, :-1]
        field[:, :-1] += right * spin[:, 1:]
        spin = np.tanh(field)
    return spin


def _around(mask: NDArray[np.uint8], margin: int) -> tuple[slice, slice] | None:
    """Return the rows and columns around what is inside the mask, `None` if nothing is."""
    left, top, width, height = cv2.boundingRect((mask >= 128).astype(np.uint8))
    if width == 0:
        return None
    return (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )
