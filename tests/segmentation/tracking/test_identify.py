"""Ids that stay with their objects."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.tracking.identify import Identities
from segmentation.tracking.propagation.propagate import SmallPicture
from tests.inputs.moving_discs import instances, scene


def test_identities_tell_classes_and_newcomers_apart():
    image, found = scene([(60, 70), (200, 90)])
    picture = SmallPicture.of(image)
    names = Identities()
    first = names.with_ids(found, None, picture, 0.0)
    assert first.ids.tolist() == [0, 1]
    swapped = names.with_ids(found[::-1], first, picture, 0.1)
    assert swapped.ids.tolist() == [1, 0]
    other_class = Instances(
        found.boxes, found.scores, np.array([0, 3], np.int32), found.masks, found.ids
    )
    assert names.with_ids(other_class, first, picture, 0.2).ids.tolist() == [0, 2]


def test_identity_of_who_left_is_kept_for_a_while():
    (here, found), (away, left) = scene([(60, 70)]), (scene([])[0], instances([]))
    for absence_s, expected in ((5.0, [0]), (50.0, [1])):
        names = Identities()
        first = names.with_ids(found, None, SmallPicture.of(here), 0.0)
        gone = names.with_ids(left, first, SmallPicture.of(away), 0.1)
        back = names.with_ids(found, gone, SmallPicture.of(here), absence_s)
        assert back.ids.tolist() == expected


def half_changed(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with the upper half of an object in a colour it never had."""
    changed = image.copy()
    upper = mask >= 128
    upper[int(np.nonzero(upper)[0].mean()) :] = False
    changed[upper] = (250, 250, 20)
    return changed


@pytest.mark.parametrize(("x", "expected"), [(110, [0, 1]), (220, [0, 2])])
def test_who_went_behind_another_comes_out_from_there(x, expected):
    names = Identities()
    image, both = scene([(60, 70), (110, 70)])
    first = names.with_ids(both, None, SmallPicture.of(image), 0.0)
    assert first.ids.tolist() == [0, 1]
    alone = names.with_ids(both[:1], first, SmallPicture.of(image), 0.1)
    again, found = scene([(60, 70), (x, 70)])
    picture = SmallPicture.of(half_changed(again, found.masks[1]))
    back = names.with_ids(found, alone, picture, 4.0)
    assert back.ids.tolist() == expected
