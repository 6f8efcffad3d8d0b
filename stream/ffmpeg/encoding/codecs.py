"""Codecs: which containers hold each, and what ffmpeg is told to encode a picture with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stream.ffmpeg.encoding.encoders import NARROW, SOFTWARE, Encoder
from stream.frame import Colour

_QUICKTIME = (".mp4", ".m4v", ".mov")
_HALVED = ("yuv420p", "nv12", "yuva420p", "yuv420p10le", "p010le")


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to code pictures.

    Attributes:
        name: on the command line, and ffmpeg's.
        title: for people.
        endings: of the containers that hold it.
        even: only pictures with even sides, but for those with transparency.
        tag: by which players of Apple know it in `_QUICKTIME` containers, "" where ffmpeg's is it.
        alpha_endings: of the containers in which it holds transparency.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    even: bool = True
    tag: str = ""
    alpha_endings: tuple[str, ...] = ()


CODECS = {
    codec.name: codec
    for codec in (
        Codec("h264", "H.264", (*_QUICKTIME, ".mkv")),
        Codec("hevc", "HEVC", (*_QUICKTIME, ".mkv"), tag="hvc1"),
        Codec("av1", "AV1", (".mp4", ".m4v", ".mkv", ".webm")),
        Codec("vp9", "VP9", (".webm", ".mp4", ".m4v", ".mkv"), False, alpha_endings=(".webm",)),
        Codec("prores", "ProRes", (".mov", ".mkv"), alpha_endings=(".mov",)),
    )
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the pictures of one output are encoded.

    Attributes:
        codec: of the output.
        encoder: that writes it, one of `SOFTWARE` or `HARDWARE` for that codec.
        depth: bits a channel, a key of `encoder.pixels`: 8 or 10.
        has_alpha: there is transparency, which has a depth of its own.
    """

    codec: Codec
    encoder: Encoder
    depth: int = 8
    has_alpha: bool = False

    @classmethod
    def by(cls, codec: str, *, depth: int = 8, has_alpha: bool = False) -> Encoding:
        """Return the encoding by the first of the codec's software encoders."""
        return cls(CODECS[codec], SOFTWARE[codec][0], depth, has_alpha)

    @property
    def pixels(self) -> str:
        """Ffmpeg's name of the pixels that the encoder is given."""
        return self.encoder.alpha_pixels if self.has_alpha else self.encoder.pixels[self.depth]

    @property
    def in_software(self) -> bool:
        """Whether it is encoded by the processor, the same everywhere."""
        return self.encoder in SOFTWARE[self.codec.name]

    @property
    def halves_chroma(self) -> bool:
        """Whether there is a value of chroma for two by two pixels."""
        return self.pixels in _HALVED

    @property
    def is_even(self) -> bool:
        """Whether the sides of the picture must be even."""
        return self.codec.even and not self.has_alpha

    def arguments(
        self,
        ending: str,
        tags: Colour,
        preset: str,
        crf: int | None,
        *,
        width: int,
        filters: Sequence[str] = (),
        recording: bool = False,
    ) -> list[str]:
        """Return ffmpeg's arguments that encode the picture.

        Args:
            ending: of the output, one of `codec.endings`.
            tags: that the output gets; what is `None` is "unknown" there.
            preset: one of `X264_PRESETS`, for encoders that know faster and slower.
            crf: constant rate factor in x264's scale of 0 (lossless) to 51, which ProRes has not;
                `None` where something else says how large the output becomes.
            width: of the picture.
            filters: that make `pixels` of what ffmpeg is given.
            recording: little is held back.
        """
        encoder = self.encoder
        chain = [*filters, _tagging(tags), *([encoder.upload] if encoder.upload else [])]
        options = [*encoder.device, "-vf", ",".join(chain), "-c:v", encoder.name]
        options += [] if crf is None else encoder.quality(preset, crf)
        if self.has_alpha:
            # several threads of the conversion mix up the rows of alpha
            options = ["-filter_threads", "1", *options, *encoder.alpha_options]
        elif encoder.narrow and width < NARROW:
            options += encoder.narrow
        elif recording:
            options += encoder.recording
        if tags.chroma_location is not None and self.halves_chroma:
            options += ["-chroma_sample_location", tags.chroma_location]
        if self.codec.tag and ending in _QUICKTIME:
            options += ["-tag:v", self.codec.tag]
        return options


def _tagging(colour: Colour) -> str:
    """Return the filter that says how the colours of frames are coded, and changes no pixel."""
    return (
        f"setparams=colorspace={colour.matrix or 'unknown'}"
        f":range={'pc' if colour.full_range else 'tv'}"
        f":color_primaries={colour.primaries or 'unknown'}"
        f":color_trc={colour.transfer or 'unknown'}"
    )
