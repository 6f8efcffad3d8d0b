"""Animated PNG. Source: W3C, Portable Network Graphics (Third Edition), 11.3.5."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from stream.photo.animated.writer import Box, ChangesWriter, Image

_RGB, _RGBA = 2, 6
_BITS = 8
_FOR_EVER = 0
_KEPT, _REPLACES = 0, 0  # what becomes of a frame, and what of that which was there before it
_UP = 2  # each row as its difference from the one above
_LEVEL = 6
_PERCEPTUAL = 0


class ApngWriter(ChangesWriter):
    """`AnimationWriter` of PNG: nothing is lost."""

    tick_s, least_ticks, most_ticks = 0.001, 11, 0xFFFF * 100

    def _begin(self) -> None:
        height, width = self._size_hw
        self._num_pieces = 0
        self._file.write(b"\x89PNG\r\n\x1a\n")
        colours = _RGBA if self._has_alpha else _RGB
        self._file.write(
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, _BITS, colours, 0, 0, 0))
        )
        self._file.write(_chunk(b"sRGB", bytes([_PERCEPTUAL])))
        self._length_at = self._file.tell()
        self._file.write(self._length())

    def _length(self) -> bytes:
        return _chunk(b"acTL", struct.pack(">II", max(1, self._num_frames), _FOR_EVER))

    def _write_length(self) -> None:
        self._write_at(self._length_at, self._length())

    def _write_box(self, part: Image, box: Box, ticks: int) -> None:
        # of a thousandth of a second, or a tenth where it lasts that long
        delay = (ticks, 1000) if ticks <= 0xFFFF else (round(ticks / 100), 10)
        place = box.width, box.height, box.x, box.y
        head = struct.pack(">IIIIHHBB", *place, *delay, _KEPT, _REPLACES)
        self._file.write(_chunk(b"fcTL", self._number() + head))
        data = _compressed(part)
        if self._num_frames == 0:
            self._file.write(_chunk(b"IDAT", data))
        else:
            self._file.write(_chunk(b"fdAT", self._number() + data))

    def finish(self) -> None:
        """See `AnimationWriter`."""
        self._write_length()
        self._file.write(_chunk(b"IEND", b""))

    def _number(self) -> bytes:
        self._num_pieces += 1
        return struct.pack(">I", self._num_pieces - 1)


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + checksum


def _compressed(image: Image) -> bytes:
    """Return the rows of (H, W, C) as PNG has them, each after the number of its filter."""
    rows = image.reshape(len(image), -1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.column_stack([np.full(len(rows), _UP, np.uint8), rows - above])
    return zlib.compress(filtered.tobytes(), _LEVEL)
