"""Pillow's limit of pixels, a setting of the whole process, away for a while."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

_lock = threading.Lock()
#: how many are within `without_limit`, and the limit from before the first of them
_num_within = 0
_before: int | None = None


@contextlib.contextmanager
def without_limit() -> Iterator[None]:
    """Let Pillow open pictures of any size in this block, which has to look at the size itself.

    Several threads may be in such blocks. Others meet no limit meanwhile either; after the last
    block it is what it was before, or what somebody set since.
    """
    global _num_within, _before
    from PIL import Image

    with _lock:
        _num_within += 1
        if _num_within == 1:
            _before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        with _lock:
            _num_within -= 1
            if _num_within == 0 and Image.MAX_IMAGE_PIXELS is None:
                Image.MAX_IMAGE_PIXELS = _before
