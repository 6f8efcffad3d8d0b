"""Masks carried from frame to frame, and those of two keyframes joined between them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segmentation.evaluation.mask_agreement import intersection_over_union
from segmentation.instances import Instances
from segmentation.tracking.between import blend, blend_in, carried_over
from segmentation.tracking.propagation.appearance import Appearance
from segmentation.tracking.propagation.outline import correct_outline
from segmentation.tracking.propagation.propagate import Holding, Propagation, SmallPicture
from tests.inputs.moving_discs import SIZE_HW, instances, scene

CARRIERS = {"hold": Holding, "forward": Propagation}


def overlap(found: Instances, truth: Instances) -> float:
    return intersection_over_union(found.union() >= 128, truth.union() >= 128)


def path(num: int, start_xy: tuple[float, float], step_xy: tuple[float, float]):
    return [
        scene([(start_xy[0] + i * step_xy[0], start_xy[1] + i * step_xy[1])]) for i in range(num)
    ]


def numbered(found: Instances, *ids: int) -> Instances:
    return Instances(found.boxes, found.scores, found.labels, found.masks, np.array(ids, np.int32))


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_carriers_keep_what_is_not_the_mask_and_write_to_nothing(carrier):
    frames = path(3, (60, 60), (3, 1))
    first = numbered(frames[0][1], 7)
    for array in (first.boxes, first.masks):
        array.setflags(write=False)
    carried = carrier(SmallPicture.of(frames[0][0]), first)
    for image, _ in frames[1:]:
        found = carried.step(SmallPicture.of(image))
        assert carried.instances is found
        assert found.size_hw == SIZE_HW
        assert found.ids.tolist() == [7]
        assert found.scores.tolist() == first.scores.tolist()


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_nothing_found_stays_nothing(carrier):
    frames = path(2, (60, 60), (3, 1))
    carried = carrier(SmallPicture.of(frames[0][0]), Instances.empty(SIZE_HW))
    assert len(carried.step(SmallPicture.of(frames[1][0]))) == 0


def test_mask_and_box_go_with_the_object():
    frames = path(8, (50, 50), (6, 2))
    carried = Propagation(SmallPicture.of(frames[0][0]), frames[0][1])
    for image, truth in frames[1:]:
        found = carried.step(SmallPicture.of(image))
        assert overlap(found, truth) > 0.95
        assert np.abs(found.boxes - truth.boxes).max() <= 2
    assert overlap(frames[0][1], frames[-1][1]) < 0.1


def test_drift_tells_motion_from_stillness():
    frames = path(4, (60, 60), (6, 0))
    still = Propagation(SmallPicture.of(frames[0][0]), frames[0][1])
    moved = Propagation(SmallPicture.of(frames[0][0]), frames[0][1])
    for image, _ in frames[1:]:
        still.step(SmallPicture.of(frames[0][0]))
        moved.step(SmallPicture.of(image))
    assert still.drift < 0.03 < moved.drift


def test_object_that_leaves_is_dropped_and_the_other_stays():
    frames = [scene([(230 + 9 * i, 80), (60, 80)]) for i in range(13)]
    carried = Propagation(SmallPicture.of(frames[0][0]), numbered(frames[0][1], 3, 4))
    found = [carried.step(SmallPicture.of(image)) for image, _ in frames[1:]]
    assert found[0].ids.tolist() == [3, 4]
    assert found[-1].ids.tolist() == [4]
    assert overlap(found[-1], frames[-1][1]) > 0.97


def test_object_coming_in_over_the_border_grows_with_it():
    frames = [scene([(-8 + 5 * i, 60)]) for i in range(7)]
    carried = Propagation(SmallPicture.of(frames[0][0]), frames[0][1])
    found = [carried.step(SmallPicture.of(image)) for image, _ in frames[1:]]
    assert overlap(found[-1], frames[-1][1]) > 0.9


@pytest.mark.parametrize("shift", [-4, 4])
def test_colours_put_an_outline_right_where_the_flow_has_failed(shift):
    image, truth = scene([(90, 80)])
    ycc, mask = SmallPicture.of(image).ycc, truth.masks[0]
    appearance = Appearance(ycc, mask, 280)
    wrong = np.roll(mask, shift, axis=1)
    failed = np.full(SIZE_HW, 255, np.uint8)
    corrected = correct_outline(ycc, wrong, failed, appearance, 280)
    assert intersection_over_union(wrong >= 128, mask >= 128) < 0.85
    assert intersection_over_union(corrected >= 128, mask >= 128) > 0.97
    believed = correct_outline(ycc, wrong, np.zeros_like(failed), appearance, 280)
    assert (believed == wrong).all()


def test_colours_leave_a_networks_faint_doubts_alone():
    image, truth = scene([(90, 80)])
    ycc, mask = SmallPicture.of(image).ycc, truth.masks[0].copy()
    mask[20:60, 200:240] = 60
    failed = np.full(SIZE_HW, 255, np.uint8)
    corrected = correct_outline(ycc, mask, failed, Appearance(ycc, mask, 280), 280)
    assert (corrected[20:60, 200:240] == 60).all()


def test_frames_larger_than_masks_are_carried_at_come_back_at_their_size():
    images = [
        (cv2.resize(image, (800, 480)), found.scaled_to((480, 800)))
        for image, found in path(2, (60, 60), (5, 0))
    ]
    picture, following = (SmallPicture.of(image) for image, _ in images)
    found = Propagation(picture, images[0][1]).step(following).scaled_to(following.size_hw)
    assert found.size_hw == (480, 800)
    assert overlap(found, images[1][1]) > 0.95


def test_frame_of_another_size_is_refused():
    image, truth = scene([(60, 60)])
    with pytest.raises(ValueError, match="picture: expected"):
        Propagation(SmallPicture.of(image), truth).step(SmallPicture.of(image[:-2]))


def test_both_keyframes_are_better_than_one_on_real_frames(shared_data):
    folder = shared_data / "davis" / "rollerblade"
    pictures, truths = [], []
    for path_ in sorted((folder / "JPEGImages").iterdir())[:11]:
        pictures.append(SmallPicture.of(cv2.imread(str(path_), cv2.IMREAD_COLOR_RGB)))
        truth = cv2.imread(str(folder / "Annotations" / f"{path_.stem}.png"), cv2.IMREAD_GRAYSCALE)
        size = pictures[-1].ycc.shape[1::-1]
        truths.append(cv2.resize(truth, size, interpolation=cv2.INTER_AREA))
    first, last = (_object(truths[i]) for i in (0, 10))
    forward = carried_over(Propagation(pictures[0], first), pictures[1:10])
    backward = carried_over(Propagation(pictures[10], last), pictures[9:0:-1])[::-1]
    targets = [_object(truth) for truth in truths[1:10]]

    def mean(found: list[Instances]) -> float:
        return float(np.mean([overlap(a, b) for a, b in zip(found, targets, strict=True)]))

    assert mean([first] * 9) < 0.5
    assert mean(forward) > 0.75
    assert mean(blend(forward, backward)) > mean(forward) + 0.02


def _object(mask: np.ndarray) -> Instances:
    x, y, width, height = cv2.boundingRect((mask >= 128).astype(np.uint8))
    box = np.array([[x, y, x + width, y + height]], np.float32)
    one = np.ones(1, np.float32)
    return Instances(box, one, np.zeros(1, np.int32), mask[None], np.zeros(1, np.int32))


def square(left: int, width: int = 20) -> np.ndarray:
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[40:100, left : left + width] = 255
    return mask


def test_blend_goes_from_one_keyframe_to_the_other():
    first, last = (numbered(instances([square(left)]), 5) for left in (50, 60))
    found = blend([first] * 9, [last] * 9)
    assert [each.ids.tolist() for each in found] == [[5]] * 9
    near_first, near_last = found[0].union() >= 128, found[-1].union() >= 128
    assert (near_first == (square(50) >= 128)).all()
    assert (near_last == (square(60) >= 128)).all()
    assert found[4].boxes[0, 0] == pytest.approx(55)


def test_object_of_one_keyframe_alone_is_shown_on_its_half():
    first = numbered(instances([square(50), square(100)]), 1, 2)
    last = numbered(instances([square(50)]), 1)
    counts = [each.ids.tolist() for each in blend([first] * 9, [last] * 9)]
    assert counts[:4] == [[1, 2]] * 4
    assert counts[5:] == [[1]] * 4
    assert [each.ids.tolist() for each in blend([last] * 9, [first] * 9)][5:] == [[1, 2]] * 4


def test_object_that_came_in_over_the_border_is_shown_throughout():
    first = numbered(instances([square(50)]), 1)
    last = numbered(instances([square(50), square(0)]), 1, 2)
    found = blend([first] * 9, [last] * 9)
    assert [each.ids.tolist() for each in found] == [[1, 2]] * 9
    assert (found[0].masks[1] == square(0)).all()


def test_blend_in_keeps_an_outline_that_hardly_moved_and_takes_one_that_did():
    carried = numbered(instances([square(50)]), 1)
    near = blend_in(carried, numbered(instances([square(51)]), 1))
    assert ((near.masks[0] >= 128) == (square(50) >= 128)).all()
    far = blend_in(carried, numbered(instances([square(62)]), 1))
    assert far.masks[0, 60, 78] == 255
    assert far.masks[0, 60, 54] == 0
    other = blend_in(carried, numbered(instances([square(51)]), 2))
    assert (other.masks[0] == square(51)).all()
