"""A JPEG XL photo, which ffmpeg makes a PNG of, with all that belongs to it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from stream.errors import StreamError
from stream.ffmpeg.listing import listing_of
from stream.ffmpeg.process import Ffmpeg, log_of
from stream.photo.decoding import NOT_WHOLE, check_header
from stream.photo.formats.header import PhotoHeader
from stream.photo.formats.kinds import photo_header

_ANIMATION = "jpegxl_anim"
_FORMATS = f"jpegxl_pipe,{_ANIMATION}"
# It is decoded again at once. Chunks of transparency, 16 bits, profile, colours and EXIF, of which
# ffmpeg leaves out how the picture lies: that is in its pixels already.
# Without the first ffmpeg waits for ever for more of a file that breaks off.
_PNG = ("-xerror", "-f", "image2pipe", "-c:v", "png", "-compression_level", "1", "-pred", "none")


def read_jpeg_xl(path: Path) -> tuple[bytes, PhotoHeader]:
    """Return the photo in a file, of an animation its first frame, as the file of a PNG.

    Returns:
        The PNG, and what it says of itself, as the header of a JPEG XL.

    Raises:
        StreamError: ffmpeg cannot decode it.
        ValueError: it has more pixels than can be read.
    """
    source = ["-protocol_whitelist", "file", "-format_whitelist", _FORMATS, "-i", f"file:{path}"]
    listing = listing_of(log_of(source))
    if listing.picture is not None and listing.picture.area:
        width, height = map(int, listing.picture.size.split("x"))
        check_header(PhotoHeader("jxl", width, height), path.stat().st_size)
    with closing(Ffmpeg([*source, "-frames:v", "1", *_PNG, "pipe:1"], pipe_out=True)) as process:
        png = process.read_rest()
        if process.wait() or not png:
            raise StreamError(f"{path}: cannot be decoded ({process.failure()})")
    header = photo_header(png)
    if header is None:
        raise ValueError(NOT_WHOLE)
    num_pictures = 2 if listing.container == _ANIMATION else 1
    return png, replace(header, kind="jxl", num_pictures=num_pictures)
