"""What networks that teach the portrait network say about a crop."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.training.bundled import portrait_teacher
from segmentation.training.bundled.portrait_teacher import Teacher

MASK = np.zeros((16, 24), np.uint8)
MASK[4:12, 8:16] = 255
EVERYWHERE = np.full(MASK.shape, 85, np.uint8)
CROP = np.repeat(MASK[:, :, None], 3, axis=2)


class Seer:
    """A network to which what is bright is a person, to a probability of its own."""

    classes: tuple[str, ...] = ("person",)

    def __init__(self, probability: int, right: int = 0) -> None:
        self._probability, self._right = probability, right

    def segment(self, images):
        found = np.minimum(images[0, :, :, 0], self._probability)
        return [Instances.of_mask(np.roll(found, self._right, axis=1))]


@pytest.fixture
def taught(monkeypatch):
    """Return what a teacher of some networks says about `CROP`."""

    def ask(*networks: Seer, mask=MASK, weights=EVERYWHERE) -> np.ndarray:
        names = [str(index) for index in range(len(networks))]
        monkeypatch.setattr(portrait_teacher, "load", lambda name: networks[int(name)])
        return Teacher(names)(CROP, mask, weights)

    return ask


def test_an_image_is_looked_at_straight_and_mirrored(taught):
    found = taught(Seer(240, right=2))
    assert found.dtype == np.uint8
    # once two pixels to the right, once two to the left
    row = found[6].astype(int)
    assert list(row[6:18]) == [120, 120, 120, 120, 240, 240, 240, 240, 120, 120, 120, 120]


def test_who_is_nearest_to_the_truth_is_believed(taught):
    assert taught(Seer(240), Seer(140)).max() == 240
    assert taught(Seer(140), Seer(240)).max() == 240


def test_what_two_see_on_average_is_believed_where_that_is_nearest(taught):
    truth = np.where(MASK == 255, 190, 0).astype(np.uint8)
    assert taught(Seer(240), Seer(140), mask=truth).max() == 190


def test_what_nobody_knows_decides_nothing(taught):
    truth, weights = MASK.copy(), np.where(MASK == 255, 0, 85).astype(np.uint8)
    truth[:, 15], weights[:, 15] = 0, 85
    assert taught(Seer(240), Seer(140), mask=truth).max() == 240
    assert taught(Seer(240), Seer(140), mask=truth, weights=weights).max() == 140


def test_networks_of_many_things_cannot_teach(taught):
    many = Seer(240)
    many.classes = ("person", "dog")
    with pytest.raises(ValueError, match="0 finds other things than people"):
        taught(many)


def test_the_bundled_network_looks_at_crops_as_at_frames():
    (network,) = Teacher(["portrait"])._networks
    assert network.fast
