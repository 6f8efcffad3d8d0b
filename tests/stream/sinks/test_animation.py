"""Animations: pictures, times, transparency, and what is told of what they cannot hold."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pictures

from segmentation.picture import RgbPicture
from stream.errors import StreamError
from stream.frame import Frame, Output, OutputInfo, StreamInfo
from stream.sinks import open_sink
from stream.sinks.animation import WRITERS, AnimationSink
from stream.sinks.parts.options import SinkOptions
from stream.sinks.photos import PhotoFile
from stream.sources import open_source
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.inputs.films import everything
from tests.stand_ins.small_disk import small_disk

pytestmark = pytest.mark.usefixtures("no_file_left_over")

ENDINGS = tuple(WRITERS)
#: How far colours are off on average, and what they are rounded to, of 255.
OFF = {".gif": 4.0, ".webp": 3.0, ".apng": 0.0}
Image = NDArray[np.uint8]


def frames_of(path: Path) -> list[tuple[Image, float]]:
    """Each frame in RGBA, and for how many milliseconds it is shown, as Pillow reads the file."""
    found = []
    with Pictures.open(path) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            image = np.array(picture.convert("RGBA"))
            found.append((image, float(picture.info["duration"])))
        assert picture.info["loop"] == 0, "it plays again and again"
    return found


def ball(index: int, size_hw: tuple[int, int] = (49, 81)) -> Image:
    """A ball with soft edges that moves to the right over a still slope of colours, RGBA."""
    height, width = size_hw
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width, 4), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = x * 3, y * 4, 120
    near = np.hypot(x - 12 - 4 * index, y - height // 2)
    image[..., 3] = np.clip((14 - near) * 60, 0, 255)
    image[near < 8, :3] = 230, 60, 20
    return image


def outputs(times_s: list[float], *, has_alpha: bool = False) -> Iterator[Output]:
    for index, time_s in enumerate(times_s):
        image = ball(index) if has_alpha else ball(index)[..., :3].copy()
        picture = RgbPicture(image)
        yield Output(Frame(picture, index, time_s), picture, None, None)


def write(
    path: Path, times_s: list[float], fps: int | Fraction, *, has_alpha: bool = False, crf: int = 10
) -> list[str]:
    told: list[str] = []
    info = OutputInfo(StreamInfo(81, 49, Fraction(fps)), has_alpha)
    with open_sink(path, info, SinkOptions(on_message=told.append, crf=crf)) as sink:
        for output in outputs(times_s, has_alpha=has_alpha):
            sink.write(output)
        sink.finish(cut_short=False)
    return told


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_frame_is_what_it_was(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ball{ending}"
    assert write(path, [index / 25 for index in range(10)], 25) == []
    found = frames_of(path)
    assert len(found) == 10
    for index, (image, shown_ms) in enumerate(found):
        assert shown_ms == 40
        assert np.abs(image[..., :3].astype(int) - ball(index)[..., :3]).mean() <= OFF[ending]
        assert (image[..., 3] == 255).all()


@pytest.mark.parametrize("ending", ENDINGS)
def test_transparency_leaves_no_trail(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"cut{ending}"
    write(path, [index / 25 for index in range(10)], 25, has_alpha=True, crf=0)
    for index, (image, _) in enumerate(frames_of(path)):
        wanted = ball(index)
        alpha = wanted[..., 3]
        if ending == ".gif":
            alpha = np.where(alpha >= 128, 255, 0)
        np.testing.assert_array_equal(image[..., 3], alpha)
        solid = alpha == 255
        off = np.abs(image[solid].astype(int) - wanted[solid])[:, :3].mean()
        assert off <= (8 if ending == ".gif" else 0)


@pytest.mark.parametrize("ending", ENDINGS)
def test_nobody_may_be_there_at_the_beginning(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"empty{ending}"
    info = OutputInfo(StreamInfo(81, 49, Fraction(25)), has_alpha=True)
    with open_sink(path, info, SinkOptions(crf=0)) as sink:
        for output in outputs([0.0, 0.04, 0.08], has_alpha=True):
            if output.frame.index == 0:
                output.image[..., 3] = 0
            sink.write(output)
        sink.finish(cut_short=False)
    (nobody, _), *others = frames_of(path)
    assert not nobody[..., 3].any()
    assert len(others) == 2
    assert all(image[..., 3].any() for image, _ in others)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), 24, 15, Fraction(10)])
def test_times_do_not_drift(tmp_path: Path, ending: str, fps: Fraction | int) -> None:
    times_s = [3.3 + index / float(fps) for index in range(91)]
    path = tmp_path / f"ball{ending}"
    assert write(path, times_s, fps) == []
    shown_ms = [shown for _, shown in frames_of(path)]
    begins_ms = np.cumsum([0.0, *shown_ms])
    tick_ms = 1000 * WRITERS[ending].tick_s
    wanted_ms = [1000 * (time_s - 3.3) for time_s in [*times_s, times_s[-1] + 1 / float(fps)]]
    np.testing.assert_allclose(begins_ms, wanted_ms, atol=0.51 * tick_ms + 0.5)


def test_irregular_times_and_the_last_frame(tmp_path: Path) -> None:
    for ending in ENDINGS:
        path = tmp_path / f"slow{ending}"
        info = OutputInfo(StreamInfo(81, 49, Fraction(25)))
        with AnimationSink(path, info, SinkOptions()) as sink:
            for output in outputs([0.0, 0.5, 0.54, 80.0]):
                picture = output.picture
                frame = Frame(picture, 0, output.frame.time_s, lasts_s=2.0)
                sink.write(Output(frame, picture, None, None))
            sink.finish(cut_short=False)
        assert [round(shown / 100) for _, shown in frames_of(path)] == [5, 0, 795, 20]


@pytest.mark.parametrize(("ending", "fps", "rate"), [(".gif", 100, 50), (".webp", 200, 91)])
def test_what_browsers_would_slow_down_is_left_out(
    tmp_path: Path, ending: str, fps: int, rate: int
) -> None:
    path = tmp_path / f"fast{ending}"
    (line,) = write(path, [index / fps for index in range(fps)], fps)
    assert re.search(rf"\d+ frames are left out; browsers show no more than {rate} a second$", line)
    found = frames_of(path)
    assert min(shown for _, shown in found) >= 1000 * WRITERS[ending].least_ticks * (
        WRITERS[ending].tick_s
    )
    assert abs(sum(shown for _, shown in found) - 1000) <= 20


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_it_cannot_hold_is_told(tmp_path: Path, ending: str) -> None:
    told: list[str] = []
    path = tmp_path / f"film{ending}"
    with VideoSource(str(everything(tmp_path))) as source:
        with AnimationSink(
            path, OutputInfo(source.info), SinkOptions(on_message=told.append)
        ) as sink:
            for frame in source:
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    (line,) = told
    assert "without sound, subtitles, chapters, title, date and camera" in line


def test_transparency_of_an_animation_that_is_left_out_is_told(tmp_path: Path) -> None:
    source, path, told = tmp_path / "in.png", tmp_path / "out.webp", list[str]()
    frames = [Pictures.fromarray(ball(index)) for index in range(3)]
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=40)
    with open_source(str(source)) as frames_in:
        options = SinkOptions(on_message=told.append)
        with open_sink(str(path), OutputInfo(frames_in.info), options) as sink:
            for frame in frames_in:
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    assert told == [f"{path}: is without the transparency of its photo, on white"]
    assert (frames_of(path)[0][0][:4, -4:] > 250).all()


def test_a_long_one_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    info = OutputInfo(StreamInfo(81, 49, Fraction(25), duration_s=300.0))
    with AnimationSink(tmp_path / "a.gif", info, SinkOptions(on_message=told.append)):
        assert "5:00 is long for a .gif, which will be many times as large as an .mp4" in told[0]


@pytest.mark.parametrize("ending", ENDINGS)
def test_memory_does_not_grow(tmp_path: Path, ending: str) -> None:
    def peak(num_frames: int) -> int:
        path = tmp_path / f"{num_frames}{ending}"
        tracemalloc.start()
        write(path, [index / 25 for index in range(num_frames)], 25)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(5)
    assert peak(200) < peak(20) + 200_000


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_keeps_what_there_is_of_a_camera(tmp_path: Path, ending: str) -> None:
    info = OutputInfo(StreamInfo(81, 49, Fraction(25), live=True))
    with small_disk(tmp_path / "small", 200_000) as folder:
        path = folder / f"live{ending}"
        with AnimationSink(path, info, SinkOptions()) as sink:
            with pytest.raises(StreamError, match=r"No space left.*; the first .* are kept$"):
                write_noise(sink)
        assert len(frames_of(path)) > 5


def write_noise(sink: AnimationSink) -> None:
    """Write what no format makes small, until the disk is full."""
    rng = np.random.default_rng(0)
    for index in range(1000):
        picture = RgbPicture(rng.integers(0, 256, (49, 81, 3), np.uint8))
        sink.write(Output(Frame(picture, index, index / 25), picture, None, None))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_camera_that_is_left_is_kept(tmp_path: Path, ending: str) -> None:
    told: list[str] = []
    info = OutputInfo(StreamInfo(81, 49, Fraction(25), live=True))
    path = tmp_path / f"live{ending}"
    with AnimationSink(path, info, SinkOptions(on_message=told.append)) as sink:
        for output in outputs([index / 25 for index in range(10)]):
            sink.write(output)
    assert told == [f"{path}: not finished; the first 0.4 s are kept"]
    assert len(frames_of(path)) == 10


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_that_breaks_off_can_be_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "cut.bin"
    info = OutputInfo(StreamInfo(81, 49, Fraction(25), live=True))
    with AnimationSink(tmp_path / f"live{ending}", info, SinkOptions()) as sink:
        for output in outputs([index / 25 for index in range(10)]):
            sink.write(output)
        (part,) = tmp_path.iterdir()
        path.write_bytes(part.read_bytes())
        sink.finish(cut_short=False)
    assert len(frames_of(path)) == 9


def test_what_fades_in_a_gif_is_never_far_off(tmp_path: Path) -> None:
    path = tmp_path / "fade.gif"
    with AnimationSink(path, OutputInfo(StreamInfo(32, 32, Fraction(25))), SinkOptions()) as sink:
        for index in range(60):
            picture = RgbPicture(np.full((32, 32, 3), 3 * index, np.uint8))
            sink.write(Output(Frame(picture, index, index / 25), picture, None, None))
        sink.finish(cut_short=False)
    for index, (image, _) in enumerate(frames_of(path)):
        assert np.abs(image[..., :3].astype(int) - 3 * index).max() <= 8


def test_a_photo_stays_a_photo_in_webp(tmp_path: Path) -> None:
    info = OutputInfo(StreamInfo(81, 49, None, num_frames=1))
    assert isinstance(open_sink(tmp_path / "a.webp", info, SinkOptions()), PhotoFile)


@pytest.mark.parametrize("ending", [".gif", ".apng"])
def test_ffmpeg_reads_the_same(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ball{ending}"
    write(path, [index / 25 for index in range(10)], 25)
    np.testing.assert_allclose(
        reference.picture_times_s(path), [index / 25 for index in range(10)], atol=0.001
    )
