"""NUT, a container for raw frames with exact timestamps, as ffmpeg reads it from a pipe.

Format: "NUT Open Container Format" draft 20130330 (FFmpeg's documentation, nut.txt), version 3.
"""

from __future__ import annotations

import struct
from fractions import Fraction

_FILE_ID = b"nut/multimedia container\0"
_MAIN_CODE = 0x4E4D_7A56_1F5F_04AD
_STREAM_CODE = 0x4E53_1140_5BF2_F9DB
_SYNCPOINT_CODE = 0x4E4B_E4AD_EECA_4569
_INFO_CODE = 0x4E49_AB68_B596_BA78

_VERSION = 3
_MAX_DISTANCE = 65536
_MAX_PTS_DISTANCE = 1 << 30
_FLAG_KEY, _FLAG_CODED_PTS, _FLAG_SIZE_MSB, _FLAG_CHECKSUM = 1, 8, 32, 64
_FRAME_CODE = 0

#: FourCC of raw video by ffmpeg's name of its pixels, all with 8 bits.
_FOURCC = {"rgb24": b"RGB\x18", "rgba": b"RGBA", "yuv420p": b"I420"}


def file_header(
    size_hw: tuple[int, int],
    pixels: str,
    *,
    time_base: Fraction,
    pixel_aspect: Fraction,
    fps: Fraction,
) -> bytes:
    """Return what precedes the first frame of a file with one stream of raw video.

    Args:
        size_hw: height and width in pixels.
        pixels: "rgb24", "rgba" or "yuv420p".
        time_base: unit of timestamps in seconds.
        pixel_aspect: width of a pixel over its height.
        fps: nominal frames a second.
    """
    return (
        _FILE_ID
        + _packet(_MAIN_CODE, _main_header(time_base))
        + _packet(_STREAM_CODE, _stream_header(size_hw, pixels, pixel_aspect))
        + _packet(_INFO_CODE, _frame_rate_info(fps))
    )


def frame_header(pts: int, num_bytes: int) -> bytes:
    """Return what precedes the `num_bytes` bytes of the frame at `pts` >= 0 time base units.

    Every frame is larger than the distance allowed between two sync points, so each has its own.
    """
    syncpoint = _packet(_SYNCPOINT_CODE, _unsigned(pts) + _unsigned(0))
    # Coded pts below 1 << msb_pts_shift (here 1) would be relative, the others are pts plus that.
    head = bytes([_FRAME_CODE]) + _unsigned(pts + 1) + _unsigned(num_bytes)
    return syncpoint + head + _checksum(head)


def _main_header(time_base: Fraction) -> bytes:
    flags = _FLAG_KEY | _FLAG_CODED_PTS | _FLAG_SIZE_MSB | _FLAG_CHECKSUM
    # One row of six fields fills the frame code table: all 255 usable codes mean the same.
    # flags, number of fields; pts delta, size multiplier, stream, size, reserved bytes, count
    table = [flags, 6, 0, 1, 0, 0, 0, 255]
    num_streams = num_time_bases = 1
    values = [_VERSION, num_streams, _MAX_DISTANCE, num_time_bases]
    values += [time_base.numerator, time_base.denominator, *table]
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
