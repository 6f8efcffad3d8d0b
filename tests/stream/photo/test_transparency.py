"""Photos that are transparent already."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from stream.files.photos import open_photo
from stream.serve.site.limits import Limits
from stream.serve.uploads import decode_photo
from tests.inputs.photo_files import person, through, with_chunk
from tests.stand_ins.fakes import PERSON

Image = pytest.importorskip("PIL.Image")

HIDDEN = 255, 0, 255


def sticker() -> np.ndarray:
    """A person whose right half is half clear; of the room the lower part is, with odd colours."""
    pixels = np.dstack([person(), np.full((48, 64), 255, np.uint8)])
    pixels[36:] = (*HIDDEN, 0)
    return pixels


def write(path, pixels: np.ndarray) -> None:
    more = {".webp": {"lossless": True, "exact": True}, ".avif": {"quality": 100}}
    Image.fromarray(pixels).save(path, **more.get(path.suffix, {}))


@pytest.mark.parametrize("source", [".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("out", [".png", ".webp", ".tif"])
def test_what_changes_nothing_keeps_alpha(tmp_path, source, out):
    write(tmp_path / f"in{source}", sticker())
    assert through(tmp_path / f"in{source}", tmp_path / f"out{out}") == []
    with Image.open(tmp_path / f"out{out}") as image:
        written = np.asarray(image).astype(int)
    assert written.shape == (48, 64, 4)
    assert np.abs(written[..., 3] - sticker()[..., 3]).max() < 4
    inside = slice(20, 28), slice(20, 36)  # AVIF mixes colours at edges
    assert np.abs(written[inside][..., :3] - sticker()[inside][..., :3]).max() < 4


def test_the_grey_that_a_png_of_sixteen_bits_names_is_clear(tmp_path):
    grey = np.full((48, 64), 40_000, np.uint16)
    grey[:, 32:] = 300
    data = bytes(cv2.imencode(".png", grey)[1])
    (tmp_path / "in.png").write_bytes(with_chunk(data, b"tRNS", (300).to_bytes(2)))
    photo = open_photo(tmp_path / "in.png")
    assert photo.deep is not None
    assert photo.deep[0, ::63].tolist() == [[40_000] * 3 + [65_535], [300] * 3 + [0]]


@pytest.mark.parametrize("beyond", [0, 0xFF00])  # bits that no grey has, which count for nothing
@pytest.mark.parametrize(("bits", "clear"), [(1, 0), (2, 2), (4, 3), (8, 5)])
def test_the_grey_that_a_png_of_few_bits_names_is_clear(tmp_path, bits, clear, beyond):
    levels = 1 << bits
    row = (np.arange(16) % levels).astype(np.uint8)  # rows of 16 pixels end with a byte
    packed = np.packbits((row[:, None] >> np.arange(bits)[::-1]) & 1).tobytes()
    header = struct.pack(">IIBBBBB", 16, 16, bits, 0, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + check
    for name, body in (
        (b"IEND", b""),
        (b"IDAT", zlib.compress((b"\0" + packed) * 16)),
        (b"tRNS", (clear + beyond).to_bytes(2)),
    ):
        data = with_chunk(data, name, body)
    (tmp_path / "in.png").write_bytes(data)
    image = open_photo(tmp_path / "in.png").straight
    assert image is not None
    assert (image[0, :, 0] == row * (255 // (levels - 1))).all()
    assert (image[0, :, 3] == np.where(row == clear, 0, 255)).all()


@pytest.mark.parametrize("colours", [0, 2])
def test_a_png_that_names_half_a_colour_as_clear_is_a_photo(tmp_path, colours):
    header = struct.pack(">IIBBBBB", 4, 4, 8, colours, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + check
    rows = (b"\0" + bytes([7]) * (4 if colours == 0 else 12)) * 4
    for name, body in ((b"IEND", b""), (b"IDAT", zlib.compress(rows)), (b"tRNS", b"\0")):
        data = with_chunk(data, name, body)
    (tmp_path / "in.png").write_bytes(data)
    photo = open_photo(tmp_path / "in.png")
    assert photo.straight is None
    assert (photo.image == 7).all()


def test_alpha_that_an_output_cannot_hold_is_said(tmp_path):
    write(tmp_path / "in.png", sticker())
    (line,) = through(tmp_path / "in.png", tmp_path / "out.jpg")
    assert "is without the transparency of its photo, on white" in line
    with Image.open(tmp_path / "out.jpg") as image:
        assert min(np.asarray(image)[-1, 0]) > 245, "what is hidden stays hidden"


def test_cutout_multiplies_into_alpha(tmp_path):
    pixels = sticker()
    pixels[16:32, 28:40, 3] = 128
    write(tmp_path / "in.png", pixels)
    out = tmp_path / "out.png"
    # the person as an oracle sees them: before white, so that only the whole half is found
    through(tmp_path / "in.png", out, "cutout")
    with Image.open(out) as image:
        cut = np.asarray(image).astype(int)
    assert (cut[24, 20] == (*PERSON, 255)).all()
    assert (cut[40:, :, 3] == 0).all()
    assert (cut[..., 3] <= pixels[..., 3]).all()
    assert (cut[:10, :, 3] == 0).all(), "the room"


@pytest.mark.parametrize("invert", [False, True])
def test_half_clear_pixels_keep_their_own_colours(tmp_path, invert):
    pixels = sticker()
    pixels[:12, :, 3] = 100  # of the room, far from the person
    write(tmp_path / "in.png", pixels)
    through(tmp_path / "in.png", tmp_path / "out.png", "cutout", invert=invert)
    with Image.open(tmp_path / "out.png") as image:
        cut = np.asarray(image)
    if invert:
        assert (cut[4, 4] == pixels[4, 4]).all()
        assert cut[24, 28, 3] == 0
    else:
        assert cut[4, 4, 3] == 0
        assert (cut[24, 28] == (*PERSON, 255)).all()


@pytest.mark.parametrize("effect", ["replace=#102030", "blur", "grey", "mask", "overlay"])
def test_other_effects_show_their_background_where_it_was_clear(tmp_path, effect):
    write(tmp_path / "in.png", sticker())
    through(tmp_path / "in.png", tmp_path / "out.png", effect)
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == ("L" if effect == "mask" else "RGB")
        shown = np.asarray(image.convert("RGB")).astype(int)
    assert shown.shape == (48, 64, 3)
    lower = shown[44:, :8]
    assert np.abs(lower - HIDDEN).max(axis=2).min() > 60, "a colour that nobody saw"
    if effect.startswith("replace"):
        assert (lower == (0x10, 0x20, 0x30)).all()


def test_sixteen_bits_and_alpha_go_together(tmp_path):
    deep = sticker().astype(np.uint16) * 257
    deep[:12, :, 3] = 30_000
    deep[:36, :, 0] += 40
    cv2.imwrite(str(tmp_path / "in.png"), deep[..., [2, 1, 0, 3]])
    assert through(tmp_path / "in.png", tmp_path / "out.png") == []
    written = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    assert (written == deep).all()


def test_a_photo_that_is_opaque_throughout_has_no_alpha(tmp_path):
    write(tmp_path / "in.png", np.dstack([person(), np.full((48, 64), 255, np.uint8)]))
    photo = open_photo(tmp_path / "in.png")
    assert photo.straight is None
    assert (photo.image == person()).all()


def test_uploads_hide_what_is_clear(tmp_path):
    write(tmp_path / "in.png", sticker())
    shown = decode_photo((tmp_path / "in.png").read_bytes(), Limits())
    assert (shown[-1, 0] == 255).all()
    assert (shown[0, 0] == person()[0, 0]).all()
