"""ICC profiles, written tag by tag: RGB by its primaries, grey by a gamma, CMYK by a table."""

from __future__ import annotations

import struct

import numpy as np

ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 2.2
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), 2.2
# D50, the white of profiles, and from D65 to it (Bradford)
_WHITE = 0.9642, 1.0, 0.8249
_TO_D50 = np.array(
    [[1.0479, 0.0229, -0.0502], [0.0296, 0.9904, -0.0171], [-0.0092, 0.0151, 0.7519]]
)


def rgb_profile(corners: tuple[tuple[float, float], ...], gamma: float) -> bytes:
    """Return a profile of these primaries (x, y), white D65."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in corners]).T
    columns = columns * np.linalg.solve(columns, [0.9505, 1, 1.0891])
    red, green, blue = (_TO_D50 @ columns).T
    curve = _gamma(gamma)
    tags = {b"rXYZ": _xyz(*red), b"gXYZ": _xyz(*green), b"bXYZ": _xyz(*blue)}
    return _profile(
        b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    )


def grey_profile(gamma: float) -> bytes:
    """Return a grey profile of that gamma; 1 is linear light."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _gamma(gamma)})


def cmyk_profile() -> bytes:
    """Return a profile of inks that are duller than those that RGB is usually made of."""
    table = b""
    for corner in range(16):
        cyan, magenta, yellow, black = (corner >> shift & 1 for shift in (3, 2, 1, 0))
        light = 95 * (1 - 0.4 * cyan) * (1 - 0.4 * magenta) * (1 - 0.1 * yellow) * (1 - 0.8 * black)
        a, b = -30 * cyan + 60 * magenta, -35 * cyan + 70 * yellow
        table += bytes([round(light * 2.55), round(128 + a * 0.7), round(128 + b * 0.7)])
    steps = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel().tolist())
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + steps * 4 + table + steps * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})


def _profile(kind: bytes, colours: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    name = b"made for a test"
    text = b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name + bytes(1 + 11 + 67)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _xyz(*_WHITE)} | tags
    places, bodies = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for tag, body in tags.items():
        places += struct.pack(">4sII", tag, start + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s28s",
        start + len(bodies),
        b"",
        0x02400000,
        kind,
        colours,
        connection,
        bytes(12),
        b"acsp",
        bytes(28),
    )
    head += struct.pack(">3i", *(round(each * 65536) for each in _WHITE))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + places + bodies


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
