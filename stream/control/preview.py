"""The picture on the page: the newest one as a JPEG, made only while somebody looks on."""

from __future__ import annotations

from collections.abc import Hashable

import cv2

from stream.live.control import LiveControl
from stream.live.preview import Preview

#: Long side in pixels; a phone shows no more, and a larger one costs more.
MAX_SIDE = 960
QUALITY = 75


class Pictures:
    """Makes JPEGs of what is shown; from one thread.

    Args:
        control: knows how it is looked at.
        preview: holds it.
        max_side: in pixels.

    Attributes:
        number: of different pictures so far.
        jpeg: the last one, `None` before the first.
    """

    def __init__(self, control: LiveControl, preview: Preview, max_side: int = MAX_SIDE) -> None:
        """Make nothing yet."""
        self._control, self._preview, self._max_side = control, preview, max_side
        self._made_of: Hashable = None
        self.number = 0
        self.jpeg: bytes | None = None

    def look(self) -> None:
        """Make the picture anew where what is shown, or how it is looked at, has changed."""
        made_of = self._preview.num_written, self._control.looked_at
        output = self._preview.newest  # after that: nothing comes unseen in between
        if output is None or made_of == self._made_of:
            return
        image = self._control.draw_small(output, self._max_side)
        done, data = cv2.imencode(
            ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        )
        if done:
            self.jpeg, self._made_of = data.tobytes(), made_of
            self.number += 1
