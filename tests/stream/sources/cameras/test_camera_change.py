"""Another camera while one is read."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

import stream.pauses
from effects import Mask
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.frame import Frame
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.sources.camera import Camera
from stream.stats import Stats
from tests.stand_ins.devices.video_kernel import SMALL, VideoKernel, VideoNode
from tests.stand_ins.fakes import Oracle

pytestmark = pytest.mark.usefixtures("nothing_left_over", "impatient")

RED, GREEN, BLUE = (10, 10, 200), (10, 200, 10), (200, 10, 10)
Colour = tuple[int, int, int]


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (0.01,))


@pytest.fixture
def three(kernel: VideoKernel) -> VideoKernel:
    kernel.add(0, VideoNode("Red", bgr=RED))
    kernel.add(2, VideoNode("Green", {"MJPG": {(48, 48): [30]}}, bgr=GREEN))
    kernel.add(5, VideoNode("Blue", by_opencv=False, bgr=BLUE))
    return kernel


def colour(frame: Frame) -> Colour:
    """Return which of the three it shows, in its middle."""
    pixel = frame.image[24, 32][::-1].astype(int)
    return min((RED, GREEN, BLUE), key=lambda each: abs(pixel - each).sum())


def changed(
    camera: Camera, num_changes: int, tell: Callable[[str], None] = lambda text: None
) -> Iterator[Frame]:
    """Yield two frames of each camera, and go on to the next after them."""
    frames = iter(camera)
    for _ in range(num_changes + 1):
        yield from itertools.islice(frames, 2)
        camera.go_on_to_next(tell)


def test_all_come_in_turn_in_the_size_of_the_first(three: VideoKernel) -> None:
    told: list[str] = []
    shown: list[str] = []
    with Camera("camera:red", told.append) as camera:
        frames = list(changed(camera, 3, shown.append))
    assert [colour(frame) for frame in frames] == [
        each for each in (RED, GREEN, BLUE, RED) for _ in range(2)
    ]
    assert [frame.take for frame in frames] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [frame.index for frame in frames] == list(range(8))
    assert all(frame.image.shape == (48, 64, 3) for frame in frames)
    assert all(after.time_s > before.time_s for before, after in itertools.pairwise(frames))
    assert shown == [
        "camera 2: 48x48, 30 frames/s, MJPG",
        "camera 5: 64x48, 30 frames/s, MJPG; read by ffmpeg, as OpenCV cannot",
        "camera 0: 64x48, 30 frames/s, MJPG",
    ]
    fitted = "camera 2: its pictures are 48x48 now, fitted into 64x48"
    assert told == [shown[0], fitted, *shown[1:]]


def test_one_that_another_program_has_is_passed_over(three: VideoKernel) -> None:
    told: list[str] = []
    green = three.node(2)
    assert green is not None
    green.busy = True
    with Camera(0, told.append) as camera:
        frames = list(changed(camera, 1))
    assert [colour(frame) for frame in frames] == [RED, RED, BLUE, BLUE]
    assert told[0].startswith("camera 2: cannot be opened; it is used by another program")


def test_where_no_other_can_be_opened_it_is_the_same_again(three: VideoKernel) -> None:
    told: list[str] = []
    for number in (2, 5):
        node = three.node(number)
        assert node is not None
        node.busy = True
    with Camera(0, lambda text: None) as camera:
        frames = list(changed(camera, 1, told.append))
    assert [(colour(frame), frame.take) for frame in frames] == [(RED, 0)] * 2 + [(RED, 1)] * 2
    assert told == ["camera 0: 64x48, 30 frames/s, MJPG"]


def test_where_there_is_no_other_nothing_changes(kernel: VideoKernel) -> None:
    kernel.add(0, VideoNode("Red", bgr=RED))
    told: list[str] = []
    with Camera(0, lambda text: None) as camera:
        frames = list(changed(camera, 1, told.append))
    assert [frame.take for frame in frames] == [0] * 4
    assert told == ["there is no other camera"]


def test_a_lost_camera_is_not_waited_for(three: VideoKernel, monkeypatch) -> None:
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (900.0,))
    lost = threading.Event()
    with Camera(0, lambda text: lost.set() if "lost" in text else None) as camera:
        frames = iter(camera)
        assert colour(next(frames)) == RED
        three.remove(0)
        camera._reader.close()  # type: ignore[union-attr]

        def ask() -> None:
            lost.wait()
            camera.go_on_to_next(lambda text: None)

        thread = threading.Thread(target=ask)
        thread.start()
        assert colour(next(frames)) == GREEN
        thread.join()


def test_when_all_are_gone_it_is_lost_until_one_is_back(three: VideoKernel) -> None:
    told: list[str] = []

    def on_message(text: str) -> None:
        told.append(text)
        if "lost" in text:
            three.add(0, VideoNode("Red", bgr=RED, formats={"MJPG": SMALL}))

    with Camera(0, on_message) as camera:
        frames = iter(camera)
        next(frames)
        camera.go_on_to_next(lambda text: None)
        node = three.node(0)
        assert node is not None
        for number in (2, 5):
            other = three.node(number)
            assert other is not None
            other.busy = True
        node.busy = True
        assert colour(next(frames)) == RED
    assert told[-2:] == ["camera 0: lost, trying to open it again", "camera 0: back"]


def test_interrupt_ends_a_change(three: VideoKernel) -> None:
    with Camera(0, lambda text: camera.interrupt()) as camera:
        frames = iter(camera)
        next(frames)
        camera.go_on_to_next(lambda text: None)
        assert list(frames) == []


def test_the_next_camera_shows_nothing_of_the_old_mask(three: VideoKernel) -> None:
    """Its first picture, of which no mask is known, is covered as the first of all is."""
    pipeline = Pipeline(
        PerFrameTracker(Oracle(fails=lambda call: call == 2), lambda error: None),
        Refiner(blend=True),
        Look(Mask()),
        stats=Stats(),
    )
    with Camera(0, lambda text: None) as camera:
        outputs = [pipeline.process(frame) for frame in changed(camera, 1)]
    assert [output.frame.take for output in outputs] == [0, 0, 1, 1]
    assert (outputs[2].image == 0).all()
    assert outputs[2].alpha is None
