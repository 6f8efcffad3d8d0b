"""The file of a photo becomes pixels, and pixels the file of a photo."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import PHOTO_ENDINGS
from stream.errors import StreamError

ENDINGS = PHOTO_ENDINGS

#: Older releases of OpenCV pass over ICC profiles.
_KEEPS_PROFILES = hasattr(cv2, "imdecodeWithMetadata")

_FIRST_BYTES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def is_photo(path: Path) -> bool:
    """Return whether a file is a photo by its ending, or by its content where that says nothing."""
    if path.suffix.lower() not in ("", ".jfif"):
        return path.suffix.lower() in ENDINGS
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(_FIRST_BYTES)
    except OSError:
        return False


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Return the picture of a file, (H, W, 3) uint8 RGB, turned as its EXIF tag says.

    Raises:
        StreamError: the file cannot be read or is no picture.
    """
    return read_with_profile(path)[0]


def read_with_profile(path: Path) -> tuple[NDArray[np.uint8], bytes | None]:
    """Return the picture and its ICC profile, `None` where it has none or one that is not RGB's."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror})") from error
    image, profile = None, None
    # an error of OpenCV: more pixels than it reads
    with contextlib.suppress(cv2.error):
        if data.size and _KEEPS_PROFILES:
            image, kinds, values = cv2.imdecodeWithMetadata(data, cv2.IMREAD_COLOR_RGB)
            profile = dict(zip(kinds, values, strict=True)).get(cv2.IMAGE_METADATA_ICCP)
        elif data.size:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise StreamError(f"{path}: not a picture that can be read; is it whole?")
    image = np.asarray(image, np.uint8)
    image.setflags(write=False)
    icc = None if profile is None else np.asarray(profile, np.uint8).tobytes()
    return image, icc if icc is not None and icc[16:20] == b"RGB " else None


def encode_photo(image: NDArray[np.uint8], path: Path, profile: bytes | None = None) -> bytes:
    """Return the file of an image, its format by `path`'s ending.

    Args:
        image: (H, W, 3) uint8 RGB or (H, W, 4) RGBA.
        path: for its ending, and for messages.
        profile: ICC profile of the colours, which BMP and TIFF files do without.

    Raises:
        StreamError: the format is unknown, or cannot hold the image (transparency in a JPEG).
    """
    ending = path.suffix.lower()
    if image.shape[2] == 4 and ending not in (".png", ".webp", ".tif", ".tiff"):
        raise StreamError(f"{path}: {ending} cannot be transparent; write a .png")
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    }
    pixels, settings = cv2.cvtColor(image, order), options.get(ending, [])
    data = None
    if profile is not None and ending in (".jpg", ".jpeg", ".png", ".webp"):
        data = _encoded(cv2.imencodeWithMetadata, ending, pixels, *_as_metadata(profile), settings)
    if data is None:  # no profile, or one that is damaged
        data = _encoded(cv2.imencode, ending, pixels, settings)
    if data is None:
        raise StreamError(f"{path}: cannot be written as {ending}; write a .png or .jpg")
    return data


def _as_metadata(profile: bytes) -> tuple[list[int], list[NDArray[np.uint8]]]:
    return [cv2.IMAGE_METADATA_ICCP], [np.frombuffer(profile, np.uint8)]


def _encoded(encode: Callable[..., tuple[bool, Any]], *arguments: Any) -> bytes | None:
    """Return what OpenCV makes of an image, `None` where it cannot."""
    try:
        good, data = encode(*arguments)
    except cv2.error:
        return None
    return bytes(data) if good else None
