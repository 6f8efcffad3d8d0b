"""NUT, a container for raw frames, and sound, with exact timestamps; ffmpeg reads it from a pipe.

Format: "NUT Open Container Format" draft 20130330 (FFmpeg's documentation, nut.txt), version 3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

_FILE_ID = b"nut/multimedia container\0"
_MAIN_CODE = 0x4E4D_7A56_1F5F_04AD
_STREAM_CODE = 0x4E53_1140_5BF2_F9DB
_SYNCPOINT_CODE = 0x4E4B_E4AD_EECA_4569
_INFO_CODE = 0x4E49_AB68_B596_BA78

_VERSION = 3
_MAX_DISTANCE = 65536
_MAX_PTS_DISTANCE = 1 << 30
_FLAG_KEY, _FLAG_CODED_PTS, _FLAG_SIZE_MSB, _FLAG_CHECKSUM = 1, 8, 32, 64
_PICTURE, _SOUND = 0, 1  # the streams, whose numbers are also those of their time bases
_SOUND_FOURCC = b"PSD\x10"  # signed samples of 16 bits, little-endian

#: FourCC of raw video by ffmpeg's name of its pixels, all with 8 bits.
_FOURCC = {"rgb24": b"RGB\x18", "rgba": b"RGBA", "yuv420p": b"I420"}


class SoundFormat(NamedTuple):
    """Sound of 16 bits, little-endian: samples a second, and how many channels take turns."""

    rate: int
    channels: int


def file_header(
    size_hw: tuple[int, int],
    pixels: str,
    *,
    time_base: Fraction,
    pixel_aspect: Fraction,
    fps: Fraction,
    sound: SoundFormat | None = None,
) -> bytes:
    """Return what precedes the first frame of a file with a stream of raw video, maybe with sound.

    Args:
        size_hw: height and width in pixels.
        pixels: "rgb24", "rgba" or "yuv420p".
        time_base: unit of timestamps in seconds.
        pixel_aspect: width of a pixel over its height.
        fps: nominal frames a second.
        sound: of the second stream, `None` without one.
    """
    time_bases = [time_base] if sound is None else [time_base, Fraction(1, sound.rate)]
    header = (
        _FILE_ID
        + _packet(_MAIN_CODE, _main_header(time_bases))
        + _packet(_STREAM_CODE, _stream_header(size_hw, pixels, pixel_aspect))
    )
    if sound is not None:
        header += _packet(_STREAM_CODE, _sound_header(sound))
    return header + _packet(_INFO_CODE, _frame_rate_info(fps))


def frame_header(pts: int, num_bytes: int, *, has_sound: bool = False) -> bytes:
    """Return what precedes the `num_bytes` bytes of the frame at `pts` >= 0 time base units.

    Every frame is larger than the distance allowed between two sync points, so each has its own.

    Args:
        pts: in the picture's time base.
        num_bytes: of the frame.
        has_sound: the file has two streams.
    """
    return _header(_PICTURE, pts, num_bytes, num_streams=2 if has_sound else 1)


def sound_header(pts: int, num_bytes: int) -> bytes:
    """Return what precedes `num_bytes` bytes of sound that begin at sample `pts` >= 0."""
    return _header(_SOUND, pts, num_bytes, num_streams=2)


def _header(stream: int, pts: int, num_bytes: int, *, num_streams: int) -> bytes:
    syncpoint = _packet(_SYNCPOINT_CODE, _unsigned(pts * num_streams + stream) + _unsigned(0))
    # Coded pts below 1 << msb_pts_shift (here 1) would be relative, the others are pts plus that.
    head = bytes([stream]) + _unsigned(pts + 1) + _unsigned(num_bytes)
    return syncpoint + head + _checksum(head)


def _main_header(time_bases: Sequence[Fraction]) -> bytes:
    flags = _FLAG_KEY | _FLAG_CODED_PTS | _FLAG_SIZE_MSB | _FLAG_CHECKSUM
    # The frame code table, a row of six fields a stream: each has the code of its number, and the
    # last one the rest of the 255 usable codes.
    # flags, number of fields; pts delta, size multiplier, stream, size, reserved bytes, count
    num_streams = num_time_bases = len(time_bases)
    values = [_VERSION, num_streams, _MAX_DISTANCE, num_time_bases]
    for time_base in time_bases:
        values += [time_base.numerator, time_base.denominator]
    for stream in range(num_streams):
        num_codes = 1 if stream < num_streams - 1 else 255 - stream
        values += [flags, 6, 0, 1, stream, 0, 0, num_codes]
    num_elision_headers_minus_1 = 0
    return b"".join(map(_unsigned, [*values, num_elision_headers_minus_1]))


def _stream_header(size_hw: tuple[int, int], pixels: str, pixel_aspect: Fraction) -> bytes:
    fourcc = _FOURCC[pixels]
    stream_id = video_class = time_base_id = msb_pts_shift = decode_delay = flags = 0
    values = [time_base_id, msb_pts_shift, _MAX_PTS_DISTANCE, decode_delay, flags]
    num_codec_bytes = colour_space = 0
    values += [num_codec_bytes, size_hw[1], size_hw[0]]
    values += [pixel_aspect.numerator, pixel_aspect.denominator, colour_space]
    head = [stream_id, video_class, len(fourcc)]
    return b"".join(map(_unsigned, head)) + fourcc + b"".join(map(_unsigned, values))


def _sound_header(sound: SoundFormat) -> bytes:
    audio_class, time_base_id, msb_pts_shift, decode_delay, flags = 1, _SOUND, 0, 0, 0
    values = [time_base_id, msb_pts_shift, _MAX_PTS_DISTANCE, decode_delay, flags]
    num_codec_bytes, rate_divisor = 0, 1
    values += [num_codec_bytes, sound.rate, rate_divisor, sound.channels]
    head = [_SOUND, audio_class, len(_SOUND_FOURCC)]
    return b"".join(map(_unsigned, head)) + _SOUND_FOURCC + b"".join(map(_unsigned, values))


def _frame_rate_info(fps: Fraction) -> bytes:
    name, value = b"r_frame_rate", f"{fps.numerator}/{fps.denominator}".encode()
    stream_id_plus_1, chapter_id, chapter_start, chapter_length, num_fields = 1, 0, 0, 0, 1
    values = [stream_id_plus_1, chapter_id, chapter_start, chapter_length, num_fields]
    type_utf8 = 2  # -1 as a signed number
    return (
        b"".join(map(_unsigned, [*values, len(name)]))
        + name
        + _unsigned(type_utf8)
        + _unsigned(len(value))
        + value
    )


def _packet(start_code: int, payload: bytes) -> bytes:
    """Return a packet; short ones (all of ours) have no checksum of their head."""
    length = _unsigned(len(payload) + 4)
    return struct.pack(">Q", start_code) + length + payload + _checksum(payload)


def _unsigned(value: int) -> bytes:
    """Return `value` >= 0 in groups of 7 bits, highest first, all but the last marked."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x8000_0000 else 0)
        table.append(crc & 0xFFFF_FFFF)
    return table


_CRC_TABLE = _crc_table()


def _checksum(data: bytes) -> bytes:
    """Return CRC-32 with generator 0x04C11DB7, highest bit first, starting from 0."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF_FFFF) ^ _CRC_TABLE[crc >> 24 ^ byte]
    return struct.pack(">I", crc)
