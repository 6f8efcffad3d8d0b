"""Animated PNG, WebP, AVIF and GIF files."""

from __future__ import annotations

import io

import numpy as np
import pytest

from stream.errors import StreamError
from stream.sources import open_source
from stream.sources.animation import AnimatedPhoto
from stream.sources.photos import Photos
from tests.ffmpeg_reference import picture_times_s
from tests.inputs.photo_files import names, person, through

Image = pytest.importorskip("PIL.Image")

SHADES = (40, 90, 140, 190, 240)
DURATIONS_MS = (100, 300, 100, 200, 100)
ENDINGS = [".png", ".webp", ".avif", ".gif"]


def write(path, num: int = 5, **more: object) -> None:
    frames = [Image.fromarray(np.full((48, 64, 3), shade, np.uint8)) for shade in SHADES[:num]]
    data = io.BytesIO()
    kinds = {".png": "PNG", ".webp": "WEBP", ".avif": "AVIF", ".gif": "GIF"}
    durations = list(DURATIONS_MS[:num])
    frames[0].save(
        data,
        kinds[path.suffix],
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        **more,
    )
    path.write_bytes(data.getvalue())


@pytest.mark.parametrize("ending", ENDINGS)
def test_all_frames_come_at_their_times(tmp_path, ending):
    write(tmp_path / f"in{ending}")
    with open_source(str(tmp_path / f"in{ending}")) as source:
        frames = list(source)
    assert type(source) is AnimatedPhoto
    assert source.info.num_frames == 5
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.1, 0.4, 0.5, 0.7])
    assert [frame.lasts_s for frame in frames] == [None] * 4 + [pytest.approx(0.1)]
    for frame, shade in zip(frames, SHADES, strict=True):
        assert np.abs(frame.image.astype(int) - shade).max() < 8
    through(tmp_path / f"in{ending}", tmp_path / "out.mkv", "grey")
    assert picture_times_s(tmp_path / "out.mkv") == pytest.approx(
        [0, 0.1, 0.4, 0.5, 0.7], abs=0.002
    )


@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_frames_are_turned_as_the_camera_says(tmp_path, ending):
    exif = Image.Exif()
    exif[0x0112] = 8
    write(tmp_path / f"in{ending}", exif=exif)
    with open_source(str(tmp_path / f"in{ending}")) as source:
        assert (source.info.height, source.info.width) == (64, 48)
        assert [frame.image.shape for frame in source] == [(64, 48, 3)] * 5


def test_one_that_breaks_off_counts_as_left_out(tmp_path):
    path = tmp_path / "in.gif"
    write(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    told: list[str] = []
    with open_source(str(path), on_message=told.append) as source:
        num_frames = sum(1 for _ in source)
        assert 0 < num_frames < 5
        assert source.num_left_out == 1
    (line,) = told
    assert line.startswith(f"{path}: is damaged, {num_frames} of ")


def test_a_gif_with_something_between_its_frames_is_an_animation(tmp_path):
    path = tmp_path / "in.gif"
    write(path)
    data = path.read_bytes()
    second = data.index(b"!\xf9", data.index(b"!\xf9") + 1)
    path.write_bytes(data[:second] + b"???" + data[second:])
    with open_source(str(path)) as source:
        assert sum(1 for _ in source) == 5


@pytest.mark.parametrize("ending", [".png", ".webp", ".gif"])
def test_one_frame_is_a_photo(tmp_path, ending):
    write(tmp_path / f"in{ending}", 1)
    with open_source(str(tmp_path / f"in{ending}")) as source:
        assert type(source) is Photos


@pytest.mark.parametrize("ending", ENDINGS)
def test_among_photos_the_first_frame_is_taken_and_that_is_said(tmp_path, ending):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / f"a{ending}")
    Image.fromarray(person()).save(folder / "b.png")
    lines = through(folder, f"{tmp_path / 'out'}/")
    assert lines == [f"{folder / f'a{ending}'}: is an animation; the first frame is taken"]
    assert names(tmp_path / "out") == ["a.png", "b.png"]


def test_pages_of_a_tiff_are_said(tmp_path):
    pages = [Image.fromarray(person())] * 3
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    (line,) = through(tmp_path / "in.tif", tmp_path / "out.png")
    assert line == f"{tmp_path / 'in.tif'}: has 3 pages; the first one is taken"


def test_what_stands_before_an_animated_png_is_no_frame_of_it(tmp_path):
    write(tmp_path / "in.png", default_image=True)
    with open_source(str(tmp_path / "in.png")) as source:
        assert [int(frame.image[0, 0, 0]) for frame in source] == list(SHADES[1:])


def test_an_animation_moves_behind_a_person(tmp_path):
    write(tmp_path / "wall.webp", lossless=True)
    write(tmp_path / "in.gif")
    through(tmp_path / "in.gif", f"{tmp_path / 'out'}/", f"replace={tmp_path / 'wall.webp'}")
    shown = [
        int(np.asarray(Image.open(path))[0, 0, 0]) for path in sorted((tmp_path / "out").iterdir())
    ]
    assert shown == list(SHADES)


@pytest.mark.parametrize("ending", [".png", ".webp", ".gif"])
def test_one_that_breaks_off_gives_what_can_be_read(tmp_path, ending):
    write(tmp_path / f"in{ending}")
    data = (tmp_path / f"in{ending}").read_bytes()
    (tmp_path / f"in{ending}").write_bytes(data[: len(data) - 60])
    told: list[str] = []
    try:
        with open_source(str(tmp_path / f"in{ending}"), on_message=told.append) as source:
            num = len(list(source))
    except StreamError as error:
        told.append(str(error))
        num = 0
    assert num == 5 or told, "nothing is left out without a word"


def test_a_rate_is_for_photos(tmp_path):
    write(tmp_path / "in.png")
    with pytest.raises(StreamError, match="a video has a rate of its own"):
        open_source(str(tmp_path / "in.png"), fps=25)
