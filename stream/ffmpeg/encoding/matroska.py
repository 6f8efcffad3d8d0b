"""Matroska, for frames with more than 8 bits, and sound, that ffmpeg reads from a pipe.

Its header, unlike that of NUT, says how bright they are, and ffmpeg hands that on to the encoder
and to the container it writes. Format: RFC 8794 (EBML) and RFC 9559 (Matroska).
"""

from __future__ import annotations

import struct
from fractions import Fraction

from stream.colour.light import Light
from stream.ffmpeg.encoding.nut import SoundFormat

_FOURCC = {"yuv420p10le": b"Y3\x0b\x0a"}  # ffmpeg's own, of raw video
_UNKNOWN_LENGTH = b"\x01" + 7 * b"\xff"
_NANOSECONDS = 1_000_000_000

_EBML, _DOC_TYPE = 0x1A45DFA3, 0x4282
_SEGMENT, _INFO, _TIMESTAMP_SCALE = 0x18538067, 0x1549A966, 0x2AD7B1
_TRACKS, _TRACK, _NUMBER, _UID, _KIND = 0x1654AE6B, 0xAE, 0xD7, 0x73C5, 0x83
_CODEC, _FRAME_DURATION = 0x86, 0x23E383
_VIDEO, _WIDTH, _HEIGHT, _COLOUR_SPACE = 0xE0, 0xB0, 0xBA, 0x2EB524
_DISPLAY_WIDTH, _DISPLAY_HEIGHT = 0x54B0, 0x54BA
_COLOUR, _MAX_CLL, _MAX_FALL, _SCREEN = 0x55B0, 0x55BC, 0x55BD, 0x55D0
_RED_X, _BRIGHTEST, _DARKEST = 0x55D1, 0x55D9, 0x55DA  # after `_RED_X` come the other points
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
_AUDIO, _RATE, _CHANNELS, _BITS = 0xE1, 0xB5, 0x9F, 0x6264
_VIDEO_KIND, _SOUND_KIND = 1, 2  # which are also the numbers of their tracks


def file_header(
    size_hw: tuple[int, int],
    pixels: str,
    *,
    pixel_aspect: Fraction,
    fps: Fraction,
    light: Light,
    sound: SoundFormat | None = None,
) -> bytes:
    """Return what precedes the first frame of a file with a track of raw video, maybe with sound.

    Args:
        size_hw: height and width in pixels.
        pixels: "yuv420p10le".
        pixel_aspect: width of a pixel over its height.
        fps: nominal frames a second.
        light: how bright they are.
        sound: of the second track, `None` without one.
    """
    height, width = size_hw
    video = _unsigned(_WIDTH, width) + _unsigned(_HEIGHT, height)
    video += _unsigned(_DISPLAY_WIDTH, width * pixel_aspect.numerator)
    video += _unsigned(_DISPLAY_HEIGHT, height * pixel_aspect.denominator)
    video += _element(_COLOUR_SPACE, _FOURCC[pixels]) + _colour(light)
    track = _numbered(_VIDEO_KIND) + _element(_CODEC, b"V_UNCOMPRESSED")
    track += _unsigned(_FRAME_DURATION, round(_NANOSECONDS / fps)) + _element(_VIDEO, video)
    return (
        _element(_EBML, _element(_DOC_TYPE, b"matroska"))
        + _id(_SEGMENT)
        + _UNKNOWN_LENGTH
        + _element(_INFO, _unsigned(_TIMESTAMP_SCALE, 1))
        + _element(_TRACKS, _element(_TRACK, track) + _sound_track(sound))
    )


def frame_header(time_s: Fraction, num_bytes: int) -> bytes:
    """Return what precedes the `num_bytes` bytes of a frame at a time of at least 0.

    Each has a cluster of its own, in which times are exact to the nanosecond.
    """
    return _header(_VIDEO_KIND, time_s, num_bytes)


def sound_header(time_s: Fraction, num_bytes: int) -> bytes:
    """Return what precedes the `num_bytes` bytes of sound that begin at a time of at least 0."""
    return _header(_SOUND_KIND, time_s, num_bytes)


def _header(track: int, time_s: Fraction, num_bytes: int) -> bytes:
    timestamp = _unsigned(_TIMESTAMP, round(time_s * _NANOSECONDS))
    head = struct.pack(">BhB", 0x80 | track, 0, 0x80)  # at its cluster's time; a keyframe
    block = _id(_SIMPLE_BLOCK) + _length(len(head) + num_bytes) + head
    return _id(_CLUSTER) + _length(len(timestamp) + len(block) + num_bytes) + timestamp + block


def _sound_track(sound: SoundFormat | None) -> bytes:
    if sound is None:
        return b""
    audio = _float(_RATE, sound.rate) + _unsigned(_CHANNELS, sound.channels) + _unsigned(_BITS, 16)
    codec = _element(_CODEC, b"A_PCM/INT/LIT")
    return _element(_TRACK, _numbered(_SOUND_KIND) + codec + _element(_AUDIO, audio))


def _numbered(kind: int) -> bytes:
    return _unsigned(_NUMBER, kind) + _unsigned(_UID, kind) + _unsigned(_KIND, kind)


def _colour(light: Light) -> bytes:
    """Return what says how bright frames are, nothing where nobody knows."""
    levels = {_MAX_CLL: light.max_cll, _MAX_FALL: light.max_fall}
    told = b"".join(_unsigned(name, value) for name, value in levels.items() if value)
    points = [value for xy in light.points or () for value in xy]
    screen = b"".join(_float(_RED_X + index, value) for index, value in enumerate(points))
    if light.brightest_nits:
        screen += _float(_BRIGHTEST, light.brightest_nits) + _float(_DARKEST, light.darkest_nits)
    told += _element(_SCREEN, screen) if screen else b""
    return _element(_COLOUR, told) if told else b""


def _element(name: int, payload: bytes) -> bytes:
    return _id(name) + _length(len(payload)) + payload


def _unsigned(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(8))


def _float(name: int, value: float) -> bytes:
    return _element(name, struct.pack(">d", value))


def _id(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8)


def _length(length: int) -> bytes:
    return (length | 1 << 56).to_bytes(8)
