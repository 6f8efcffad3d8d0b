"""Cuts, stillness and what is new between two frames."""

from __future__ import annotations

import itertools

import numpy as np

from segmentation.tracking.changes import Thumbnail, is_cut, is_still, new_share
from segmentation.tracking.propagation.propagate import SmallPicture
from tests.inputs.moving_discs import other_scene, scene


def test_likeness_of_thumbnails():
    one, other = (Thumbnail.of(SmallPicture.of(scene([(x, 70)])[0])) for x in (60, 64))
    elsewhere = Thumbnail.of(SmallPicture.of(other_scene(0)[0]))
    assert not is_cut(one, other)
    assert is_cut(one, elsewhere)
    assert is_still(one, one)
    assert not is_still(one, other)
    plain = [Thumbnail.of(SmallPicture.of(np.full((90, 120, 3), v, np.uint8))) for v in (40, 200)]
    assert is_cut(*plain)
    assert not is_cut(plain[0], plain[0])


def test_new_is_what_no_known_object_explains():
    before, now = scene([(60, 80)]), scene([(60, 80), (200, 80)])
    one, other = (Thumbnail.of(SmallPicture.of(image)) for image, _ in (before, now))
    known = now[1].masks[0]
    assert new_share(one, one, known) == 0
    assert new_share(one, other, known) > 0.01
    assert new_share(one, other, now[1].union()) == 0
    moved = np.roll(before[0], 9, axis=1)
    assert new_share(one, Thumbnail.of(SmallPicture.of(moved)), np.roll(known, 9, axis=1)) < 0.01


def test_cuts_are_found_in_real_frames_and_fast_motion_is_none(shared_data):
    import cv2

    clips = [
        [
            Thumbnail.of(SmallPicture.of(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)))
            for path in sorted((folder / "JPEGImages").iterdir())[:20]
        ]
        for folder in sorted((shared_data / "davis").iterdir())
    ]
    assert len(clips) == 5
    for clip in clips:
        assert not any(is_cut(a, b) for a, b in itertools.pairwise(clip))
        assert all(is_cut(clip[-1], other[0]) for other in clips if other is not clip)
