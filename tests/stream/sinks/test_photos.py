"""Photos as a sink."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from segmentation.picture import GreyPicture, RgbPicture
from stream.errors import StreamError
from stream.files.photos import WRITTEN_ENDINGS, encode_photo, read_photo
from stream.frame import Frame, Output
from stream.opening import open_run
from stream.photo.photo import photo_of
from stream.running.loop import play
from stream.sinks.parts.options import SinkOptions
from stream.sinks.photos import PhotoFile, PhotoFolder
from tests.stand_ins.fakes import MovingSquare, Oracle, output_of

RGB = np.zeros((6, 8, 3), np.uint8)
RGB[:, :4] = (250, 120, 10)


def output(image: np.ndarray, index: int = 0, name: str | None = None) -> Output:
    return output_of(image, index, 0.0, name)


def test_photo_appears_only_when_finished(tmp_path):
    path = tmp_path / "out.png"
    with PhotoFile(path, SinkOptions()) as sink:
        sink.write(output(RGB))
        assert list(tmp_path.iterdir()) == []
        sink.finish(cut_short=False)
    assert (read_photo(path) == RGB).all()
    with PhotoFile(tmp_path / "left.png", SinkOptions()) as sink:
        sink.write(output(RGB))
    assert not (tmp_path / "left.png").exists()


def test_one_photo_is_not_several(tmp_path):
    with PhotoFile(tmp_path / "out.png", SinkOptions()) as sink:
        sink.write(output(RGB))
        with pytest.raises(StreamError, match="several frames"):
            sink.write(output(RGB, 1))


def test_existing_and_input_files_are_safe(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), RGB)
    before = path.read_bytes()
    with pytest.raises(StreamError, match="exists"):
        PhotoFile(path, SinkOptions())
    os.link(path, tmp_path / "same.png")
    with pytest.raises(StreamError, match="is the input"):
        PhotoFile(tmp_path / "same.png", SinkOptions(overwrite=True, input_paths=[path]))
    with (
        PhotoFolder(tmp_path, SinkOptions(overwrite=True, input_paths=[path])) as sink,
        pytest.raises(StreamError, match="is the input"),
    ):
        sink.write(output(RGB, name="photo.jpg"))
    assert path.read_bytes() == before


def test_transparency_is_kept_or_refused(tmp_path):
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 99, np.uint8)])
    data = np.frombuffer(encode_photo(RgbPicture(rgba), Path("x.png"))[0], np.uint8)
    assert (cv2.imdecode(data, cv2.IMREAD_UNCHANGED) == rgba[..., [2, 1, 0, 3]]).all()
    with pytest.raises(StreamError, match="cannot be transparent"):
        encode_photo(RgbPicture(rgba), tmp_path / "x.jpg")


def test_folder_names_frames_by_number_and_photos_by_name(tmp_path):
    with PhotoFolder(tmp_path / "out", SinkOptions()) as sink:
        sink.write(output(RGB, 7))
        sink.write(output(RGB, 8, "cat.jpg"))
        sink.write(output(RGB, 9, "cat.png"))
        sink.finish(cut_short=True)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["000007.png", "cat.png", "cat_000009.png"]
    with pytest.raises(StreamError, match="not empty"):
        PhotoFolder(tmp_path / "out", SinkOptions())


def test_what_appears_in_the_folder_meanwhile_is_not_replaced(tmp_path):
    told: list[str] = []
    with PhotoFolder(tmp_path, SinkOptions(on_message=told.append)) as sink:
        for index in range(3):
            (tmp_path / f"00000{index}.png").write_text("theirs")
            sink.write(output(RGB, index))
        sink.finish(cut_short=False)
    for index in range(3):
        assert (tmp_path / f"00000{index}.png").read_text() == "theirs"
        assert (read_photo(tmp_path / f"00000{index}-2.png") == RGB).all()
    remark = "exists; the picture is beside it"
    assert told == [f"{tmp_path}/000000.png: {remark}", f"2 more photos: {remark}"]


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with PhotoFile(tmp_path / "out.png", SinkOptions()) as sink:
        sink.write(output(RGB))
        with pytest.raises(StreamError, match="No space left"):
            sink.finish(cut_short=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", sorted(WRITTEN_ENDINGS))
def test_a_mask_is_one_channel_wherever_a_file_can_be(tmp_path, ending):
    mask = np.zeros((16, 24), np.uint8)
    mask[:8, 8:16] = 255
    photo = photo_of(np.full((16, 24, 3), 40000, np.uint16), profile=b"of RGB")
    frame = Frame(RgbPicture(photo.image), 0, 0.0, "photo.png", photo=photo)
    told: list[str] = []
    path = tmp_path / f"mask{ending}"
    with PhotoFile(path, SinkOptions(on_message=told.append)) as sink:
        sink.write(Output(frame, GreyPicture(np.dstack([mask] * 3)), mask, None))
        sink.finish(cut_short=False)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint8
    assert stored.shape == ((16, 24, 3) if ending == ".webp" else (16, 24))
    grey = stored[..., 0] if stored.ndim == 3 else stored
    assert ((grey >= 128) == (mask >= 128)).all()
    assert ending in (".jpg", ".jpeg", ".webp") or (grey == mask).all()
    assert b"of RGB" not in path.read_bytes(), "a profile of three channels"
    assert told == [], "it is no photo with fewer bits"


def test_masks_in_a_folder_are_of_one_channel(tmp_path):
    with open_run(
        MovingSquare(2), f"{tmp_path / 'out'}/", segmenter=Oracle(), effect="mask"
    ) as run:
        play(run)
    for path in sorted((tmp_path / "out").iterdir()):
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ndim == 2


@pytest.mark.parametrize(("ending", "most"), [(".jpg", 65500), (".webp", 16383)])
def test_a_photo_too_large_for_its_format_is_told_so(ending, most):
    picture = RgbPicture(np.zeros((1, most + 1, 3), np.uint8))
    said = rf"a {ending} has at most {most} pixels a side, .* {most + 1}x1; write a .png"
    with pytest.raises(StreamError, match=said):
        encode_photo(picture, Path(f"out{ending}"))
    encode_photo(RgbPicture(picture.rgb[:, :most]), Path(f"out{ending}"))
