"""Objects and their masks, and the matte that is finer than these."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.instances import Instances, Matte


def matte() -> Matte:
    alpha = np.zeros((6, 8), np.uint8)
    alpha[1:4, 2:7] = 100
    alpha[2:4, 3:6] = 220
    return Matte(alpha, np.full((6, 8, 3), 7, np.uint8))


def test_the_object_of_a_matte_is_where_it_is_more_than_half() -> None:
    found = Instances.of_matte(matte())
    assert found.boxes.tolist() == [[3, 2, 6, 4]]
    assert found.scores.tolist() == pytest.approx([220 / 255])
    assert found.labels.tolist() == [0]
    assert (found.union() == matte().alpha).all()
    assert found.matte is not None
    assert (found.matte.alpha == matte().alpha).all()


def test_a_matte_without_an_object_stays() -> None:
    thin = Matte(matte().alpha // 2)
    found = Instances.of_matte(thin)
    assert len(found) == 0
    assert found.matte is thin


def test_a_matte_travels_to_other_processes() -> None:
    colours = np.full((6, 8, 3), 7, np.uint8)
    found = Instances.of_matte(Matte(matte().alpha, lambda: colours))
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert (again.matte.foreground == colours).all()
        assert (again.masks == found.masks).all()
        assert again != found


@pytest.mark.parametrize("mask", [np.zeros(3, np.uint8), np.zeros((0, 3), np.uint8), [[1]]])
def test_what_is_no_mask_is_told(mask: NDArray[np.uint8]) -> None:
    for make in (Matte, Instances.of_mask):
        with pytest.raises(ValueError, match=r"expected uint8 \(H, W\), got"):
            make(mask)


def test_only_all_objects_have_the_matte() -> None:
    found = Instances.of_matte(matte())
    assert found[np.ones(1, bool)].matte is found.matte
    assert found[np.zeros(1, bool)].matte is None
    assert found.without_matte().matte is None
    assert found.without_matte().masks is found.masks


def test_mirrored_objects_lie_where_the_mirrored_image_has_them() -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[1:4, 2:7] = 200
    mask[1, 2] = 130
    found = Instances.of_mask(mask).mirrored()
    wanted = Instances.of_mask(np.ascontiguousarray(mask[:, ::-1]))
    assert found.boxes.tolist() == wanted.boxes.tolist() == [[1, 1, 6, 4]]
    np.testing.assert_array_equal(found.masks, wanted.masks)
    assert len(Instances.empty((6, 8)).mirrored()) == 0


def test_a_matte_is_of_one_size() -> None:
    found = Instances.of_matte(matte())
    assert found.scaled_to((6, 8)).matte is found.matte
    assert found.scaled_to((12, 16)).matte is None
    empty = Instances.empty((5, 8))
    with pytest.raises(ValueError, match=r"matte: expected \(5, 8\), got \(6, 8\)"):
        Instances(empty.boxes, empty.scores, empty.labels, empty.masks, empty.ids, matte())


def test_colours_are_computed_once_and_only_where_they_are_asked_for() -> None:
    calls: list[int] = []

    def colours() -> NDArray[np.uint8]:
        calls.append(1)
        return np.full((6, 8, 3), 7, np.uint8)

    lazy = Matte(matte().alpha, colours)
    assert Instances.of_matte(lazy).matte is lazy
    assert calls == []
    assert lazy.foreground is lazy.foreground
    assert calls == [1]
    with pytest.raises(ValueError, match="foreground: expected uint8"):
        _ = Matte(np.zeros((4, 5), np.uint8), colours).foreground


@pytest.mark.parametrize(
    ("alpha", "foreground", "name"),
    [
        (np.zeros((4, 5), np.float32), None, "alpha"),
        (np.zeros((4, 5, 1), np.uint8), None, "alpha"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.uint8), "foreground"),
        (np.zeros((4, 5), np.uint8), np.zeros((5, 4, 3), np.uint8), "foreground"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.float32), "foreground"),
    ],
)
def test_wrong_arrays_are_refused(alpha: object, foreground: object, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected uint8"):
        Matte(alpha, foreground)  # type: ignore[arg-type]


@pytest.mark.parametrize("mask", [np.ones((4, 4), bool), np.ones((4, 4), np.float32)])
def test_a_mask_of_another_dtype_is_told(mask: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="mask: expected uint8"):
        Instances.of_mask(mask)  # type: ignore[arg-type]


def test_a_loop_meets_objects_one_by_one() -> None:
    masks = np.zeros((2, 6, 8), np.uint8)
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3]], np.float32)
    found = Instances.untracked(boxes, np.array([0.9, 0.8]), np.array([3, 5]), masks)
    assert [(len(one), *one.labels) for one in found] == [(1, 3), (1, 5)]
    assert found[-1].scores.tolist() == found[np.int64(1)].scores.tolist()
    assert len(found[np.array([True, False])]) == 1
    with pytest.raises(IndexError):
        found[2]
