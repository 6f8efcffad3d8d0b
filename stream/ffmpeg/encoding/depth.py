"""How many bits an output has, by what codec, and what is told of those that it has not."""

from __future__ import annotations

from stream.ffmpeg.encoding.codecs import CODECS, Encoding
from stream.ffmpeg.encoding.encoders import SOFTWARE
from stream.ffmpeg.encoding.formats import FORMATS
from stream.frame import TONE_MAPPED, StreamInfo

#: Codecs whose players know 10 bits: a source in one of them stays in it.
_DEEP_CODECS = ("hevc", "av1", "vp9")
_HDR_CODEC = "hevc"


def codec_and_depth(
    ending: str, stream: StreamInfo, asked: str | None, *, has_alpha: bool
) -> tuple[str | None, int]:
    """Return the codec of an output and the bits of a value.

    Unless told otherwise HDR is coded by HEVC, and what has 10 bits by the codec that it came in,
    where the container holds it; all bits stay that the codec can hold.

    Args:
        ending: a key of `FORMATS`.
        stream: of the outputs.
        asked: the codec that was asked for, a key of `CODECS`.
        has_alpha: they have transparency.

    Returns:
        `None` for the codec that the container has unless told otherwise.
    """
    codec = asked
    if codec is None and stream.depth > 8 and not has_alpha:
        same = stream.codec if stream.codec in _DEEP_CODECS else None
        wanted = _HDR_CODEC if stream.is_hdr else same
        codec = wanted if wanted and ending in CODECS[wanted].endings else None
    encoders = SOFTWARE[codec or FORMATS[ending].codec]
    can = not has_alpha and any(stream.depth in encoder.pixels for encoder in encoders)
    return codec, stream.depth if can else 8


def left_out(encoding: Encoding, ending: str, stream: StreamInfo) -> str | None:
    """Return what an output has not of its source, in words, `None` where it has all."""
    most = max(stream.depth, stream.source_depth)
    if encoding.depth >= most:
        return None
    if encoding.depth == stream.depth:
        return f"has {encoding.depth} of the {most} bits of its source"
    if encoding.has_alpha:
        return TONE_MAPPED if stream.is_hdr else f"has 8 of the {most} bits of its source"
    other = _HDR_CODEC if ending in CODECS[_HDR_CODEC].endings else FORMATS[ending].codec
    if stream.is_hdr:
        return f"{TONE_MAPPED}; --codec {other} keeps it"
    kept = "them" if most == stream.depth else f"{stream.depth} of them"
    return f"has 8 of the {most} bits of its source, dithered; --codec {other} keeps {kept}"
