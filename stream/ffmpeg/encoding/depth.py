"""How many bits an output has, by what codec, and what is told of those that it has not."""

from __future__ import annotations

from stream.ffmpeg.encoding.codecs import CODECS, Encoding
from stream.ffmpeg.encoding.formats import FORMATS
from stream.frame import TONE_MAPPED, StreamInfo

#: Codecs whose players know 10 bits: a source in one of them stays in it.
_DEEP_CODECS = ("hevc", "av1", "vp9")
_HDR_CODEC = "hevc"


def default_codec(ending: str, stream: StreamInfo, *, has_alpha: bool) -> str:
    """Return by which codec pictures are coded unless told otherwise, a key of `CODECS`.

    HDR by HEVC, and what has 10 bits by the codec that it came in, where the container holds it.

    Args:
        ending: a key of `FORMATS`.
        stream: of the outputs.
        has_alpha: they have transparency.
    """
    kind = FORMATS[ending]
    if has_alpha:
        return kind.alpha_codec
    if stream.depth == 8:
        return kind.codec
    wanted = stream.codec if stream.codec in _DEEP_CODECS and not stream.is_hdr else _HDR_CODEC
    is_kept = stream.is_hdr or stream.codec in _DEEP_CODECS
    return wanted if is_kept and ending in CODECS[wanted].endings else kind.codec


def depth_of(encoding: Encoding, stream: StreamInfo) -> int:
    """Return the bits of a value that an output has: all that the source has, where it can."""
    can = not encoding.has_alpha and stream.depth in encoding.encoder.pixels
    return stream.depth if can else 8


def left_out(encoding: Encoding, ending: str, stream: StreamInfo) -> str | None:
    """Return what an output has not of its source, in words, `None` where it has all."""
    if encoding.depth >= stream.depth:
        return None
    other = _HDR_CODEC if ending in CODECS[_HDR_CODEC].endings else FORMATS[ending].codec
    keeps = "" if encoding.has_alpha else f"; --codec {other} keeps "
    if stream.is_hdr:
        return f"{TONE_MAPPED}{keeps and f'{keeps}it'}"
    return f"has 8 of the {stream.depth} bits of its source, dithered{keeps and f'{keeps}them'}"
