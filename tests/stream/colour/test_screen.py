"""HDR on screens and sRGB in HDR, against the standards and ffmpeg's zscale."""

from __future__ import annotations

import numpy as np
import pytest

from stream.colour.curves import hlg_to_scene, light_to_pq, pq_to_light, scene_to_hlg
from stream.colour.screen import Colours, from_screen, to_screen
from stream.colour.tone_curve import compressed
from tests import ffmpeg_reference as reference

PQ, HLG = Colours("bt2020", "smpte2084"), Colours("bt2020", "arib-std-b67")
WIDE_SDR = Colours("bt2020", "bt2020-10")
SHADES = np.array([[[42, 111, 151], [255, 0, 0], [12, 200, 3], [0, 0, 0], [90, 80, 70]]], np.uint8)


def test_pq_is_the_standards() -> None:
    # ITU-R BT.2408, table 1: signal of 100, 203 and 1000 nits, in per cent
    nits = np.array([100, 203, 1000, 10_000])
    values = light_to_pq(nits / 203)
    assert np.allclose(values * 100, [50.8, 58.1, 75.2, 100], atol=0.05)
    assert np.allclose(pq_to_light(values) * 203, nits)


def test_hlg_is_the_standards() -> None:
    values = scene_to_hlg(np.array([0, 1 / 12, 0.265, 1]))
    assert np.allclose(values, [0, 0.5, 0.75, 1], atol=0.001)
    assert np.allclose(hlg_to_scene(values), [0, 1 / 12, 0.265, 1], atol=1e-6)


@pytest.mark.parametrize(("colours", "share"), [(PQ, 0.5806), (HLG, 0.75)])
def test_white_has_203_nits(colours: Colours, share: float) -> None:
    white = from_screen(np.full((2, 2, 3), 255, np.uint8), colours)
    assert np.abs(white.astype(int) - share * 1023).max() <= 1.5


@pytest.mark.parametrize(("colours", "curve"), [(PQ, "smpte2084"), (WIDE_SDR, "iec61966-2-1")])
def test_srgb_lands_where_zscale_puts_it(colours: Colours, curve: str) -> None:
    scale = f"zscale=pin=bt709:tin=iec61966-2-1:min=gbr:p=bt2020:t={curve}:m=gbr:npl=203"
    raw = reference.ffmpeg(
        *("-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "40x8", "-i", "-"),
        *("-vf", f"format=gbrp,{scale},format=gbrp10le", "-f", "rawvideo", "-"),
        data=SHADES.repeat(8, axis=0).repeat(8, axis=1).tobytes(),
    )
    green, blue, red = np.frombuffer(raw, "<u2").reshape(3, 8, 40)
    wanted = np.stack([red, green, blue], axis=-1)[4, 4::8].astype(int)
    got = from_screen(SHADES, colours)[0].astype(int)
    assert np.abs(got - wanted).max() <= 3


@pytest.mark.parametrize("colours", [Colours("bt2020", "smpte2084", 203.0), WIDE_SDR, Colours()])
def test_what_is_no_brighter_than_white_comes_back(colours: Colours) -> None:
    back = to_screen(from_screen(SHADES, colours), colours)
    # pure colours are at the edge of what 10 bits of other primaries tell apart
    assert np.abs(back.astype(int) - SHADES).max() <= 2


@pytest.mark.parametrize("colours", [PQ, HLG])
def test_dark_and_middle_tones_keep_their_brightness(colours: Colours) -> None:
    dark = SHADES // 2
    assert np.abs(to_screen(from_screen(dark, colours), colours).astype(int) - dark).max() <= 3


@pytest.mark.parametrize("colours", [PQ, HLG])
def test_greys_rise_to_white(colours: Colours) -> None:
    most = 769 if colours is PQ else 1023  # 1000 nits
    grey = np.arange(most + 1, dtype=np.uint16)[None, :, None].repeat(3, axis=2)
    shown = to_screen(grey, colours)
    assert (shown.max(axis=2).astype(int) - shown.min(axis=2) <= 1).all()
    assert (np.diff(shown[0, :, 1].astype(int)) >= 0).all()
    assert shown[0, 0].max() == 0
    assert shown[0, -1].min() >= 254
    # there is room for highlights above the white of a page, and that is still bright
    white = shown[0, 594 if colours is PQ else 767, 1]
    assert 215 < white < 240


def test_highlights_keep_their_hue() -> None:
    bright = np.array([[[740, 600, 500]]], np.uint16)
    red, green, blue = to_screen(bright, PQ)[0, 0].astype(int)
    assert red > green > blue


def test_the_curve_reaches_white_and_does_not_bend_dark_tones() -> None:
    light = np.linspace(0, 1000 / 203, 500)
    curve = compressed(light, 1000 / 203)
    assert curve[-1] == pytest.approx(1)
    assert (np.diff(curve) > 0).all()
    assert np.allclose(curve[light < 0.4], light[light < 0.4])
    assert np.array_equal(compressed(light, 1.0), np.minimum(light, 1))
