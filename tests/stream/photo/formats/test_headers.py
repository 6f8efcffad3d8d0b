"""What files of photos say of themselves."""

from __future__ import annotations

import contextlib
import io
import struct

import numpy as np
import pytest

from stream.photo.decoding import decode
from stream.photo.formats.kinds import kind_of, photo_header
from tests.inputs.icc_profiles import DISPLAY_P3, rgb_profile
from tests.inputs.photo_files import camera_exif, person

Image = pytest.importorskip("PIL.Image")

KINDS = {
    "JPEG": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tiff",
    "AVIF": "avif",
    "GIF": "gif",
    "BMP": "bmp",
}
PROFILE = rgb_profile(*DISPLAY_P3)


def coded(kind: str) -> bytes:
    data = io.BytesIO()
    more = {"exif": b"Exif\0\0" + camera_exif(), "icc_profile": PROFILE, "dpi": (300, 300)}
    if kind == "TIFF":
        more.pop("exif")
    Image.fromarray(person()).save(data, kind, **({} if kind in ("GIF", "BMP") else more))
    return data.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_kind_size_and_profile(kind):
    data = coded(kind)
    assert kind_of(data[:64]) == KINDS[kind]
    header = photo_header(data)
    assert header is not None
    assert (header.kind, header.width, header.height) == (KINDS[kind], 64, 48)
    assert header.num_pictures == 1
    assert header.profile == (None if kind in ("GIF", "BMP") else PROFILE)


@pytest.mark.parametrize("kind", KINDS)
def test_what_breaks_off_or_is_damaged_is_no_crash(kind):
    """Whatever is in a file: a header or none, a photo or `ValueError`."""
    data = coded(kind)
    for length in [*range(min(len(data), 1500)), len(data) - 1]:
        photo_header(data[:length])
    random = np.random.default_rng(7)
    for _ in range(300):
        damaged = bytearray(data)
        for place in random.integers(4, min(len(data), 1200), 4):
            damaged[place] = random.integers(256)
        header = photo_header(bytes(damaged))
        if header is not None and header.width * header.height > 1_000_000:
            continue  # as large as that it would only take its time
        with contextlib.suppress(ValueError):
            assert decode(bytes(damaged), header).image.shape[2] == 3


def test_a_gif_is_as_large_as_its_largest_picture():
    """Which is what decoding it takes memory for."""
    data = bytearray(coded("GIF"))
    at = data.index(b"\x2c\x00\x00\x00\x00\x40\x00\x30\x00")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    header = photo_header(bytes(data))
    assert header is not None
    assert (header.width, header.height) == (65535, 65535)
    with pytest.raises(ValueError, match="has 65535x65535 pixels"):
        decode(bytes(data), header)


# === Pictures behind the first one of a JPEG ===


def several(*kinds: int, order: str = "<", segments: bytes = b"", behind: bytes = b"") -> bytes:
    """A JPEG whose index lists pictures of these kinds behind the first one."""
    entries = b"".join(
        struct.pack(f"{order}IIIHH", kind << 16, 100, 0, 0, 0) for kind in (0x03, *kinds)
    )
    mark = b"II*\0" if order == "<" else b"MM\0*"
    index = mark + struct.pack(f"{order}IHHHIII", 8, 1, 0xB002, 7, len(entries), 26, 0) + entries
    data = coded("JPEG")
    return data[:2] + segments + segment(0xE2, b"MPF\0" + index) + data[2:] + behind


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


ISO = segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0")
XMP = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta hdrgm:Version='1.0'/>")
APPLE = b"\xff\xd8 xmlns:HDRGainMap='http://ns.apple.com/HDRGainMap/1.0/'"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (several(), []),
        (several(0x01, 0x01), []),  # previews
        (several(0x02), ["has 2 pictures; the first one is taken"]),
        (several(0x02, 0x01, 0x02, order=">"), ["has 3 pictures; the first one is taken"]),
        (several(0x00), ["has 2 pictures; the first one is taken"]),
        (several(0x00, segments=ISO), ["has a gain map for HDR screens, which is left out"]),
        (several(0x00, segments=XMP), ["has a gain map for HDR screens, which is left out"]),
        (several(0x00, behind=APPLE), ["has a gain map for HDR screens, which is left out"]),
    ],
)
def test_pictures_behind_the_first_one_are_told(data, told):
    photo = decode(data, photo_header(data))
    assert photo.image.shape == (48, 64, 3)
    assert list(photo.remarks) == told


def test_pictures_as_a_library_writes_them_are_told():
    data = io.BytesIO()
    first = Image.fromarray(person())
    first.save(data, "MPO", save_all=True, append_images=[first.rotate(180)] * 2)
    photo = decode(data.getvalue(), photo_header(data.getvalue()))
    assert photo.remarks == ("has 3 pictures; the first one is taken",)


def test_an_index_that_is_damaged_is_no_crash():
    data = several(0x02, 0x02)
    start = data.index(b"MPF\0")
    random = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(data)
        for place in random.integers(start, start + 80, 4):
            damaged[place] = random.integers(256)
        header = photo_header(bytes(damaged))
        assert header is None or header.num_pictures >= 1
