"""A picture in front of everything, from its file: `logo.png`, `logo.png,top,right`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from effects.over.front import Front
from effects.placing import parse_placing, split_placing
from stream.errors import StreamError
from stream.files.inputs import reading
from stream.files.photos import open_photo
from stream.live.watched_photo import WatchedPhoto

Image = NDArray[np.uint8]


def watched_front(text: str, on_message: Callable[[str], None] = lambda line: None) -> WatchedPhoto:
    """Read the picture that is to lie in front of everything.

    Args:
        text: `PATH[,PLACE]...`, see `effects.placing`.
        on_message: told, in one line each, what of it is not shown as it is.

    Raises:
        StreamError: it cannot be read.
    """
    path = Path(split_placing(text)[0])
    with reading(path):
        is_there, is_fifo = path.exists(), path.is_fifo()
    if is_fifo:
        raise StreamError(f"{path}: can be read only once; what lies in front is read again")
    if not is_there:
        raise StreamError(f"{path}: no such file; what lies in front is a picture, such as a .png")
    return WatchedPhoto(path, read_transparent(path, on_message), on_message, read_transparent)


def front_of(text: str, picture: WatchedPhoto) -> Front:
    """Return what lays a picture where a text says.

    Raises:
        ValueError: the text contradicts itself.
    """
    try:
        placing = parse_placing(split_placing(text)[1])
    except ValueError as error:
        raise ValueError(f"front: {text}: {error}") from error
    return Front(lambda: picture.photo, placing)


def read_transparent(path: Path, on_message: Callable[[str], None]) -> Image:
    """Return (h, w, 4) uint8 sRGB with straight alpha of the photo in a file.

    Raises:
        StreamError: it cannot be read.
    """
    photo = open_photo(path)
    for remark in photo.remarks:
        on_message(f"{path}: {remark}")
    if photo.straight is None:
        opaque = np.full((*photo.image.shape[:2], 1), 255, np.uint8)
        return np.dstack([photo.to_srgb(photo.image), opaque])
    return np.dstack([photo.to_srgb(photo.straight[..., :3]), photo.straight[..., 3:]])
