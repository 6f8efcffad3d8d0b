"""Every source of the program, in surroundings in which it works on any machine."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import pytest

from segmentation.picture import RgbPicture
from stream.batch.jobs.section import Section
from stream.batch.workers.section_source import SectionSource
from stream.cameras import devices
from stream.frame import Frame, Source, StreamInfo
from stream.sources.animation import AnimatedPhoto
from stream.sources.camera import Camera
from stream.sources.demo import Demo
from stream.sources.photos import Photos
from stream.sources.realtime import RealTime
from stream.sources.video import VideoSource
from tests.ffmpeg_reference import ffmpeg
from tests.stand_ins.devices.fake_camera import Device, noisy
from tests.stand_ins.devices.video_kernel import VideoNode, video_kernel
from tests.stand_ins.fakes import MovingSquare, square
from tests.stand_ins.senders import Line, tcp_camera
from tests.users.screens import needs_screen, virtual_screen

NUM_FRAMES = 20  # of each, at least, unless it waits
Make = Callable[[], Source]

needs_portrait = pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None, reason="scikit-image carries the portrait"
)


@dataclass(frozen=True)
class Case:
    """A source and what it needs.

    Attributes:
        kind: its class.
        surroundings: given the folder of `write_material`; gives what makes the source.
        waits: its frames fail to come, or are not due, before its end.
        mark: of its tests.
    """

    kind: type[Source]
    surroundings: Callable[[Path], AbstractContextManager[Make]]
    waits: bool = False
    mark: pytest.MarkDecorator | None = None


def write_material(folder: Path) -> None:
    """Write the files that sources read."""
    picture = f"testsrc2=size=64x48:rate=25:duration={NUM_FRAMES / 25}"
    for name, pixels in (("clip.mkv", "yuv420p"), ("other.mkv", "yuv444p")):
        coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", pixels)
        ffmpeg("-f", "lavfi", "-i", picture, *coded, folder / name)
    ffmpeg("-i", folder / "clip.mkv", "-c:v", "mpeg2video", folder / "clip.ts")
    ffmpeg("-i", folder / "clip.mkv", "-plays", "0", folder / "clip.apng")
    longer = "testsrc2=size=320x240:rate=25:duration=6"
    ffmpeg("-f", "lavfi", "-i", longer, "-c:v", "mpeg2video", folder / "longer.ts")
    (folder / "joined.ts").write_bytes((folder / "clip.ts").read_bytes() * 2)
    for index in range(NUM_FRAMES):
        cv2.imwrite(str(folder / f"{index:02}.png"), square(index))


def _with(make: Callable[[Path], Source]) -> Callable[[Path], AbstractContextManager[Make]]:
    return lambda folder: contextlib.nullcontext(lambda: make(folder))


def _photos(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


def _camera(num: int) -> Callable[[Path], AbstractContextManager[Make]]:
    """A camera that gives so many frames, and is then gone for good."""

    @contextlib.contextmanager
    def plugged_in(folder: Path) -> Iterator[Make]:
        def make() -> Source:
            Device.openings = [noisy(num)]
            return Camera(0, lambda text: None)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(devices, "ROOT", folder / "nowhere")
            patch.setattr(cv2, "VideoCapture", Device)
            yield make

    return plugged_in


@contextlib.contextmanager
def _camera_by_ffmpeg(folder: Path) -> Iterator[Make]:
    """A camera that OpenCV cannot open."""
    root = folder / "system"
    root.mkdir(exist_ok=True)
    with video_kernel(root) as kernel:
        kernel.add(0, VideoNode("C920", by_opencv=False))
        yield lambda: Camera(0, lambda text: None)


@contextlib.contextmanager
def _screen(folder: Path) -> Iterator[Make]:
    with virtual_screen("320x240") as display, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", display)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        yield lambda: VideoSource("screen:64x48+0+0")


@contextlib.contextmanager
def _silent_sender(folder: Path) -> Iterator[Make]:
    """A network address that sends a clip, and then nothing, but does not end."""

    def serve(number: int, line: Line) -> None:
        line.send((folder / "longer.ts").read_bytes())
        line.stay_silent()

    with tcp_camera(serve) as address:
        yield lambda: VideoSource(address)


@contextlib.contextmanager
def _lost_sender(folder: Path) -> Iterator[Make]:
    """A network address that sends a clip and ends, and is tried again very late."""

    def serve(number: int, line: Line) -> None:
        line.send((folder / "longer.ts").read_bytes())

    with tcp_camera(serve) as address, pytest.MonkeyPatch.context() as patch:
        patch.setattr("stream.pauses.PAUSES_S", (900.0,))
        yield lambda: VideoSource(address)


class FarApart(Source):
    """Frames that are a quarter of an hour apart."""

    def __init__(self) -> None:
        super().__init__()
        self.info = StreamInfo(64, 48, Fraction(1, 900), num_frames=NUM_FRAMES)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(NUM_FRAMES):
            if self._interrupted.is_set():
                return
            yield Frame(RgbPicture(square(index)), index, 900.0 * index)


SOURCES: dict[str, Case] = {
    "camera": Case(Camera, _camera(500)),
    "lost camera": Case(Camera, _camera(4), waits=True),
    "camera by ffmpeg": Case(Camera, _camera_by_ffmpeg),
    "demo": Case(Demo, _with(lambda folder: Demo()), mark=needs_portrait),
    "photo": Case(Photos, _with(lambda folder: Photos(_photos(folder)[:1]))),
    "photos": Case(Photos, _with(lambda folder: Photos(_photos(folder)))),
    "photos of a video": Case(
        Photos, _with(lambda folder: Photos(_photos(folder), Fraction(30000, 1001)))
    ),
    "animation": Case(AnimatedPhoto, _with(lambda folder: AnimatedPhoto(folder / "clip.apng"))),
    "video": Case(VideoSource, _with(lambda folder: VideoSource(str(folder / "clip.mkv")))),
    "video in other pixels": Case(
        VideoSource, _with(lambda folder: VideoSource(str(folder / "other.mkv")))
    ),
    "section of a video": Case(
        SectionSource,
        _with(lambda folder: SectionSource(folder / "clip.mkv", Section(0.0), around_s=1.0)),
    ),
    "joined recordings": Case(
        VideoSource, _with(lambda folder: VideoSource(str(folder / "joined.ts")))
    ),
    "silent sender": Case(VideoSource, _silent_sender, waits=True),
    "lost sender": Case(VideoSource, _lost_sender, waits=True),
    "screen": Case(VideoSource, _screen, mark=needs_screen),
    "video in real time": Case(
        RealTime, _with(lambda folder: RealTime(VideoSource(str(folder / "clip.mkv"))))
    ),
    "frames that are not due": Case(
        RealTime, _with(lambda folder: RealTime(FarApart())), waits=True
    ),
    "stand-in": Case(MovingSquare, _with(lambda folder: MovingSquare(NUM_FRAMES))),
    "stand-in that pauses": Case(
        MovingSquare, _with(lambda folder: MovingSquare(NUM_FRAMES, pause_s=900.0)), waits=True
    ),
}
