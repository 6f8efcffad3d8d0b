"""The bytes of a file become a photo."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.pillow_limit import without_limit
from stream.colour.curves import light_to_srgb, srgb_to_light
from stream.photo.colour_profile import colours_of, to_srgb
from stream.photo.formats import jpeg, png
from stream.photo.formats.exif import ORIENTATION, Notes, read_notes
from stream.photo.formats.header import PhotoHeader
from stream.photo.formats.kinds import photo_header
from stream.photo.library_lines import taken
from stream.photo.photo import Photo, photo_of, turned

Pixels = NDArray[Any]

#: OpenCV reads no more, and no longer sides.
MAX_PIXELS, MAX_SIDE = 1 << 30, 1 << 20
#: A picture without anything in it may have so many, or this much of its file: photos have at most
#: some 20 a byte, and what claims far more takes gigabytes of memory for nothing.
MAX_FLAT_PIXELS, PIXELS_A_BYTE = 100_000_000, 100

NOT_WHOLE = "not a picture that can be read; is it whole?"
_CUT_OFF = "is damaged or cut off; what can be read of it is there, the rest is plain"
_DAMAGED = "is damaged; what can be read of it is there"
#: What is told of those of which only a part could be read.
DAMAGE = (_CUT_OFF, _DAMAGED)


def decode(data: bytes, header: PhotoHeader | None = None) -> Photo:
    """Return the photo that a file holds, of an animation its first frame.

    Args:
        data: of the file.
        header: what it says of itself, if that was read before.

    Raises:
        ValueError: it cannot be read; says why in a few words.
    """
    header = header or photo_header(data)
    if header is None:  # a kind that OpenCV may know nevertheless
        return photo_of(_as_rgb(_decoded(data, cv2.IMREAD_COLOR_RGB)))
    check_header(header, len(data))
    pixels, profile, remarks = _pixels(data, header)
    photo = finished(pixels, replace(header, profile=profile), remarks)
    return replace(photo, is_part=True) if _DAMAGED in remarks else photo


def decode_part(data: bytes, header: PhotoHeader) -> Photo:
    """Return the photo in a file that is damaged or cut off, as far as it goes.

    Args:
        data: of a file that `decode` cannot read.
        header: what it says of itself.

    Raises:
        ValueError: nothing of it can be read, or it is of a kind of which no part can be.
    """
    check_header(header, len(data))
    if header.kind == "jpeg" and (whole := jpeg.completed(data)) is not None:
        pixels, profile = _by_pillow(whole, header)  # which says nothing of it in lines of its own
        remarks = list[str]()
    elif header.kind == "png" and (whole := png.completed(data)) is not None:
        pixels, profile, remarks = _pixels(whole, header)
    else:
        raise ValueError(NOT_WHOLE)
    photo = finished(pixels, replace(header, profile=profile), [*remarks, _CUT_OFF])
    return replace(photo, is_part=True)


def check_header(header: PhotoHeader, num_bytes: int) -> None:
    """Raise `ValueError` where a file of so many bytes says that it is one that cannot be read."""
    width, height = header.width, header.height
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        most = f"{MAX_PIXELS // 1_000_000} million in all, {MAX_SIDE // 1000} thousand a side"
        raise ValueError(f"has {width}x{height} pixels, and no more can be read than {most}")
    if width * height > max(MAX_FLAT_PIXELS, PIXELS_A_BYTE * num_bytes):
        raise ValueError(f"is {width}x{height}, far more than a photo of {num_bytes} bytes has")
    if header.numbers != "whole":
        kind = f"{header.numbers} numbers of {header.depth} bits"
        raise ValueError(f"its pixels are {kind}; save it with 8 or 16 bits a channel from 0 on")
    if header.kind == "tiff" and header.depth > 16:
        raise ValueError(f"has {header.depth} bits a channel; save it with 8 or 16")


def finished(pixels: Pixels, header: PhotoHeader, remarks: list[str]) -> Photo:
    """Return the photo of upright pixels: its colours in RGB, 16 bits filled, with its notes.

    Args:
        pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) with straight alpha, uint8 or uint16.
        header: of the file.
        remarks: so far.
    """
    pixels = pixels if header.aperture is None else header.aperture.of(pixels)
    if pixels.dtype == np.uint16 and header.kind in ("png", "tiff"):
        pixels, few = _filled(pixels)
        remarks = [*remarks, *few]
    is_grey = pixels.ndim == 2
    pixels = _as_rgb(pixels)
    profile, kind = header.profile, None if header.profile is None else colours_of(header.profile)
    if profile is not None and kind == "grey" and (is_grey or header.channels == "grey"):
        pixels, profile = _of_grey(pixels, profile, remarks), None
    elif profile is not None and kind != "rgb":
        remarks.append("has a colour profile that does not fit it; taken for sRGB")
        profile = None
    elif profile is None and header.colours is not None:
        pixels = pixels if pixels.flags.writeable else pixels.copy()
        pixels[..., :3] = header.colours.to_srgb(pixels[..., :3])
        if header.colours.is_hdr:
            remarks.append("has HDR colours, which are brought into sRGB")
    return photo_of(pixels, profile=profile, notes=_notes(header), remarks=tuple(remarks))


def _pixels(data: bytes, header: PhotoHeader) -> tuple[Pixels, bytes | None, list[str]]:
    """Return pixels the right way up, the profile that is theirs, and what is to be told."""
    remarks = _left_out(header)
    if header.kind in ("avif", "gif"):
        if header.depth > 8:
            remarks.append(f"has {header.depth} bits a channel, of which 8 are read")
        return *_by_pillow(data, header), remarks
    is_tiff = header.kind == "tiff"
    has_ink = header.channels == "cmyk" and header.profile is not None
    # OpenCV leaves out the alpha of grey, and multiplies that of 8-bit TIFF into its colours
    has_lost_alpha = (
        header.has_alpha and (header.channels == "grey" or is_tiff) and header.depth <= 8
    )
    # and takes the white of Lab, which is D50, for that of sRGB
    is_lab = header.channels == "lab" and header.depth <= 8
    if has_ink or has_lost_alpha or is_lab:
        return *_by_pillow(data, header), remarks
    if header.kind == "webp":  # of one that is damaged OpenCV says nothing
        try:
            return *_by_pillow(data, header), remarks
        except ValueError:
            remarks.append(_DAMAGED)
    is_plain = header.depth <= 8 and not header.has_alpha
    flags = cv2.IMREAD_COLOR_RGB if is_plain else cv2.IMREAD_UNCHANGED
    try:
        pixels = _by_opencv(data, header, flags, remarks)
    except ValueError:
        if header.depth > 8:
            raise
        # Pillow is content where all pixels are there and what follows them is damaged
        return *_by_pillow(data, header), remarks
    if not is_plain:
        pixels = _in_order(pixels, data, header)
    # of TIFF OpenCV turns them whatever it is told
    return turned(pixels, 1 if is_tiff else header.orientation), header.profile, remarks


def _left_out(header: PhotoHeader) -> list[str]:
    """Return what is told of pictures beside the first one."""
    told = []
    if header.num_pictures > 1:
        what = {"tiff": "pages", "jpeg": "pictures"}.get(header.kind)
        if what is None:
            told.append("is an animation; the first frame is taken")
        else:
            told.append(f"has {header.num_pictures} {what}; the first one is taken")
    if header.has_gain_map:
        told.append("has a gain map for HDR screens, which is left out")
    return told


def _by_opencv(data: bytes, header: PhotoHeader, flags: int, remarks: list[str]) -> Pixels:
    if header.kind == "png":
        return _decoded(png.picture_alone(data), flags)
    if header.kind != "jpeg":
        return _decoded(data, flags)
    with taken(jpeg.LIBRARY_LINES) as lines:
        pixels = _decoded(data, flags)
    remarks += [_DAMAGED] if jpeg.is_damaged(lines) else []
    return pixels


def _decoded(data: bytes, flags: int) -> Pixels:
    image = None
    if flags == cv2.IMREAD_COLOR_RGB:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION  # the other flag ignores it of itself
    # an error of OpenCV: more pixels than it reads
    with contextlib.suppress(cv2.error):
        if data:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(NOT_WHOLE)
    return np.asarray(image)


def _in_order(pixels: Pixels, data: bytes, header: PhotoHeader) -> Pixels:
    """Return RGB of BGR, RGBA of BGRA, and of grey, of which a PNG says that one is clear."""
    if pixels.ndim == 2:
        is_clear = header.kind == "png" and header.has_alpha
        return png.with_clear_grey(data, pixels) if is_clear else pixels
    codes = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return np.asarray(cv2.cvtColor(pixels, codes[pixels.shape[2]]))


def _by_pillow(data: bytes, header: PhotoHeader) -> tuple[Pixels, bytes | None]:
    """Return what Pillow reads, the right way up, and its profile unless it is converted."""
    from PIL import Image as Pictures

    try:
        # of pixels, which `check_header` has seen to
        with without_limit(), Pictures.open(io.BytesIO(data)) as picture:
            # of a TIFF it turns them by itself
            orientation = 1 if header.kind == "tiff" else picture.getexif().get(ORIENTATION, 1)
            profile = header.profile
            pixels: Pixels
            if picture.mode == "CMYK" and profile is not None and colours_of(profile) == "cmyk":
                pixels, profile = to_srgb(np.asarray(picture), profile), None
            else:
                pixels = np.asarray(picture.convert("RGBA" if header.has_alpha else "RGB"))
    except Exception as error:  # of any kind, as its decoders please
        raise ValueError(NOT_WHOLE) from error
    if header.kind == "png" and header.channels == "grey" and header.depth < 8 and header.has_alpha:
        pixels = png.with_clear_grey(data, pixels[..., 0])
    return turned(pixels, orientation), profile


def _as_rgb(pixels: Pixels) -> Pixels:
    """Return (H, W, 3) of grey; others as they are."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)) if pixels.ndim == 2 else pixels


def _filled(pixels: Pixels) -> tuple[Pixels, list[str]]:
    """Return values that reach no further than 10 or 12 bits over all of 16, and say so."""
    brightest = int(pixels[..., :3].max() if pixels.ndim == 3 else pixels.max())
    if not 255 < brightest < 4096:
        return pixels, []
    bits = 10 if brightest < 1024 else 12
    pixels = pixels.copy()
    colours = pixels[..., :3] if pixels.ndim == 3 else pixels
    colours[:] = np.rint(colours * (65535 / ((1 << bits) - 1)))
    return pixels, [
        f"has values up to {brightest} of 65535, taken for {bits} bits and made brighter"
    ]


def _of_grey(pixels: Pixels, profile: bytes, remarks: list[str]) -> Pixels:
    """Return RGB of equal channels, whose values are a grey profile's, in sRGB."""
    most = np.iinfo(pixels.dtype).max
    try:
        steps = to_srgb(np.arange(256, dtype=np.uint8)[None], profile)[0, :, 1]
    except ValueError as error:
        remarks.append(f"{error}; taken for sRGB")
        return pixels
    # between the steps light lies on a line, what sRGB makes of it does not
    light = np.interp(
        np.arange(most + 1) * (255 / most), np.arange(256), srgb_to_light(steps / 255)
    )
    table = np.rint(light_to_srgb(light) * most).astype(pixels.dtype)
    converted = pixels.copy()
    converted[..., :3] = table[pixels[..., :3]]
    return converted


def _notes(header: PhotoHeader) -> Notes:
    notes = Notes() if header.exif is None else read_notes(header.exif)
    return notes if header.dpi is None else replace(notes, dpi=header.dpi)
