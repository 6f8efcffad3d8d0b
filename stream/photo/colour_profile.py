"""What the colours of an ICC profile are in sRGB, and the other way round.

littlecms converts, which Pillow brings along. It is imported where a photo needs it: most need
none.
"""

from __future__ import annotations

import functools
import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_COLOURS = {b"RGB ": "rgb", b"GRAY": "grey", b"CMYK": "cmyk"}
_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}


def colours_of(profile: bytes) -> str | None:
    """Return what an ICC profile is for: "rgb", "grey", "cmyk"; `None` where it is damaged.

    What it says first is looked at, not how it converts.
    """
    is_whole = len(profile) >= 132 and int.from_bytes(profile[:4]) == len(profile)
    return _COLOURS.get(profile[16:20]) if is_whole and profile[36:40] == b"acsp" else None


def to_srgb(image: Image, profile: bytes) -> Image:
    """Return colours of a profile in sRGB, (H, W, 3) uint8.

    Args:
        image: (H, W, 3) uint8 RGB, (H, W) grey or (H, W, 4) CMYK, as the profile is for.
        profile: ICC.

    Raises:
        ValueError: it cannot be used.
    """
    if is_srgb(profile):
        return image
    return _converted(image, _transform(profile, True))


def from_srgb(image: Image, profile: bytes) -> Image:
    """Return (H, W, 3) uint8 RGB of sRGB as values of an RGB profile.

    Raises:
        ValueError: the profile cannot be used.
    """
    return image if is_srgb(profile) else _converted(image, _transform(profile, False))


@functools.lru_cache(maxsize=8)
def is_srgb(profile: bytes) -> bool:
    """Return whether an RGB profile means sRGB itself, as that of most photos does.

    Raises:
        ValueError: it cannot be used.
    """
    if profile[16:20] != b"RGB ":
        return False
    steps = np.linspace(0, 255, 6).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    difference = cv2.absdiff(_converted(cube, _transform(profile, True)), cube)
    return bool(difference.max() <= 2)


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, is_to_srgb: bool) -> Any:
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        mode = _MODES[profile[16:20]]
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        # of grey only a few values are converted, which is cheap without a table of few steps
        flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
        if is_to_srgb:
            return ImageCms.buildTransform(own, srgb, mode, "RGB", intent, flags)
        return ImageCms.buildTransform(srgb, own, "RGB", mode, intent)
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError) as error:
        raise ValueError(f"its colour profile cannot be used ({error})") from error


def _converted(image: Image, transform: Any) -> Image:
    from PIL import Image as Pictures
    from PIL import ImageCms

    picture = Pictures.fromarray(np.ascontiguousarray(image), transform.input_mode)
    return np.array(ImageCms.applyTransform(picture, transform), np.uint8)
