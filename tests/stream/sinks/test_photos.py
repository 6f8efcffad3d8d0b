"""Photos as a sink."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.errors import StreamError
from stream.files.photos import encode_photo, read_photo
from stream.frame import Output
from stream.sinks.parts.options import SinkOptions
from stream.sinks.photos import PhotoFile, PhotoFolder
from tests.fakes import output_of

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
    data = np.frombuffer(encode_photo(rgba, Path("x.png"))[0], np.uint8)
    assert (cv2.imdecode(data, cv2.IMREAD_UNCHANGED) == rgba[..., [2, 1, 0, 3]]).all()
    with pytest.raises(StreamError, match="cannot be transparent"):
        encode_photo(rgba, tmp_path / "x.jpg")


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


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with PhotoFile(tmp_path / "out.png", SinkOptions()) as sink:
        sink.write(output(RGB))
        with pytest.raises(StreamError, match="No space left"):
            sink.finish(cut_short=False)
    assert list(tmp_path.iterdir()) == []
