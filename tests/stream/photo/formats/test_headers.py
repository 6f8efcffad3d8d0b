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


def several(*others: tuple[int, bytes], order: str = "<") -> bytes:
    """A JPEG with these pictures behind it, whose index lists them and their kinds."""
    begin = 2 + 8  # of the index: behind SOI, marker, length and "MPF"
    entries = [struct.pack(f"{order}IIIHH", 0x03 << 16, 100, 0, 0, 0)]
    first = coded("JPEG")
    at = begin + 26 + 16 * (1 + len(others)) + len(first) - 2
    for kind, picture in others:
        entries.append(struct.pack(f"{order}IIIHH", kind << 16, len(picture), at - begin, 0, 0))
        at += len(picture)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    listed = b"".join(entries)
    index = mark + struct.pack(f"{order}IHHHIII", 8, 1, 0xB002, 7, len(listed), 26, 0) + listed
    data = first[:2] + segment(0xE2, b"MPF\0" + index) + first[2:]
    return data + b"".join(picture for _, picture in others)


def picture(body: bytes = b"", marker: int = 0xE1, scale: float = 1.0) -> bytes:
    """A JPEG, with a segment, in so many times the size."""
    data = io.BytesIO()
    image = Image.fromarray(person())
    image.resize((round(image.width * scale), round(image.height * scale))).save(data, "JPEG")
    head = segment(marker, body) if body else b""
    return data.getvalue()[:2] + head + data.getvalue()[2:]


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


GAIN = ["has a gain map for HDR screens, which is left out"]
ISO, XMP = b"urn:iso:std:iso:ts:21496:-1\0", b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta "
ANDROID, APPLE = XMP + b"hdrgm:Version='1.0'/>", XMP + b"a='http://ns.apple.com/HDRGainMap/1.0/'/>"
DEPTH = XMP + b"xmlns:depthData='http://ns.apple.com/depthData/1.0/'/>"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (several(), []),
        (several((0x01, picture()), (0x01, picture(scale=0.5))), []),  # previews
        (several((0x02, picture())), ["has 2 pictures; the first one is taken"]),
        (
            several((0x02, picture(scale=2)), (0x01, picture()), (0x02, picture()), order=">"),
            ["has 3 pictures; the first one is taken"],
        ),
        (several((0x00, picture())), ["has 2 pictures; the first one is taken"]),
        (several((0x00, picture(ISO, 0xE2))), GAIN),
        (several((0x00, picture(ANDROID, scale=0.25))), GAIN),
        (several((0x05, picture(scale=0.5))), GAIN),
        # a portrait of an iPhone: gain map, depth, masks
        (
            several(
                (0x00, picture(APPLE, scale=0.5)),
                (0x00, picture(DEPTH, scale=0.2)),
                *[(0x00, picture(scale=0.5))] * 3,
            ),
            GAIN,
        ),
        # a program has left out what is behind, or moved it without the index
        (several((0x02, b""), (0x00, b"")), []),
        (several((0x02, b"\0" + picture()), (0x00, b"\0" + picture(ANDROID))), []),
        # the first one alone says that there is a gain map, of which there is none
        (picture(ANDROID), []),
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
    data = several((0x02, picture()), (0x00, picture(ANDROID)))
    start = data.index(b"MPF\0")
    random = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(data)
        for place in random.integers(start, start + 4 + 26 + 3 * 16, 4):
            damaged[place] = random.integers(256)
        header = photo_header(bytes(damaged))
        assert header is not None
        assert (header.width, header.height) == (64, 48)
        assert 1 <= header.num_pictures <= 3
