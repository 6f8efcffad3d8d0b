"""Animated WebP. Source: Google's WebP Container Specification."""

from __future__ import annotations

import io
import struct

from stream.photo.animated.writer import Box, ChangesWriter, Image
from stream.photo.formats.webp import chunk, chunks

_ANIMATED, _ALPHA = 0x02, 0x10
_NO_BLENDING = 0x02  # a frame takes the place of what was there, its clear parts as well
_CLEAR, _FOR_EVER = bytes(4), 0
_METHOD = 4  # of 0 (fast) to 6 (small)


class WebpWriter(ChangesWriter):
    """`AnimationWriter` of WebP: colours are lossy but for a factor of 0, transparency is not."""

    tick_s, least_ticks, most_ticks = 0.001, 11, (1 << 24) - 1
    _even = True

    def _begin(self) -> None:
        flags = _ANIMATED | (_ALPHA if self._has_alpha else 0)
        size = _in_24(self._size_hw[1] - 1) + _in_24(self._size_hw[0] - 1)
        self._file.write(b"RIFF" + bytes(4) + b"WEBP")
        self._file.write(chunk(b"VP8X", struct.pack("<B3x", flags) + size))
        self._file.write(chunk(b"ANIM", struct.pack("<4sH", _CLEAR, _FOR_EVER)))

    def _write_box(self, part: Image, box: Box, ticks: int) -> None:
        from PIL import Image as Pictures

        coded = io.BytesIO()
        quality = round(100 - 1.25 * self._crf)
        Pictures.fromarray(part).save(
            coded, "WEBP", quality=quality, lossless=self._crf == 0, method=_METHOD, exact=False
        )
        head = _in_24(box.x // 2) + _in_24(box.y // 2)
        head += _in_24(box.width - 1) + _in_24(box.height - 1)
        head += _in_24(ticks) + bytes([_NO_BLENDING])
        picture = [(name, body) for name, body in chunks(coded.getvalue()) if name != b"VP8X"]
        body = b"".join(chunk(name, body) for name, body in picture)
        self._file.write(chunk(b"ANMF", head + body))

    def _write_length(self) -> None:
        self._write_at(4, struct.pack("<I", self._file.tell() - 8))

    def finish(self) -> None:
        """See `AnimationWriter`."""
        self._write_length()


def _in_24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]
