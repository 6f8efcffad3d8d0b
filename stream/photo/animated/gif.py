"""Animated GIF. Source: GIF89a (sections 18 to 26), and Netscape's extension for repeating."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.photo.animated.writer import AnimationWriter, Box, Image, box_around

_NUM_COLOURS = 255
_CLEAR = 255  # number of the colour that is none
_STAYS, _IS_CLEARED = 1, 2  # what becomes of a frame
_OPAQUE = 128
# A pixel is drawn anew where it differs by more: the noise of a camera would make files twice as
# large, and flicker.
_SEEN = 6
# Colours are chosen anew where those of the frame before fit so much worse.
_FITS, _FITS_AT_LEAST = 1.2, 0.7
_SAMPLES = 40_000  # pixels that colours are chosen from
_DITHER_FROM = 2  # what is as near to one of the colours is not mixed of several

#: (8, 8) in -0.5 to 0.5: each number once, neighbours far apart. Source: Bayer (1973).
_BAYER = np.array([[0, 2], [3, 1]])
for _ in range(2):
    _BAYER = np.block([[4 * _BAYER, 4 * _BAYER + 2], [4 * _BAYER + 3, 4 * _BAYER + 1]])
_PATTERN = np.asarray(((_BAYER + 0.5) / 64 - 0.5) * 16, np.int16)[..., None]


class GifWriter(AnimationWriter):
    """`AnimationWriter` of GIF: 255 colours at a time, and pixels that are clear or not.

    Colours are chosen for a frame, and kept as long as they fit. Those between them are mixed in a
    pattern that stands still.
    """

    tick_s, least_ticks, most_ticks = 0.01, 2, 0xFFFF

    def _begin(self) -> None:
        height, width = self._size_hw
        self._colours: Any = None  # a picture of Pillow's that has them
        self._error = 0.0  # of them, when they were chosen
        self._shown: Image | None = None
        self._file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0x70, 0, 0))
        self._file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")

    def _write(self, image: Image, ticks: int) -> None:
        colours = np.ascontiguousarray(image[..., :3])
        drawn = self._opaque(image) if self._has_alpha else self._changed(colours)
        box = box_around(drawn)
        part, is_drawn = box.of(colours), box.of(drawn)
        numbers = self._numbers(part, is_drawn)
        numbers[~is_drawn] = _CLEAR
        disposal = _IS_CLEARED if self._has_alpha else _STAYS
        control = struct.pack("<BHBB", disposal << 2 | 1, ticks, _CLEAR, 0)
        self._file.write(b"\x21\xf9\x04" + control + self._coded(numbers, box))

    def finish(self) -> None:
        """See `AnimationWriter`."""
        self._file.write(b"\x3b")

    def _opaque(self, image: Image) -> NDArray[np.bool_]:
        return np.asarray(image[..., 3] >= _OPAQUE)

    def _changed(self, image: Image) -> NDArray[np.bool_]:
        """Return which pixels look other than they are shown; remembers what is shown then."""
        if self._shown is None:
            self._shown = image.copy()
            return np.ones(image.shape[:2], bool)
        difference = np.maximum(image, self._shown) - np.minimum(image, self._shown)
        changed = (difference > _SEEN).any(axis=2)
        self._shown[changed] = image[changed]
        return np.asarray(changed)

    def _numbers(self, image: Image, drawn: NDArray[np.bool_]) -> Image:
        """Return (H, W), numbers of colours for (H, W, 3); what is not drawn has any."""
        from PIL import Image as Pictures

        sample = image[drawn]
        sample = sample[:: max(1, len(sample) // _SAMPLES)][None]
        if sample.size:
            limit = max(_FITS * self._error, self._error + _FITS_AT_LEAST)
            if self._colours is None or self._error_of(sample) > limit:
                pixels = Pictures.fromarray(np.ascontiguousarray(sample))
                self._colours = pixels.quantize(_NUM_COLOURS, Pictures.Quantize.MEDIANCUT)
                self._error = self._error_of(sample)
        if self._colours is None:  # nothing has been drawn yet
            self._colours = Pictures.new("P", (1, 1))
            self._colours.putpalette([0, 0, 0])
        near = self._nearest(image)
        off = np.abs(self._palette()[near].astype(np.int16) - image).max(axis=2)
        height, width = image.shape[:2]
        pattern = np.tile(_PATTERN, (height // 8 + 1, width // 8 + 1, 1))[:height, :width]
        mixed = self._nearest(np.clip(image + pattern, 0, 255).astype(np.uint8))
        return np.where(off > _DITHER_FROM, mixed, near)

    def _nearest(self, image: Image) -> Image:
        from PIL import Image as Pictures

        picture = Pictures.fromarray(np.ascontiguousarray(image))
        numbers = picture.quantize(palette=self._colours, dither=Pictures.Dither.NONE)
        return np.array(numbers, np.uint8)

    def _error_of(self, sample: Image) -> float:
        """Return how far, on average, the colours are off (1, N, 3)."""
        found = self._palette()[self._nearest(sample)]
        return float(np.abs(found.astype(np.int16) - sample).mean())

    def _palette(self) -> Image:
        """Return (256, 3), the colours; the last one is none."""
        known = np.array(self._colours.getpalette() or [], np.uint8).reshape(-1, 3)[:_NUM_COLOURS]
        return np.vstack([known, np.zeros((256 - len(known), 3), np.uint8)])

    def _coded(self, numbers: Image, box: Box) -> bytes:
        """Return the block of a picture: its place, its colours and its compressed pixels."""
        from PIL import Image as Pictures

        picture = Pictures.fromarray(numbers, "P")
        picture.putpalette(self._palette().tobytes())
        coded = io.BytesIO()
        picture.save(coded, "GIF", optimize=False, interlace=0)
        place = struct.pack("<BHHHH", 0x2C, box.x, box.y, box.width, box.height)
        return place + bytes([0x87]) + _table_and_pixels(coded.getvalue())


def _table_and_pixels(data: bytes) -> bytes:
    """Return the colours and the pixels of a GIF of one picture with 256 colours for all of it."""
    table_at, num_bytes = 13, 3 * 256
    assert data[10] & 0x87 == 0x87, "Pillow writes other colours than it was given"
    position = table_at + num_bytes
    while data[position] != 0x2C:  # extensions: two bytes, then blocks
        position = _behind_blocks(data, position + 2)
    pixels_at = position + 10
    end = _behind_blocks(data, pixels_at + 1)
    return data[table_at : table_at + num_bytes] + data[pixels_at:end]


def _behind_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += 1 + data[position]
    return position + 1
