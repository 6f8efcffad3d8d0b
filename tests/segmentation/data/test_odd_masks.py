"""Pictures in the place of masks: cut-outs, masks of turned photos, black on white."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segmentation.data import Dataset, read_dataset
from segmentation.png_chunks import PNG_START
from tests.inputs.annotated_photos import SIZE_HW, overlap, problems, true_masks, write_photo
from tests.memory import peak

BALL, CRATE = true_masks().values()


def lively(seed: int) -> np.ndarray:
    """A picture with as many colours as a photo has, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(1, 240, (12, 20, 3)).astype(np.uint8), SIZE_HW[::-1])
    return np.asarray(coarse + rng.integers(0, 12, coarse.shape).astype(np.uint8))


def saved(root: Path, masks: dict[str, np.ndarray]) -> Path:
    """Write photos of these names and their masks, of which the names may have an ending."""
    for name, mask in masks.items():
        path = root / "masks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path if path.suffix else path.with_suffix(".png")), mask)
        write_photo(root / "images" / f"{path.stem}.png")
    return root


@pytest.mark.parametrize("ending", [".png", ".webp"])
@pytest.mark.parametrize("blur", [1, 9])
def test_a_cut_out_is_one_object(ending: str, blur: int, tmp_path: Path) -> None:
    alpha = cv2.GaussianBlur(BALL * 255, (blur, blur), 0)
    pictures = {f"{seed}{ending}": np.dstack([lively(seed), alpha]) for seed in range(3)}
    for photo in read_dataset(saved(tmp_path, pictures), strict=True).photos:
        (ball,) = photo.masks()
        assert overlap(ball, BALL) > 0.98


def test_a_cut_out_among_masks_of_one_object_each(tmp_path: Path) -> None:
    root = saved(tmp_path, {"0": BALL * 255})
    (root / "masks" / "0.png").unlink()
    (root / "masks" / "0").mkdir()
    cv2.imwrite(str(root / "masks" / "0" / "a.png"), np.dstack([lively(0), CRATE * 255]))
    (photo,) = read_dataset(root, strict=True).photos
    np.testing.assert_array_equal(photo.masks(), [CRATE])


def test_a_cut_out_on_black_is_one_line(tmp_path: Path) -> None:
    for seed in range(3):
        root = saved(tmp_path / str(seed), {"0": lively(seed) * BALL[..., None]})
        assert "cut-outs with a transparent ground" in problems(root)


def test_a_mask_of_a_turned_photo_is_told_to_be_turned(tmp_path: Path) -> None:
    root = saved(tmp_path, {"0": BALL.T * 255})
    with Image.open(root / "images" / "0.png") as image:
        stored = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x112] = 6
    stored.save(root / "images" / "0.png", exif=exif)
    told = problems(root)
    assert "120x200, its photo is 200x120" in told
    assert "EXIF" in told


def read(root: Path) -> Dataset:
    return read_dataset(root, strict=True)


def test_black_on_white_is_told_to_be_swapped(tmp_path: Path) -> None:
    assert "swap black and white" in problems(saved(tmp_path, {"0": (1 - BALL) * np.uint8(255)}))


def test_black_on_white_that_is_not_certain_is_a_remark(tmp_path: Path) -> None:
    large = cv2.rectangle(np.zeros(SIZE_HW, np.uint8), (3, 3), (190, 110), 255, -1)
    at_corner = cv2.rectangle(np.zeros(SIZE_HW, np.uint8), (0, 0), (90, 70), 255, -1)
    for name, mask in (("large", large), ("at a corner", at_corner)):
        root = saved(tmp_path / name, {"0": 255 - mask, "1": 255 - mask})
        assert "black on white" in " ".join(read(root).remarks), name
        root = saved(tmp_path / f"{name}, right", {"0": mask, "1": mask})
        assert not read(root).remarks, name
    # one that fills the lower half is an object
    root = saved(tmp_path / "below", {str(k): cv2.flip(BALL * 0 + CRATE, 0) for k in range(2)})
    assert not read(root).remarks


def flat_png(width: int, height: int) -> bytes:
    """A few kilobytes that are a grey picture of any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    packed = zlib.compressobj(1)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return PNG_START + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("place", "kind"), [("images", "photo"), ("masks", "mask")])
@pytest.mark.parametrize("more", [0, 2_500_000])
def test_a_small_file_that_is_a_huge_picture_is_one_line(
    place: str, kind: str, more: int, tmp_path: Path
) -> None:
    root = saved(tmp_path, {"0": BALL * 255})
    huge = flat_png(10_000, 6_000) + bytes(more)
    (root / place / "0.png").write_bytes(huge)
    told, most = peak(lambda: problems(root))
    assert f"0.png: is 10000x6000, far more than a {kind} of {len(huge)} bytes has" in told
    assert most < 50_000_000


def test_a_large_mask_takes_little_more_than_its_pixels(tmp_path: Path) -> None:
    mask = np.zeros((3000, 5000), np.uint8)  # of the photo's shape, as masks may be
    cv2.circle(mask, (1250, 1500), 750, 255, -1)
    root = saved(tmp_path, {"0": mask})
    read(root)  # with all that is imported and kept
    dataset, most = peak(lambda: read(root))
    (photo,) = dataset.photos
    assert overlap(photo.masks()[0], BALL) > 0.95
    assert most < 14 * mask.size
