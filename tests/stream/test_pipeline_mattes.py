"""Mattes go through the pipeline as they are, and what they are made of replaces the room."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from effects import Cutout, Effect, Mask, Replace, blend
from segmentation.instances import Instances
from segmentation.picture import Picture, RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.segmenter import Memory, RecurrentSegmenter
from segmentation.tracking.keyframe_tracker import KeyframeTracker
from segmentation.tracking.live_tracker import LiveTracker
from segmentation.tracking.propagation.propagate import FLOW, HOLD, Carrying
from segmentation.tracking.recurrent_tracker import RecurrentTracker
from segmentation.tracking.schedule import Schedule
from segmentation.tracking.tracker import Tracker
from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.frame import Frame, Output
from stream.live.palette import _Opaque
from stream.looks.look import Choose, Look
from stream.photo.photo import Photo, photo_of
from stream.pipeline import Pipeline
from stream.stats import Stats
from stream.yuv420 import YuvCoding, YuvPicture
from tests.contracts.trackers import AtOnce
from tests.inputs.icc_profiles import DISPLAY_P3, rgb_profile
from tests.stand_ins.fakes import ROOM, square
from tests.stand_ins.recurrent import FIRST, OWN, Remembers

BEACH = (10, 20, 250)
INSIDE = slice(17, 31), slice(12, 24)  # of the square of frame 0


class Sees(Remembers):
    """Knows where the person is, whatever the colours."""

    def follow(self, image: NDArray[np.uint8], memory: Memory | None) -> tuple[Instances, Memory]:
        return super().follow(square(0), memory)


class NoRefiner(Refiner):
    """Must not be asked."""

    def __init__(self) -> None:
        super().__init__(blend=True)

    def alpha(self, *arguments: Any, **more: Any) -> NDArray[np.uint8]:
        raise AssertionError("a matte was refined")


def shown(
    effect: Effect,
    picture: Picture | None = None,
    *,
    invert: bool = False,
    choose: Choose | None = None,
    photo: Photo | None = None,
    segmenter: RecurrentSegmenter | None = None,
    refiner: Refiner | None = None,
    max_input: int | None = None,
) -> Output:
    pipeline = Pipeline(
        RecurrentTracker(segmenter or Remembers()),
        refiner or NoRefiner(),
        Look(effect, invert, choose),
        max_input=max_input,
        stats=Stats(),
    )
    return pipeline.process(Frame(picture or RgbPicture(square(0)), 0, 0.0, photo=photo))


def mixed(colour: tuple[int, ...], behind: tuple[int, ...]) -> list[int]:
    """Return what a pixel of the person is before something."""
    front, back = (np.full((1, 1, 3), each, np.uint8) for each in (colour, behind))
    return blend(front, back, np.full((1, 1), FIRST, np.uint8))[0, 0].tolist()  # type: ignore[no-any-return]


def replaced() -> Replace:
    return Replace(np.full((1, 1, 3), BEACH, np.uint8))


def test_alpha_is_that_of_the_matte() -> None:
    output = shown(Mask())
    assert output.alpha is not None
    assert set(np.unique(output.alpha)) == {0, FIRST}


def test_a_matte_of_another_size_than_the_frame_is_no_more_than_a_mask() -> None:
    output = shown(replaced(), max_input=32, refiner=Refiner(blend=True))
    assert output.alpha is not None
    assert output.alpha.shape == (48, 64)
    assert (output.image[:8] == BEACH).all()


def test_the_room_does_not_shine_through_hair() -> None:
    image = shown(replaced()).image
    assert (image[INSIDE] == mixed(OWN, BEACH)).all()
    assert (image[:8] == BEACH).all()
    cut = shown(Cutout()).image
    assert (cut[INSIDE] == (*OWN, FIRST)).all()
    assert not cut[:8].any()


def test_where_the_effect_falls_on_the_foreground_its_colours_are_no_help() -> None:
    output = shown(replaced(), invert=True)
    assert output.alpha is not None
    np.testing.assert_array_equal(output.image, replaced()(square(0), 255 - output.alpha, 0.0))
    assert (output.image[:8] == ROOM).all()


def test_who_is_not_chosen_is_gone_with_their_matte() -> None:
    output = shown(replaced(), choose=lambda found: found[:0], refiner=Refiner(blend=True))
    assert (output.image == BEACH).all()
    output = shown(replaced(), choose=lambda found: found[:1])
    assert (output.image[INSIDE] == mixed(OWN, BEACH)).all()


def test_a_background_beside_transparent_ones_keeps_the_colours() -> None:
    image = shown(_Opaque(replaced())).image
    assert (image[INSIDE] == (*mixed(OWN, BEACH), 255)).all()


def test_a_photo_has_its_foreground_in_its_own_colours() -> None:
    photo = photo_of(square(0), profile=rgb_profile(*DISPLAY_P3))
    own = photo.from_srgb(np.full((48, 64, 3), OWN, np.uint8))[0, 0]
    assert tuple(own) != OWN
    image = shown(Cutout(), photo=photo, segmenter=Sees()).image
    assert (image[INSIDE] == (*own, FIRST)).all()
    broken = photo_of(square(0), profile=b"no profile")
    for each in (photo_of(square(0)), broken):
        assert (shown(Cutout(), photo=each, segmenter=Sees()).image[INSIDE] == (*OWN, FIRST)).all()


def test_a_transparent_photo_keeps_what_it_is_made_of() -> None:
    photo = photo_of(np.dstack([square(0), np.full((48, 64), 200, np.uint8)]))
    image = shown(Cutout(), RgbPicture(photo.image), photo=photo, segmenter=Sees()).image
    assert image[INSIDE][..., 3].max() > 0
    assert not (image[INSIDE][..., :3] == OWN).all(axis=-1).any()


def test_video_in_its_own_coding_has_them_too() -> None:
    picture = YuvPicture.of_rgb(square(0), YuvCoding("bt709"))
    inside = shown(replaced(), picture, segmenter=Sees()).image[INSIDE].astype(int)
    assert np.abs(inside - mixed(OWN, BEACH)).max() <= 3


def test_ten_bits_stay_and_have_the_colours_that_are_seen() -> None:
    coding = DeepCoding(YuvCoding("bt709"), Colours("bt709", "bt709"))
    picture = DeepPicture.of_deep_rgb(square(0).astype(np.uint16) * 4, coding)
    output = shown(replaced(), picture, segmenter=Sees())
    assert isinstance(output.picture, DeepPicture)
    inside = output.image[INSIDE].astype(int)
    assert np.abs(inside - mixed(OWN, BEACH)).max(axis=-1).min() > 20
    assert np.abs(output.image[:8].astype(int) - BEACH).max() <= 3


def test_memory_and_matte_begin_anew_with_a_camera_that_came_back() -> None:
    pipeline = Pipeline(RecurrentTracker(Remembers()), NoRefiner(), Look(Mask()), stats=Stats())
    known = []
    for index, take in enumerate((0, 0, 0, 1, 1)):
        frame = Frame(RgbPicture(square(index)), index, index / 25, take=take)
        alpha = pipeline.process(frame).alpha
        assert alpha is not None
        known.append(int(alpha.max()) - FIRST)
    assert known == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("carrying", [HOLD, FLOW])
@pytest.mark.parametrize("live", [False, True])
def test_where_masks_move_no_frame_has_a_matte(live: bool, carrying: Carrying) -> None:
    """Or edges would change from keyframes to others."""
    tracker: Tracker = KeyframeTracker(Remembers(), Schedule(3), carrying=carrying)
    if live:
        tracker = LiveTracker(Remembers(), Schedule(3), AtOnce(), carrying=carrying)
    results = [each for i in range(7) for each in tracker.push(square(i), i / 25)]
    results += tracker.finish()
    known = [found for found in results if found is not None]
    assert len(known) >= 6
    assert [found.matte for found in known] == [None] * len(known)
