"""Frames that stay in the coding of their video all the way through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from effects import Blur, Effect, Grey, Unchanged
from segmentation.refinement.refiner import Refiner
from stream.frame import Frame, Output
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.stats import Stats
from stream.yuv420 import YuvCoding, YuvPicture
from tests.stand_ins.fakes import Oracle, square


def masked(effect: Effect) -> tuple[YuvPicture, object]:
    picture = YuvPicture.of_rgb(square(3), YuvCoding("bt709"))
    frame = Frame(picture, 0, 0.0)
    from segmentation.tracking.per_frame_tracker import PerFrameTracker

    pipeline = Pipeline(PerFrameTracker(Oracle()), Refiner(blend=True), Look(effect), stats=Stats())
    return picture, pipeline.process(frame).picture


def test_blur_needs_no_rgb_of_the_whole_frame() -> None:
    picture, shown = masked(Blur())
    assert isinstance(shown, YuvPicture)
    assert shown.coding == picture.coding
    assert not np.array_equal(shown.planes[0], picture.planes[0])


def test_no_effect_leaves_every_bit() -> None:
    picture, shown = masked(Unchanged())
    assert isinstance(shown, YuvPicture)
    assert all(a is b for a, b in zip(shown.planes, picture.planes, strict=True))


def test_other_effects_are_given_rgb() -> None:
    picture, shown = masked(Grey())
    assert not isinstance(shown, YuvPicture)
    assert shown.rgb.shape == picture.rgb.shape


def test_foreground_of_a_clip_is_written_as_it_was_read(demo_clip: Path) -> None:
    from segmentation.loading import load
    from segmentation.tracking.per_frame_tracker import PerFrameTracker
    from stream.sources.video import VideoSource

    segmenter = load("portrait")
    pipeline = Pipeline(
        PerFrameTracker(segmenter),
        Refiner(blend=True),
        Look(Blur()),
        max_input=segmenter.max_input,
        stats=Stats(),
    )
    with VideoSource(str(demo_clip)) as source:
        frame = next(iter(source))
    output = pipeline.process(frame)
    assert isinstance(frame.picture, YuvPicture)
    assert isinstance(output.picture, YuvPicture)
    inside = output.alpha == 255
    assert 0.05 < inside.mean() < 0.9
    np.testing.assert_array_equal(output.picture.planes[0][inside], frame.picture.planes[0][inside])
    outside = output.alpha == 0
    assert np.abs(output.image.astype(int) - frame.image)[outside].mean() > 2


def test_no_rgb_is_made_of_a_video_that_is_written(demo_clip: Path) -> None:
    from stream.sources.video import VideoSource

    with VideoSource(str(demo_clip)) as source:
        frame = next(iter(source))
    assert isinstance(frame.picture, YuvPicture)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(YuvPicture, "rgb", property(lambda picture: pytest.fail("made RGB")))
        assert Output(frame, frame.picture, None, None).in_srgb is frame.picture
