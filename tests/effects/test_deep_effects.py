"""Effects on frames with 10 bits do what they do with 8, and put colours where they belong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import effects
from effects.effect import Effect
from segmentation.picture import Picture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.frame import Frame
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.stats import Stats
from stream.yuv420 import YuvCoding, YuvPicture
from tests.stand_ins.fakes import Oracle

SDR = DeepCoding(YuvCoding("bt709"), Colours("bt709", "bt709"))
PQ = DeepCoding(YuvCoding("bt2020nc"), Colours("bt2020", "smpte2084"))
HLG = DeepCoding(YuvCoding("bt2020nc"), Colours("bt2020", "arib-std-b67"))
#: Luma of what stands for a page's white.
WHITES = {SDR: 940, PQ: 573, HLG: 721}
PERSON = slice(24, 72), slice(40, 88)


class Sees(Oracle):
    """The person is where they are."""

    def _one(self, image):  # type: ignore[no-untyped-def]
        from tests.stand_ins.fakes import PERSON as COLOUR

        drawn = np.zeros_like(image)
        drawn[PERSON] = COLOUR
        return super()._one(drawn)


def deep(coding: DeepCoding) -> DeepPicture:
    """Soft colours, some of them brighter than white where there is such."""
    rng = np.random.default_rng(4)
    coarse = rng.integers(200, 760, (6, 8, 3)).astype(np.uint16)
    image = np.asarray(cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_LINEAR))
    return DeepPicture.of_deep_rgb(image, coding)


def shown(effect: Effect | str, picture: Picture, *, found: bool = True) -> Picture:
    """Return the frame after the pipeline."""
    if isinstance(effect, str):
        effect = effects.parse_effect(effect, lambda path: pytest.fail(str(path)))
    segmenter = Sees()
    pipeline = Pipeline(
        PerFrameTracker(segmenter), Refiner(blend=False), Look(effect), stats=Stats()
    )
    tracked = pipeline.track(Frame(picture, 0, 0.0))[0]
    if not found:
        tracked = type(tracked)(tracked.frame, None)
    return pipeline.composite(tracked).picture


def deep_shown(effect: Effect | str, coding: DeepCoding, *, found: bool = True) -> DeepPicture:
    result = shown(effect, deep(coding), found=found)
    assert isinstance(result, DeepPicture)
    assert result.coding == coding
    return result


@pytest.mark.parametrize("coding", WHITES)
def test_no_effect_leaves_every_bit(coding: DeepCoding) -> None:
    before = deep(coding)
    result = shown("none", before)
    assert isinstance(result, DeepPicture)
    assert all(a is b for a, b in zip(result.planes, before.planes, strict=True))


@pytest.mark.parametrize("name", ["blur=0.05", "blur", "grey", "replace=#2a6f97", "overlay"])
def test_sdr_looks_as_it_does_with_eight_bits(name: str) -> None:
    before = deep(SDR)
    eight = YuvPicture(*(np.rint(plane / 4).astype(np.uint8) for plane in before.planes), SDR.yuv)
    difference = deep_shown(name, SDR).rgb.astype(int) - shown(name, eight).rgb
    # of grey 8 bits keep the luma of BT.601, 10 that of the video
    assert np.abs(difference).mean() < (6 if name == "grey" else 3)


@pytest.mark.parametrize("coding", WHITES)
@pytest.mark.parametrize("name", ["blur", "grey"])
def test_blur_and_grey_work_on_all_bits(coding: DeepCoding, name: str) -> None:
    before, result = deep(coding), deep_shown(name, coding)
    inside = PERSON[0], PERSON[1]
    core = tuple(slice(each.start + 8, each.stop - 8) for each in inside)
    assert np.array_equal(result.planes[0][core], before.planes[0][core])
    background = result.planes[0][:, :24]
    assert (background % 4 != 0).mean() > 0.6  # more than 8 bits have
    if name == "grey":
        assert np.array_equal(result.planes[0], before.planes[0])
        assert all((plane[:, :12] == 512).all() for plane in result.planes[1:])
        assert np.array_equal(result.planes[1][20:28, 28:36], before.planes[1][20:28, 28:36])
    else:
        assert background.std() < before.planes[0][:, :24].std()


@pytest.mark.parametrize("name", ["blur", "grey", "replace=#ffffff", "mask"])
def test_all_of_the_frame_without_a_mask(name: str) -> None:
    before, result = deep(PQ), shown(name, deep(PQ), found=False)
    difference = np.abs(result.rgb.astype(int) - before.rgb).max(axis=2)
    assert (difference[PERSON] > 0).mean() > 0.8


@pytest.mark.parametrize(("coding", "white"), WHITES.items())
def test_white_behind_a_person_is_a_pages_white(coding: DeepCoding, white: int) -> None:
    result = deep_shown("replace=#ffffff", coding)
    assert np.abs(result.planes[0][:, :24].astype(int) - white).max() <= 1
    assert all((np.abs(plane[:, :12].astype(int) - 512) <= 1).all() for plane in result.planes[1:])
    before = deep(coding)
    core = tuple(slice(each.start + 8, each.stop - 8) for each in PERSON)
    assert np.abs(result.planes[0][core].astype(int) - before.planes[0][core]).max() <= 3


@pytest.mark.parametrize("coding", WHITES)
def test_a_photo_behind_a_person_keeps_its_colours(coding: DeepCoding) -> None:
    photo = np.zeros((96, 128, 3), np.uint8)
    photo[...] = 42, 111, 151
    for background in (photo, lambda time_s, size_hw: photo):
        result = deep_shown(effects.Replace(background), coding)
        assert np.abs(result.rgb[:, :24].astype(int) - photo[:, :24]).max() <= 3


@pytest.mark.parametrize(("coding", "white"), WHITES.items())
def test_masks_and_overlays_are_no_brighter_than_a_page(coding: DeepCoding, white: int) -> None:
    mask = DeepPicture.of_srgb(shown("mask", deep(coding)).rgb, coding)
    assert np.abs(int(mask.planes[0][48, 64]) - white) <= 1
    assert mask.planes[0][2, 2] == 64
    black = DeepPicture.of_srgb(np.zeros((96, 128, 3), np.uint8), coding)
    tinted = shown("overlay", black)
    assert isinstance(tinted, DeepPicture)
    assert 0.5 * white < tinted.planes[0].max() < white


def test_an_effect_of_ones_own_sees_what_a_screen_shows() -> None:
    seen: list[np.ndarray] = []

    class Own:
        has_alpha = False

        def __call__(self, image: np.ndarray, alpha: np.ndarray, time_s: float) -> np.ndarray:
            seen.append(image)
            return 255 - image

    before = deep(PQ)
    result = shown(Own(), before)
    assert np.array_equal(seen[0], before.rgb)
    assert np.array_equal(result.rgb, 255 - before.rgb)


def test_an_effect_is_converted_once() -> None:
    calls: list[tuple[int, ...]] = []

    class Counted(effects.Replace):
        def in_colours(self, convert):  # type: ignore[no-untyped-def]
            calls.append((1,))
            return super().in_colours(convert)

    effect = Counted(np.full((4, 4, 3), 200, np.uint8))
    pipeline = Pipeline(PerFrameTracker(Sees()), Refiner(blend=False), Look(effect), stats=Stats())
    for index in range(3):
        pipeline.process(Frame(deep(PQ), index, index / 25))
    assert len(calls) == 1
