"""Messages beside coded pictures (SEI), which no encoder here writes: captions and HDR10+."""

from __future__ import annotations

import re

#: CTA-708: what ATSC puts beside a picture, two bytes of line 21 in each of two packets.
CAPTIONS = b"\xb5\x00\x31GA94\x03\x42\xff\xfc\x94\x2c\xfc\xc1\xc2\xff"


def hdr10_plus() -> bytes:
    """Return SMPTE ST 2094-40 of one window, without a tone curve: each number and its bits."""
    numbers = [(0xB5, 8), (0x3C, 16), (1, 16), (4, 8), (1, 8), (1, 2), (400, 27), (0, 1)]
    numbers += [(10000, 17), (9000, 17), (8000, 17), (2000, 17), (0, 4), (5, 10)]
    numbers += [(0, 1), (0, 1), (0, 1)]
    bits = "".join(format(number, f"0{width}b") for number, width in numbers)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)


def with_message(stream: bytes, message: bytes, *, hevc: bool) -> bytes:
    """Return H.264 or HEVC with start codes, a message of a registered kind before each slice."""
    escaped = re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", message)
    head = b"\x4e\x01" if hevc else b"\x06"
    sei = b"\x00\x00\x00\x01" + head + bytes([4, len(message)]) + escaped + b"\x80"
    out = b""
    for unit in re.split(rb"(?=\x00\x00\x00\x01|(?<!\x00)\x00\x00\x01)", stream):
        kind = unit.lstrip(b"\x00")[1:2]
        if kind and (kind[0] >> 1 & 63 < 32 if hevc else kind[0] & 31 in (1, 5)):
            out += sei
        out += unit
    return out
