"""Optical flow: where each pixel was, whatever the size and the light."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.tracking.propagation.flow import OpticalFlow, mismatch, warp
from tests.inputs.moving_discs import texture

LARGE = texture((140, 180), (120, 120, 120), 7)[..., 0]


def test_flow_tells_where_each_pixel_was():
    before, now = LARGE[20:116, 20:148], LARGE[17:113, 26:154]
    flow = OpticalFlow().backward(now.copy(), before.copy())
    inner = flow[15:-15, 15:-15]
    assert np.abs(np.median(inner, axis=(0, 1)) - (6, -3)).max() < 0.2
    assert np.percentile(np.linalg.norm(inner - (6, -3), axis=2), 90) < 0.5


def test_flow_does_not_mind_a_change_of_exposure():
    before, now = LARGE[20:116, 20:148], LARGE[20:116, 24:152]
    brighter = np.clip(now.astype(int) + 25, 0, 255).astype(np.uint8)
    flow = OpticalFlow().backward(brighter, before.copy())
    assert np.abs(np.median(flow[15:-15, 15:-15], axis=(0, 1)) - (4, 0)).max() < 0.2


@pytest.mark.parametrize("size_hw", [(1, 1), (20, 90), (17, 400), (400, 17), (71, 73)])
def test_any_size_is_taken(size_hw):
    search = OpticalFlow()
    expected = search.backward(LARGE[:96, :128], LARGE[1:97, 1:129])
    image = np.resize(LARGE, size_hw)
    flow = search.backward(image, image)
    assert flow.shape == (*size_hw, 2)
    assert np.abs(flow).max() < 0.5
    assert (search.backward(LARGE[:96, :128], LARGE[1:97, 1:129]) == expected).all()


def test_frames_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match=r"past: expected \(30, 40\), got \(30, 41\)"):
        OpticalFlow().backward(np.zeros((30, 40), np.uint8), np.zeros((30, 41), np.uint8))


def test_pull_moves_values_and_continues_the_border():
    values = np.arange(48, dtype=np.uint8).reshape(6, 8)
    flow = np.zeros((6, 8, 2), np.float32)
    flow[..., 0] = 2
    moved = warp(values, flow)
    assert (moved[:, :6] == values[:, 2:]).all()
    assert (moved[:, 6:] == values[:, 7:]).all()
    flow[..., 0], flow[..., 1] = 0, -0.5
    assert (warp(values * 2, flow)[1:] == values[1:] * 2 - 8).all()


def test_mismatch_is_where_the_frame_is_not_explained():
    now = np.full((20, 30, 3), 100, np.uint8)
    moved = now.copy()
    moved[5:15, 5:15] += 20
    failed = mismatch(now, moved)
    assert (failed[7:13, 7:13] == 60).all()
    assert (failed[:, 20:] == 0).all()
