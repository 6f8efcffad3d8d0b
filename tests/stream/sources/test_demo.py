"""The built-in demo."""

from __future__ import annotations

import numpy as np
import pytest

from stream.sources.demo import Demo


def test_demo_moves_and_ends_where_it_began():
    pytest.importorskip("skimage")
    with Demo() as demo:
        frames = list(demo)
    assert len(frames) == demo.info.num_frames
    first, middle, last = (frames[index].image.astype(int) for index in (0, 120, -1))
    assert np.abs(first - middle).mean() > 10
    assert np.abs(first - last).mean() < 5
    assert first.shape == (demo.info.height, demo.info.width, 3)
