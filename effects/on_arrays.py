"""An effect on one picture, from plain arrays."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.composite import blend
from effects.effect import Effect, Image, check_effect, check_image, check_shown
from effects.parse import parse_effect


def apply(effect: str | Effect, image: Image, mask: NDArray[Any], *, time_s: float = 0.0) -> Image:
    """Return a picture with an effect: `apply("blur=0.6", image, mask)`.

    Args:
        effect: `NAME[=VALUE]` as on the command line, see `EFFECTS`, or an `Effect` itself, such as
            `Replace(photo)`. A file after `replace=` must be a photo of a kind that OpenCV reads;
            what is clear is on white, colour profiles are passed over. `Replace` of what
            `stream.read_photo` returns is as on the command line.
        image: (H, W, 3) uint8 RGB. Not written to.
        mask: (H, W), what is foreground: bool, a float in [0, 1] where an edge is soft, or uint8
            in [0, 255]. Not written to.
        time_s: what an effect of one's own is told, and a background that moves.

    Returns:
        (H, W, 3) uint8 RGB, of `cutout` (H, W, 4) with straight alpha; an array of its own.

    Raises:
        ValueError: there is no such effect, its file cannot be read, or an array has another
            shape, dtype or range, what an effect of one's own returns included.
    """
    if isinstance(effect, str):
        effect = parse_effect(effect, _read_photo)
    check_effect(effect)
    check_image(image)
    alpha = _alpha(mask)
    if alpha.shape != image.shape[:2]:
        raise ValueError(f"mask: expected {image.shape[:2]}, got {alpha.shape}")
    shown = effect(image, alpha, time_s)
    check_shown(shown, alpha.shape)
    return shown.copy() if np.may_share_memory(shown, image) else shown


def _alpha(mask: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a mask as uint8, 255 = foreground."""
    if not isinstance(mask, np.ndarray):
        raise ValueError(f"mask: expected an array (H, W), got {type(mask).__name__}")
    if mask.dtype == np.uint8:
        return mask
    if mask.dtype == np.bool_:
        return np.where(mask, np.uint8(255), np.uint8(0))
    if not np.issubdtype(mask.dtype, np.floating):
        raise ValueError(f"mask: expected bool, float in [0, 1] or uint8, got {mask.dtype}")
    if not ((mask >= 0) & (mask <= 1)).all():
        raise ValueError(f"mask: expected 0 to 1, got {mask.min()} to {mask.max()}")
    return np.asarray(np.rint(mask * 255), np.uint8)


def _read_photo(path: Path) -> Image:
    """Return (h, w, 3) uint8 RGB, turned as its EXIF tag says, on white where it is clear."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ValueError(f"replace: {path}: cannot be read ({error.strerror})") from error
    whole = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    is_clear = whole is not None and whole.ndim == 3 and whole.shape[2] == 4
    # with its opacity OpenCV turns a TIFF alone, and that whatever it is told
    turning = cv2.IMREAD_IGNORE_ORIENTATION if is_clear else 0
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB | turning) if data.size else None
    if photo is None:
        raise ValueError(f"replace: {path}: not a photo that can be read")
    image = np.asarray(photo, np.uint8)
    if whole is None or not is_clear:
        return image
    opacity = whole[..., 3]
    if opacity.dtype != np.uint8:
        opacity = cv2.convertScaleAbs(opacity, alpha=1 / 257)
    if opacity.shape != image.shape[:2]:
        return image
    shown = blend(image, np.full_like(image, 255), np.asarray(opacity, np.uint8))
    return _upright(shown, data)


def _upright(image: Image, data: NDArray[np.uint8]) -> Image:
    """Return an image turned as the EXIF tag of its PNG or WebP says, if that can be read."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    lying = Pictures.fromarray(image)
    try:
        with Pictures.open(io.BytesIO(data.tobytes()), formats=("PNG", "WEBP")) as photo:
            lying.getexif().update(photo.getexif())
        return np.array(ImageOps.exif_transpose(lying))
    except Exception:  # of any kind, as damaged tags please
        return image
