"""Light, light wrap and a picture in front: with every effect, in every coding of frames."""

from __future__ import annotations

import numpy as np
import pytest

from effects import Blur, Cutout, Effect, Grey, Mask, Overlay, Replace, Unchanged
from effects.over.front import Front
from segmentation.picture import Picture, RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.frame import Frame, Output
from stream.framing.crop import WHOLE
from stream.looks.look import Look, Staging
from stream.pipeline import Pipeline
from stream.stats import Stats
from stream.yuv420 import YuvCoding, YuvPicture
from tests.stand_ins.fakes import Oracle

DARK, WALL = (60, 40, 30), (200, 190, 120)
LOGO = np.full((8, 16, 4), (170, 160, 20, 255), np.uint8)
EFFECTS = [Blur(), Grey(), Replace(np.full((1, 1, 3), 220, np.uint8)), Mask(), Cutout(), Overlay()]
CODINGS = ("rgb", "8 bits", "10 bits", "HDR")


class Sees(Oracle):
    """Knows where somebody is, whatever the picture."""

    def _one(self, image):  # type: ignore[no-untyped-def]
        seen = np.full((90, 160, 3), WALL, np.uint8)
        seen[(image.astype(int).sum(axis=2) < 300)] = (230, 30, 180)
        return super()._one(seen)


#: Rows and columns where somebody is, near and far away.
NEAR, FAR = np.s_[20:, 60:100], np.s_[56:, 70:84]


def picture(coding: str, place: tuple[slice, slice]) -> Picture:
    image = np.full((90, 160, 3), WALL, np.uint8)
    image[place] = DARK
    if coding == "rgb":
        return RgbPicture(image)
    if coding == "8 bits":
        return YuvPicture.of_rgb(image, YuvCoding("bt709"))
    colours = Colours("bt2020", "smpte2084" if coding == "HDR" else "bt709")
    return DeepPicture.of_srgb(image, DeepCoding(YuvCoding("bt2020nc"), colours))


def shown(
    effect: Effect,
    staging: Staging,
    coding: str = "rgb",
    *,
    is_known: bool = True,
    place: tuple[slice, slice] = NEAR,
) -> Output:
    network = Sees(fails=lambda call: not is_known)
    tracker = PerFrameTracker(network, None if is_known else lambda error: None)
    look = Look(effect, staging=staging)
    return Pipeline(tracker, Refiner(blend=False), look, stats=Stats()).process(
        Frame(picture(coding, place), 0, 0.0)
    )


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: type(effect).__name__)
def test_all_of_it_goes_with_every_effect(effect: Effect, coding: str) -> None:
    plain = shown(effect, Staging(), coding)
    staged = shown(effect, Staging(light=True, light_wrap=True, front=Front(LOGO)), coding)
    assert staged.image.shape == plain.image.shape
    if not isinstance(effect, Mask):
        assert type(staged.picture) is type(plain.picture)
    middle = staged.image[44:46, 78:82].astype(int)
    assert np.abs(middle[..., :3] - LOGO[0, 0, :3]).max() < 12
    if isinstance(effect, Blur | Grey | Replace):
        person = np.s_[60:80, 76:84]
        assert staged.image[person].mean() > plain.image[person].mean() + 20, "lifted"
        wall = np.s_[:10, :20]
        assert np.abs(staged.image[wall].astype(int) - plain.image[wall]).max() <= 1
        edge = np.s_[60:80, 61:63]
        lit = shown(effect, Staging(light=True), coding)
        assert staged.image[edge].mean() > lit.image[edge].mean() + 5, "lit from behind"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("effect", EFFECTS[:3], ids=lambda effect: type(effect).__name__)
def test_without_a_mask_there_is_nobody_to_light(effect: Effect, coding: str) -> None:
    staging = Staging(framed=True, light=True, light_wrap=True)
    covered = shown(effect, staging, coding, is_known=False)
    plain = shown(effect, Staging(), coding, is_known=False)
    assert covered.alpha is None
    assert covered.crop == WHOLE
    assert (covered.image == plain.image).all()


def test_where_nothing_is_asked_for_nothing_is_made() -> None:
    output = shown(Unchanged(), Staging(), "8 bits")
    assert output.picture.planes[0] is output.frame.picture.planes[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("effect", [*EFFECTS, Unchanged()], ids=lambda each: type(each).__name__)
def test_a_photo_is_framed_at_once_and_all_of_it_agrees(effect: Effect, coding: str) -> None:
    output = shown(effect, Staging(framed=True), coding, place=FAR)
    assert output.crop.size < 1
    assert output.picture.size_hw == (90, 160)
    assert output.alpha is not None
    assert output.alpha.shape == (90, 160)
    assert output.frame.picture.size_hw == (90, 160)
    if isinstance(effect, Unchanged):
        dark = output.image.astype(int).sum(axis=2) < 300
        assert ((output.alpha >= 128) == dark).mean() > 0.97
