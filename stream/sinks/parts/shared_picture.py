"""Memory that two processes share, for a picture that one of them shows."""

from __future__ import annotations

import mmap
import os
import secrets
import sys
import tempfile

import cv2
import numpy as np
from numpy.typing import NDArray

#: More than any screen shows; memory that no picture has filled costs nothing.
MOST_BYTES = 4096 * 4096 * 3


class SharedPicture:
    """Room for one picture, which the system frees when the last process that has it ends.

    Args:
        handle: of the room that another process has made; "" to make it.

    Attributes:
        handle: what another process opens it by.
    """

    def __init__(self, handle: str = "") -> None:
        """Make it or open it."""
        if sys.platform == "win32":
            self.handle = handle or f"maskcast-{secrets.token_hex(8)}"
            self._memory = mmap.mmap(-1, MOST_BYTES, tagname=self.handle)
            return
        self._descriptor = int(handle) if handle else _file()
        self.handle = str(self._descriptor)
        self._memory = mmap.mmap(self._descriptor, MOST_BYTES)

    @property
    def inherited(self) -> tuple[int, ...]:
        """File descriptors that a process which opens it must inherit."""
        return () if sys.platform == "win32" else (self._descriptor,)

    def put(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        """Copy (h, w, 3) uint8 to it, smaller where there is no room; returns height and width."""
        if image.nbytes > MOST_BYTES:
            scale = (MOST_BYTES / image.nbytes) ** 0.5
            height, width = (max(1, int(side * scale)) for side in image.shape[:2])
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
        height, width = image.shape[:2]
        np.copyto(self.get(height, width), image)
        return height, width

    def get(self, height: int, width: int) -> NDArray[np.uint8]:
        """Return the picture of this size that is there now, (h, w, 3) uint8, without a copy."""
        shape = (height, width, 3)
        return np.frombuffer(self._memory, np.uint8, height * width * 3).reshape(shape)

    def close(self) -> None:
        """Have it no longer, as soon as nobody looks at what `get` gave."""
        if sys.platform != "win32":
            os.close(self._descriptor)


def _file() -> int:
    """Return the descriptor of a file without a name, where the system can in memory alone."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("maskcast")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, MOST_BYTES)
    return descriptor
