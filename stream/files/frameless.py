"""What a video file or an animation is as long as it has no frame: a header, if that."""

from __future__ import annotations

_GIF = b"GIF89a"
_GIF_HEADER_BYTES = 13  # with which colours do not come along

#: By the bytes at the beginning of a file of a kind, and from where on: what a frame begins with.
_FRAMES = {
    (0, b"\x1aE\xdf\xa3"): (b"\x1fC\xb6u",),  # Matroska and WebM: a cluster
    (4, b"ftyp"): (b"mdat", b"moof"),  # MP4 and QuickTime: media data, also in a piece
    (0, b"RIFF"): (b"ANMF", b"VP8 ", b"VP8L"),  # WebP
    (0, b"\x89PNG"): (b"fcTL", b"IDAT"),
}


def is_without_frames(data: bytes) -> bool:
    """Return whether a file ends with its header, or before.

    Args:
        data: all of it. Of what is none of the kinds that this program writes nothing is known.
    """
    if data.startswith(_GIF):
        return b"\x2c" not in data[_GIF_HEADER_BYTES:]  # an image, of which extensions have none
    for (at, beginning), frames in _FRAMES.items():
        if data.startswith(beginning, at):
            return not any(frame in data for frame in frames)
    return not data
