"""Videos whose pixels are not square, as of HDV and DVD: a circle stays one, wherever it goes."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pictures

from effects import Front, Replace
from segmentation.picture import GreyPicture, RgbPicture
from stream.frame import Frame, Output, OutputInfo, StreamInfo
from stream.live.background import LoopingVideo
from stream.live.palette import _Opaque
from stream.live.view import View
from stream.looks.look import Look, Staging
from stream.looks.showing import Seen, Showing
from stream.opening import open_run
from stream.running.loop import play
from stream.sinks.parts.options import SinkOptions
from stream.sinks.photos import PhotoFile
from stream.sinks.virtual_camera import VirtualCamera
from stream.yuv420 import YuvCoding, YuvPicture
from tests import ffmpeg_reference as reference
from tests.stand_ins.devices.fake_virtual_camera import Device, device_instead
from tests.stand_ins.fakes import Oracle

#: As of a DVD of 16:9, an eighth of its size, and of one of 4:3 in America.
WIDE, HIGH = Fraction(64, 45), Fraction(8, 9)
STORED_HW, SHOWN_HW = (72, 90), (72, 128)


def disc(size_hw: tuple[int, int] = SHOWN_HW, stretch: float = 1.0) -> NDArray[np.uint8]:
    """White, 50 pixels high and so many times as wide, on black."""
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    across = (columns - size_hw[1] / 2) / stretch
    inside = np.hypot(rows - size_hw[0] / 2, across) < 25
    return np.repeat(np.where(inside, 255, 0).astype(np.uint8)[..., None], 3, axis=2)


def width_of_one_as_high(image: NDArray[np.uint8]) -> float:
    """Width over height of what is bright."""
    _, _, width, height = cv2.boundingRect(np.where(image[..., 0] > 127, 255, 0).astype(np.uint8))
    return width / height


def clip(path: Path, pixels: NDArray[np.uint8], aspect: Fraction) -> Path:
    """Two frames of a picture in the pixels of a video."""
    height, width = pixels.shape[:2]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25")
    sar = f"setsar={aspect.numerator}/{aspect.denominator}"
    coded = ("-vf", sar, "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p")
    reference.ffmpeg(*raw, "-i", "-", *coded, path, data=pixels.tobytes() * 2)
    return path


@pytest.mark.parametrize("aspect", [WIDE, HIGH])
def test_a_background_and_a_front_keep_their_proportions(aspect: Fraction) -> None:
    """In the frame's own pixels a circle is narrower, or flatter."""
    logo = np.dstack([disc((60, 60)), disc((60, 60))[..., :1]])
    looks = [
        Look(Replace(disc())),
        Look(Replace(np.zeros((1, 1, 3), np.uint8)), staging=Staging(front=Front(logo))),
    ]
    grey = np.full((*STORED_HW, 3), 90, np.uint8)
    for picture in (RgbPicture(grey), YuvPicture.of_rgb(grey, YuvCoding("bt709"))):
        frame = Frame(picture, 0, 0.0, pixel_aspect=aspect)
        for look in looks:
            shown = Showing().shown(Seen(frame, None, lambda: None), look).rgb
            assert shown.shape[:2] == STORED_HW
            assert width_of_one_as_high(shown) == pytest.approx(1 / aspect, rel=0.05)
        square = Showing().shown(
            Seen(replace(frame, pixel_aspect=Fraction(1)), None, lambda: None), looks[1]
        )
        assert width_of_one_as_high(square.rgb) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("ending", ["/", ".gif", ".webp", ".apng"])
def test_what_knows_square_pixels_only_is_stretched(tmp_path: Path, ending: str) -> None:
    source = clip(tmp_path / "wide.mp4", disc(STORED_HW, 1 / float(WIDE)), WIDE)
    name = f"{tmp_path}/out{ending}"
    with open_run(source, name, effect="none", segmenter=Oracle(), on_message=str) as run:
        play(run)
    with Pictures.open(f"{name}/000000.png" if ending == "/" else name) as written:
        image = np.array(written.convert("RGB"))
    assert image.shape[:2] == SHOWN_HW
    assert width_of_one_as_high(image) == pytest.approx(1, rel=0.05)


def test_a_video_behind_is_shown_as_wide_as_it_is(tmp_path: Path) -> None:
    path = clip(tmp_path / "back.mp4", disc(STORED_HW, 1 / float(WIDE)), WIDE)
    background = LoopingVideo(path)
    try:
        shown = Replace(background)(
            np.zeros((*SHOWN_HW, 3), np.uint8), np.zeros(SHOWN_HW, np.uint8), 0.0
        )
    finally:
        background.close()
    assert width_of_one_as_high(shown) == pytest.approx(1, rel=0.05)


def test_the_window_the_page_and_the_virtual_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = disc(STORED_HW, 1 / float(WIDE))
    frame = Frame(RgbPicture(pixels), 0, 0.0, pixel_aspect=WIDE)
    output = Output(frame, frame.picture, pixels[..., 0].copy(), None)
    for view in (View(), View(mask=True)):
        for seen in (view.image(output), view.small_image(output, 1000)):
            assert seen.shape == (*SHOWN_HW, 3)
            assert width_of_one_as_high(seen) == pytest.approx(1, rel=0.05)
    device_instead(monkeypatch)
    info = OutputInfo(StreamInfo(90, 72, Fraction(25), live=True, pixel_aspect=WIDE))
    with VirtualCamera("", info, SinkOptions()) as sink:
        sink.write(output)
        while not Device.sent or Device.sent[-1][1].max() < 250:  # its thread sends
            time.sleep(0.01)
    assert (Device.made["width"], Device.made["height"]) == (128, 72)
    assert width_of_one_as_high(Device.sent[-1][1]) == pytest.approx(1, rel=0.05)


def test_transparency_and_grey_stay(tmp_path: Path) -> None:
    """What is clear is black, which must not darken the edges of what is not."""
    inside = disc(STORED_HW)[..., 0]
    cut = np.dstack([np.where(inside[..., None], np.uint8(200), np.uint8(0))] * 3 + [inside])
    frame = Frame(RgbPicture(disc(STORED_HW)), 0, 0.0, pixel_aspect=WIDE)
    path = tmp_path / "cut.png"
    with PhotoFile(path, SinkOptions()) as sink:
        sink.write(Output(frame, RgbPicture(cut), None, None))
        sink.finish(cut_short=False)
    with Pictures.open(path) as written:
        image = np.array(written)
    assert image.shape == (*SHOWN_HW, 4)
    assert (image[image[..., 3] > 20, :3] > 190).all()
    grey = Output(frame, GreyPicture(disc(STORED_HW)), None, None).in_square_pixels()
    assert isinstance(grey.picture, GreyPicture)


def test_whatever_a_file_says_pictures_stay_small() -> None:
    frame = Frame(RgbPicture(disc(STORED_HW)), 0, 0.0, pixel_aspect=Fraction(1, 60000))
    assert Output(frame, frame.picture, None, None).in_square_pixels().image.shape == (576, 90, 3)


def test_a_background_beside_transparent_ones_keeps_its_proportions() -> None:
    effect = _Opaque(Replace(disc())).for_pixels(WIDE)
    stored = np.zeros((*STORED_HW, 3), np.uint8)
    image = effect(stored, np.zeros(STORED_HW, np.uint8), 0.0)
    shown = cv2.resize(np.asarray(image), SHOWN_HW[::-1])
    assert width_of_one_as_high(np.asarray(shown, np.uint8)) == pytest.approx(1, abs=0.04)


def test_a_background_drawn_at_the_size_that_is_asked_for_stays_as_it_is() -> None:
    def rim(time_s: float, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        picture = np.zeros((*size_hw, 3), np.uint8)
        picture[[0, -1]] = picture[:, [0, -1]] = 255
        return picture

    stored = np.zeros((*STORED_HW, 3), np.uint8)
    image = Replace(rim).for_pixels(WIDE)(stored, np.zeros(STORED_HW, np.uint8), 0.0)
    assert np.array_equal(image, rim(0.0, STORED_HW))
