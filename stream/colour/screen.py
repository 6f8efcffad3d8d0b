"""Colours of videos with 10 bits in sRGB, which screens and photos have, and those of sRGB in them.

HDR is tone-mapped: see `tone_curve`. It multiplies red, green and blue of a pixel alike, by what
the brightest of them demands, so that hues stay. Of what is put into an HDR picture white has 203
nits (ITU-R BT.2408). The curve of SDR counts as that of sRGB, as everybody shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.colour.curves import (
    HLG_GAMMA,
    HLG_NITS,
    PQ_NITS,
    WHITE_NITS,
    hlg_to_scene,
    light_to_pq,
    light_to_srgb,
    pq_to_light,
    scene_to_hlg,
    srgb_to_light,
)
from stream.colour.primaries import BY_NUMBER, luma_weights, to_srgb_matrix
from stream.colour.tone_curve import compressed, gain

Image = NDArray[np.uint8]
Deep = NDArray[np.uint16]
Floats = NDArray[np.float32]

_Curve = Callable[[NDArray[np.float64]], NDArray[Any]]

#: The largest value of 10 bits.
MOST = 1023
PQ, HLG = "smpte2084", "arib-std-b67"

_NUMBERS = {"bt470m": 4, "bt2020": 9, "smpte431": 11, "smpte432": 12}
_STEPS = 1 << 14  # of tables of light, closer to each other the darker it is
_ROWS = 32  # converted at a time, so that their numbers stay in the processor's cache
_HLG_WHITES = HLG_NITS / WHITE_NITS
_LUMA = luma_weights(BY_NUMBER[9])[None]


@dataclass(frozen=True, slots=True)
class Colours:
    """What the values of red, green and blue mean.

    Attributes:
        primaries: ffmpeg's name; those that are not known here count as those of sRGB.
        transfer: likewise, of the curve: `PQ`, `HLG`, else SDR.
        peak_nits: luminance of the brightest pixel of PQ; not compared.
    """

    primaries: str | None = None
    transfer: str | None = None
    peak_nits: float = field(default=1000.0, compare=False)

    @property
    def is_hdr(self) -> bool:
        """Whether pictures may be brighter than white."""
        return self.transfer in (PQ, HLG)

    @property
    def are_srgb(self) -> bool:
        """Whether they are those of sRGB."""
        return _to_srgb(self.primaries) is None and not self.is_hdr


def to_screen(image: Deep, colours: Colours) -> Image:
    """Return (H, W, 3) uint8 sRGB of (H, W, 3) uint16 RGB in [0, `MOST`]."""
    if colours.are_srgb:
        return np.asarray(cv2.convertScaleAbs(image, alpha=255 / MOST), np.uint8)
    shown = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), _ROWS):
        rows = slice(top, top + _ROWS)
        steps = cv2.sqrt(_screen_light(image[rows], colours)) * np.float32(_STEPS - 1)
        shown[rows] = _srgb_of_light()[steps.astype(np.int32)]
    return shown


def from_screen(image: Image, colours: Colours) -> Deep:
    """Return (H, W, 3) uint16 RGB in [0, `MOST`] of (H, W, 3) uint8 sRGB."""
    if colours.are_srgb:
        return np.asarray(_srgb_with_ten_bits()[image])
    coded = np.empty(image.shape, np.uint16)
    for top in range(0, len(image), _ROWS):
        rows = slice(top, top + _ROWS)
        coded[rows] = _coded_light(_light_of_srgb()[image[rows]], colours)
    return coded


def recoloured(image: Deep, source: Colours, target: Colours) -> Deep:
    """Return (H, W, 3) uint16 RGB in [0, `MOST`], of HDR in the colours of other HDR, as bright.

    What is brighter than the target can be is as bright as that can be.
    """
    if source == target:
        return image
    coded = np.empty(image.shape, np.uint16)
    for top in range(0, len(image), _ROWS):
        rows = slice(top, top + _ROWS)
        coded[rows] = _bright_values(_bright_light(image[rows], source, target), target)
    return coded


def _bright_light(image: Deep, source: Colours, target: Colours) -> Floats:
    """Return light of the target's primaries on an HDR screen, 1 is white, maybe far above."""
    light = _light_of_values(source.transfer)[image]
    if source.transfer == HLG:
        luma = np.maximum(cv2.transform(light, _LUMA), 1e-6)
        light *= (cv2.pow(luma, HLG_GAMMA - 1) * np.float32(_HLG_WHITES))[..., None]
    if source.primaries != target.primaries:
        both = [_to_srgb(colours.primaries) for colours in (source, target)]
        there, back = (np.eye(3) if each is None else each for each in both)
        light = np.asarray(cv2.transform(light, np.linalg.inv(back) @ there), np.float32)
    return np.maximum(light, 0)


def _bright_values(light: Floats, target: Colours) -> Deep:
    if target.transfer == HLG:
        return _values_of_scene(light)
    share = np.minimum(light * np.float32(WHITE_NITS / PQ_NITS), 1)
    steps = cv2.sqrt(cv2.sqrt(share)) * np.float32(_STEPS - 1) + np.float32(0.5)
    return np.asarray(_all_pq_values()[steps.astype(np.int32)])


def _values_of_scene(light: Floats) -> Deep:
    """Return the HLG values of a screen's light, that is of the light of the scene behind it."""
    luma = np.maximum(cv2.transform(light, _LUMA / _HLG_WHITES), 1e-6)
    light = light * (cv2.pow(luma, 1 / HLG_GAMMA - 1) / np.float32(_HLG_WHITES))[..., None]
    return _table_values(np.minimum(light, 1), HLG)


def _screen_light(image: Deep, colours: Colours) -> Floats:
    """Return light of sRGB's primaries, in [0, 1], 1 is white."""
    light = _light_of_values(colours.transfer)[image]
    if colours.transfer == PQ:
        light *= _pq_gain(colours.peak_nits)[_brightest(image)][..., None]
    elif colours.transfer == HLG:
        luma = np.maximum(cv2.transform(light, _LUMA), 1e-6)
        screen = cv2.pow(luma, HLG_GAMMA - 1) * np.float32(_HLG_WHITES)
        light *= (screen * gain(_brightest(light) * screen, _HLG_WHITES))[..., None]
    matrix = _to_srgb(colours.primaries)
    if matrix is not None:
        light = np.asarray(cv2.transform(light, matrix), np.float32)
    return np.clip(light, 0, 1, out=light)


def _coded_light(light: Floats, colours: Colours) -> Deep:
    """Return the values of light of sRGB's primaries, in [0, 1], 1 is white."""
    matrix = _to_srgb(colours.primaries)
    if matrix is not None:
        light = np.asarray(cv2.transform(light, np.linalg.inv(matrix)), np.float32)
        np.clip(light, 0, 1, out=light)
    if colours.transfer == HLG:
        return _values_of_scene(light)
    return _table_values(light, colours.transfer)


def _table_values(light: Floats, transfer: str | None) -> Deep:
    steps = cv2.sqrt(light) * np.float32(_STEPS - 1) + np.float32(0.5)
    return np.asarray(_values_of_light(transfer)[steps.astype(np.int32)])


def _brightest(image: NDArray[Any]) -> NDArray[Any]:
    """Return (H, W), of each pixel the largest of red, green and blue."""
    red, green, blue = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(red, green), blue), image.dtype)


@lru_cache(maxsize=8)
def _to_srgb(primaries: str | None) -> NDArray[np.float64] | None:
    """Return (3, 3), from light of primaries to that of sRGB; `None` where they are the same."""
    number = _NUMBERS.get(primaries or "")
    return None if number is None else to_srgb_matrix(BY_NUMBER[number])


@lru_cache(maxsize=8)
def _light_of_values(transfer: str | None) -> Floats:
    """Return (`MOST` + 1,), of HLG the light of the scene."""
    curves: dict[str, _Curve] = {PQ: pq_to_light, HLG: hlg_to_scene}
    values = np.arange(MOST + 1) / MOST
    return np.asarray(curves.get(transfer or "", srgb_to_light)(values), np.float32)


@lru_cache(maxsize=8)
def _values_of_light(transfer: str | None) -> Deep:
    """Return (`_STEPS`,); square roots of light lie at equal distances."""
    curves: dict[str, _Curve] = {PQ: light_to_pq, HLG: scene_to_hlg}
    curve: _Curve = curves.get(transfer or "", light_to_srgb)
    return np.asarray(np.rint(curve(np.linspace(0, 1, _STEPS) ** 2) * MOST), np.uint16)


@lru_cache(maxsize=1)
def _all_pq_values() -> Deep:
    """Return (`_STEPS`,), up to the brightest; fourth roots of light lie at equal distances."""
    light = np.linspace(0, 1, _STEPS) ** 4 * (PQ_NITS / WHITE_NITS)
    return np.asarray(np.rint(light_to_pq(light) * MOST), np.uint16)


@lru_cache(maxsize=8)
def _pq_gain(peak_nits: float) -> Floats:
    """Return (`MOST` + 1,), what a pixel's light is multiplied by, for its brightest value."""
    light = np.maximum(pq_to_light(np.arange(MOST + 1) / MOST), 1e-9)
    return np.asarray(compressed(light, peak_nits / WHITE_NITS) / light, np.float32)


@lru_cache(maxsize=1)
def _srgb_of_light() -> Image:
    steps = np.minimum((np.arange(_STEPS) + 0.5) / (_STEPS - 1), 1)
    return np.asarray(np.rint(light_to_srgb(steps**2) * 255), np.uint8)


@lru_cache(maxsize=1)
def _light_of_srgb() -> Floats:
    return np.asarray(srgb_to_light(np.arange(256) / 255), np.float32)


@lru_cache(maxsize=1)
def _srgb_with_ten_bits() -> Deep:
    return np.asarray(np.rint(np.arange(256) * (MOST / 255)), np.uint16)
