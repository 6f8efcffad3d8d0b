"""Photos on a disk: which files are photos, and what is in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.picture import GreyPicture, Picture
from stream.errors import StreamError
from stream.files.inputs import reading
from stream.files.jpeg_xl import read_jpeg_xl
from stream.files.still_picture import decode_still
from stream.photo.decoding import NOT_WHOLE, check_header, decode, decode_part, finished
from stream.photo.encoding import FORMATS, encode
from stream.photo.formats.header import PhotoHeader
from stream.photo.formats.kinds import NUM_FIRST_BYTES, begins_as_video, kind_of, photo_header
from stream.photo.formats.unread import unread_kind
from stream.photo.photo import Photo

#: Of files that can be written, and of those that are photos whatever is in them.
WRITTEN_ENDINGS = tuple(FORMATS)
READ_ENDINGS = (*WRITTEN_ENDINGS, ".jpe", ".jfif", ".heic", ".heif", ".avif", ".jxl", ".gif")

#: Of videos that begin as photos do.
_VIDEO_ENDINGS = (".mjpeg", ".mjpg")
_ANIMATED = ("png", "webp", "avif", "gif")


def is_photo(path: Path) -> bool:
    """Return whether a file is a photo: by its ending, or by its content where that says nothing.

    A video is none, whatever its ending. The same for a file named alone and for those of a folder.
    """
    ending = path.suffix.lower()
    if ending in _VIDEO_ENDINGS:
        return False
    first = _first_bytes(path)
    if begins_as_video(first) or unread_kind(ending, first) is not None:
        return False
    return ending in READ_ENDINGS or kind_of(first) is not None


def is_called_photo(path: Path) -> bool:
    """Return whether a file is a video that has the ending of a photo."""
    return path.suffix.lower() in READ_ENDINGS and begins_as_video(_first_bytes(path))


def refuse_unread(path: Path) -> None:
    """Raise `StreamError` where a file is a picture of a kind that is not read."""
    what = unread_kind(path.suffix, _first_bytes(path))
    if what is not None:
        raise StreamError(f"{path}: is {what}, which cannot be read; save it as JPEG, PNG or TIFF")


def is_animation(path: Path) -> bool:
    """Return whether a photo is several, which follow each other in time."""
    if kind_of(_first_bytes(path)) not in _ANIMATED:
        return False
    header = photo_header(_read(path))
    return header is not None and header.num_pictures > 1


def open_photo(path: Path) -> Photo:
    """Return the photo in a file, of one that is cut off what there is of it.

    Raises:
        StreamError: the file cannot be read or is no picture.
    """
    refuse_unread(path)
    data = _read(path)
    header, kind = photo_header(data), kind_of(data[:NUM_FIRST_BYTES])
    if begins_as_video(data[:NUM_FIRST_BYTES]):
        raise StreamError(f"{path}: is a video; a photo is needed here")
    try:
        if kind == "jxl":
            return decode(*read_jpeg_xl(path))
        if kind == "heic" or (header is not None and _is_deep_avif(header)):
            return _by_ffmpeg(path, header)
        return _decoded(data, header)
    except ValueError as error:
        raise StreamError(f"{path}: {error}") from error


def read_photo(
    path: str | Path, on_message: Callable[[str], None] = lambda text: None
) -> NDArray[np.uint8]:
    """Return the photo in a file as networks see it.

    That is (H, W, 3) uint8 RGB in sRGB, the right way up, on white where it is transparent.

    Args:
        path: of the file.
        on_message: told, in one line each, what of it is not read as it is.

    Raises:
        StreamError: the file cannot be read or is no picture.
    """
    photo = open_photo(Path(path))
    for remark in photo.remarks:
        on_message(f"{path}: {remark}")
    return photo.to_srgb(photo.image)


def encode_photo(
    picture: Picture,
    path: Path,
    photo: Photo | None = None,
    *,
    keep_location: bool = False,
) -> tuple[bytes, list[str]]:
    """Return the file of an image, and what of the photo that it was cannot be in it.

    Args:
        picture: whose pixels see `stream.photo.encoding.encode`.
        path: for its ending, which decides the format, and for messages.
        photo: likewise.
        keep_location: likewise.

    Raises:
        StreamError: the format is unknown, or cannot hold the image (transparency in a JPEG).
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise StreamError(f"{path}: cannot be written as {ending}; write a .png or .jpg")
    image = picture.grey if isinstance(picture, GreyPicture) else picture.rgb
    try:
        return encode(image, ending, photo, keep_location=keep_location)
    except ValueError as error:
        raise StreamError(f"{path}: {error}") from error


def _decoded(data: bytes, header: PhotoHeader | None) -> Photo:
    try:
        return decode(data, header)
    except ValueError:
        if header is None:
            raise
        return decode_part(data, header)


def _is_deep_avif(header: PhotoHeader) -> bool:
    """Return whether a photo has bits that Pillow does not read, and nothing that ffmpeg does not.

    For HDR eight bits are too few: a hue off by one step shows.
    """
    is_single = header.num_pictures == 1 and not header.has_alpha
    return header.kind == "avif" and header.depth > 8 and is_single


def _by_ffmpeg(path: Path, header: PhotoHeader | None) -> Photo:
    """Return a photo that ffmpeg decodes, turned by it."""
    if header is not None:
        check_header(header, path.stat().st_size)
    pixels = decode_still(path)
    header = header or PhotoHeader("heic", pixels.shape[1], pixels.shape[0])
    remarks = ["has transparency, which is not read"] if header.has_alpha else []
    return finished(pixels, replace(header, has_alpha=False), remarks)


def _read(path: Path) -> bytes:
    with reading(path):
        data = path.read_bytes()
    if not data:
        raise StreamError(f"{path}: {NOT_WHOLE}")
    return data


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(NUM_FIRST_BYTES)
    except OSError:
        return b""
