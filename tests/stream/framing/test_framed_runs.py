"""Whole runs that follow people: a photo moved along a known path, and real clips."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest

from segmentation import load
from segmentation.picture import RgbPicture
from stream.frame import Frame, Source, StreamInfo
from stream.framing.ahead import Ahead, Known
from stream.framing.crop import Box, Crop
from stream.framing.following import Following
from stream.framing.subject import subject_box
from stream.looks.look import Staging
from stream.opening import open_run
from stream.pipeline import shrunk
from stream.running.loop import play
from stream.sources import open_source
from tests.folders import SHARED
from tests.stand_ins.fakes import ListSink

CLIPS = SHARED / "data" / "clips"
SIDE, HEIGHT, WIDTH = 180, 360, 640
#: Of the photo: the astronaut's head.
HEAD = Box(0.3, 0.02, 0.56, 0.4)
STILL, MOVING = 110, 60


class MovedPhoto(Source):
    """A photo of somebody that stands still, goes to the right, and stands still again."""

    def __init__(self, photo: np.ndarray, *, live: bool) -> None:
        super().__init__()
        self.info = StreamInfo(WIDTH, HEIGHT, Fraction(25), live=live, num_frames=self.num)
        self._photo = cv2.resize(photo, (SIDE, SIDE), interpolation=cv2.INTER_AREA)

    num = 2 * STILL + MOVING

    @staticmethod
    def left(index: int) -> int:
        return round(np.interp(index, [STILL, STILL + MOVING], [100, 340]))

    def head(self, index: int) -> Box:
        x, y = self.left(index), HEIGHT - SIDE
        return Box(
            (x + HEAD.left * SIDE) / WIDTH,
            (y + HEAD.top * SIDE) / HEIGHT,
            (x + HEAD.right * SIDE) / WIDTH,
            (y + HEAD.bottom * SIDE) / HEIGHT,
        )

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.num):
            image = np.full((HEIGHT, WIDTH, 3), 190, np.uint8)
            image[HEIGHT - SIDE :, self.left(index) : self.left(index) + SIDE] = self._photo
            yield Frame(RgbPicture(image), index, index / 25)


class Everything(ListSink):
    """Is waited for, also by what is live."""


def steps(crops: Sequence[Crop]) -> np.ndarray:
    return np.abs(np.diff(np.array([crop.box for crop in crops]), axis=0)).max(axis=1)


@pytest.mark.parametrize("live", [False, True])
def test_a_photo_that_moves_along_a_known_path(live: bool) -> None:
    photo = pytest.importorskip("skimage.data", reason="carries the photo").astronaut()
    source, sink = MovedPhoto(photo, live=False), Everything()
    with open_run(source, sink, segmenter=load("portrait"), staging=Staging(framed=True)) as run:
        if live:
            run.pipeline._framing = Following()
        play(run)
    assert sink.indices == list(range(source.num))
    crops = [output.crop for output in sink.outputs]
    for index, (crop, output) in enumerate(zip(crops, sink.outputs, strict=True)):
        assert crop.holds(source.head(index)), index
        assert output.picture.size_hw == (HEIGHT, WIDTH)
        assert output.alpha is not None
    assert steps(crops).max() <= 0.01
    assert crops[STILL - 10].size < 0.85, "it comes nearer"
    rests = crops[STILL - 12 : STILL] if live else crops[: STILL - 70]
    assert len(set(rests)) == 1, "while they are still it does not move"
    assert len(set(crops[-8:])) == 1
    assert crops[-1].x > crops[STILL - 10].x + 0.1


@pytest.mark.parametrize(
    ("clip", "held_live"),
    [
        ("talk_woman_720p_audio.mp4", 1.0),
        ("two_people_walk_1080p_vfr.mp4", 0.95),
        # a crowd whose passers-by come and go: a camera cannot know of them
        ("street_dance_crowd_720p50_audio.avi", 0.6),
    ],
)
def test_real_people_stay_in_the_picture(clip: str, held_live: float) -> None:
    if not (CLIPS / clip).exists():
        pytest.skip("../shared/data is not beside the checkout")
    network, boxes, times_s = load("portrait", detail="live"), list[Box | None](), list[float]()
    with open_source(str(CLIPS / clip), on_message=lambda text: None) as source:
        for frame in itertools.islice(source, 120):
            (found,) = network.segment(shrunk(frame.picture, network.max_input)[None])
            boxes.append(subject_box(found))
            times_s.append(frame.time_s)
    assert sum(box is not None for box in boxes) > 0.9 * len(boxes)
    path = Ahead(64)
    crops = [crop for box in boxes for crop in path.push(Known(box, True, True))]
    crops += path.finish()
    assert all(box is None or crop.holds(box) for crop, box in zip(crops, boxes, strict=True))
    assert steps(crops).max() <= 0.01
    follows = Following()
    crops = [
        follows.crop(box, time_s, 0, is_known=True, is_wanted=True)
        for box, time_s in zip(boxes, times_s, strict=True)
    ]
    assert steps(crops).max() <= 0.01
    held = [box is None or crop.holds(box) for crop, box in zip(crops, boxes, strict=True)]
    assert np.mean(held) >= held_live
