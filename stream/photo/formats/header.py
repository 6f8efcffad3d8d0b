"""What a photo says of itself, read without decoding it: its kind, size, colours and notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream.photo.formats.clean_aperture import CleanAperture
from stream.photo.formats.described_colours import DescribedColours

Kind = Literal["png", "jpeg", "webp", "tiff", "bmp", "avif", "gif", "heic", "jxl"]


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What a file says before its pixels.

    Attributes:
        kind: of file.
        width: in pixels, as the picture is stored.
        height: likewise.
        num_pictures: frames of an animation, pages of a TIFF, pictures of a JPEG.
        depth: bits of a channel.
        channels: what a pixel is made of.
        has_alpha: some of it may be transparent.
        numbers: what channels are; only whole ones from 0 can be read.
        orientation: how the picture lies, as EXIF numbers it; 1 is upright.
        profile: its ICC profile.
        colours: what else it says of its colours, `None` where that is nothing, or sRGB.
        exif: an EXIF block, of a TIFF the file itself.
        dpi: pixels an inch, across and down, as its own header says.
        aperture: the part of the picture that is to be seen, `None` where that is all.
        has_gain_map: a picture is beside it that makes it one for HDR screens.
    """

    kind: Kind
    width: int
    height: int
    num_pictures: int = 1
    depth: int = 8
    channels: Literal["grey", "rgb", "cmyk", "lab", "other"] = "rgb"
    has_alpha: bool = False
    numbers: Literal["whole", "signed", "floating-point"] = "whole"
    orientation: int = 1
    profile: bytes | None = None
    colours: DescribedColours | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    aperture: CleanAperture | None = None
    has_gain_map: bool = False

    @property
    def shows_several(self) -> bool:
        """Whether others may show more than the first picture; of a JPEG nobody does."""
        return self.num_pictures > 1 and self.kind != "jpeg"
