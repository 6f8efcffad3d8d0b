"""The bundled instance network for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.instances import Instances
from segmentation.loading import load
from segmentation.person.duplicate_people import without_duplicates
from segmentation.person.outlines import with_certainty, with_outlines
from segmentation.person.segmenter import (
    EXPORTED_WEIGHTS,
    LARGE_SIZES_HW,
    SIZES_HW,
    WEIGHTS,
    export_path,
    inputs,
)
from segmentation.runtime.openvino_network import OpenVINONetwork
from segmentation.segmenter import Options, Segmenter
from segmentation.weights.named_weights import read_named, save_named
from tests.memory import survivors


@pytest.fixture(scope="module")
def person() -> Segmenter:
    return load("mask-rcnn-person")


def test_bundled_files_are_small():
    files = [WEIGHTS, EXPORTED_WEIGHTS, *map(export_path, SIZES_HW + LARGE_SIZES_HW)]
    assert sorted(files) == sorted(WEIGHTS.parent.glob("person*"))
    assert sum(file.stat().st_size for file in files) <= 16_000_000


def test_input_follows_the_aspect_of_the_image():
    for size_hw, wanted in [((1080, 1920), (256, 448)), ((480, 640), (320, 384))]:
        image, window = inputs(SIZES_HW, np.zeros((2, *size_hw, 3), np.uint8), 448)
        assert image.shape == (2, *wanted, 3)
        assert window.tolist() == [[0, 0, 1, 1]] * 2


@pytest.mark.parametrize("size_hw", [(48, 64), (37, 53), (1, 1), (400, 90), (720, 1280)])
def test_result_is_in_pixels_of_the_image(person, size_hw):
    images = np.random.default_rng(1).integers(0, 256, (2, *size_hw, 3), np.uint8)
    results = person.segment(images)
    assert len(results) == 2
    for found in results:
        assert found.masks.shape[1:] == size_hw


def test_each_person_is_one_instance(person):
    data = pytest.importorskip("skimage.data")
    photo = data.astronaut()
    (alone,) = person.segment(photo[None])
    assert alone.scores[0] > 0.95
    # she fills the lower middle of the photo; upper left there is a flag
    assert alone.masks[0, 100:500, 150:300].mean() > 200
    assert alone.masks[0, :150, :100].mean() < 20
    twice = np.concatenate([photo[:, :400], photo[:, 399::-1]], axis=1)
    both = person.segment(twice[None])[0][:2]
    assert both.scores.min() > 0.9
    left, right = both.masks[np.argsort(both.boxes[:, 0])] >= 128
    assert left[:, :400].sum() > 20 * left[:, 400:].sum()
    assert right[:, 400:].sum() > 20 * right[:, :400].sum()


def test_no_person_is_found_where_there_is_none(person):
    data = pytest.importorskip("skimage.data")
    (found,) = person.segment(data.coffee()[None])
    assert len(found) == 0


def test_it_is_freed_at_once_when_it_is_dropped():
    def used() -> list[Any]:
        person: Any = load("mask-rcnn-person")
        person.segment(np.zeros((1, *SIZES_HW[0], 3), np.uint8))
        people = person.instances._segmenters
        network = people[0].network
        return [person, *people, network, *network._of_size.values(), person.union]

    assert survivors(used) == []


# === Outlines ===


def found_in(masks: np.ndarray, boxes: list[list[int]]) -> Instances:
    ids = np.full(len(masks), -1, np.int32)
    scores, labels = np.ones(len(masks), np.float32), np.zeros(len(masks), np.int32)
    return Instances(np.array(boxes, np.float32), scores, labels, masks, ids)


def test_outlines_are_those_of_the_union_within_each_box():
    masks = np.zeros((1, 40, 40), np.uint8)
    masks[0, 10:30, 10:30] = 140  # undecided
    people = np.zeros((40, 40), np.uint8)
    people[5:35, 14:26] = 250
    (mask,) = with_outlines(found_in(masks, [[10, 10, 30, 30]]), people).masks
    assert (mask[10:30, 14:26] >= 240).all()
    assert (mask[10:30, 10:14] < 20).all()
    assert (mask[:10] == 0).all()  # the other network's word counts inside the box alone
    undecided = np.full((40, 40), 128, np.uint8)
    (same,) = with_outlines(found_in(masks, [[10, 10, 30, 30]]), undecided).masks
    np.testing.assert_allclose(same.astype(int), masks[0], atol=2)


def test_the_union_does_not_make_one_person_part_of_another():
    masks = np.zeros((2, 40, 40), np.uint8)
    masks[0, 5:35, 5:20], masks[0, 5:35, 20:30] = 240, 4
    masks[1, 5:35, 20:35] = 240
    people = np.zeros((40, 40), np.uint8)
    people[5:35, 5:35] = 255
    left, right = with_outlines(found_in(masks, [[5, 5, 30, 35], [20, 5, 35, 35]]), people).masks
    assert (left[5:35, 20:30] < 128).all()
    assert (right[5:35, 20:35] >= 128).all()


def test_a_neighbour_in_the_box_is_left_alone_though_not_ruled_out():
    masks = np.zeros((2, 40, 40), np.uint8)
    masks[0, 5:35, 5:20], masks[0, 5:35, 20:25] = 240, 110
    masks[1, 5:35, 20:35] = 200
    people = np.zeros((40, 40), np.uint8)
    people[5:35, 5:35] = 255
    left, right = with_outlines(found_in(masks, [[5, 5, 25, 35], [20, 5, 35, 35]]), people).masks
    assert (left[5:35, 20:25] < 128).all()
    assert (left[5:35, 5:20] >= 128).all()
    assert (right[5:35, 20:35] >= 128).all()


def test_small_people_that_the_union_misses_stay_as_they_are_and_large_ones_are_none():
    masks = np.zeros((2, 80, 80), np.uint8)
    masks[0, 10:30, 10:20] = 200
    masks[1, 30:70, 30:60] = 200
    people = np.zeros((80, 80), np.uint8)
    people[10:18, 10:20] = people[30:45, 30:60] = 255
    found = with_outlines(found_in(masks, [[10, 10, 20, 30], [30, 30, 60, 70]]), people)
    assert np.array_equal(found.masks, masks[:1])


# === Duplicates ===


def test_somebody_is_as_certain_as_both_networks_are_of_their_pixels():
    masks = np.zeros((3, 40, 40), np.uint8)
    masks[0, 20:] = 204
    masks[1, :10] = 255
    masks[2, :20] = 100  # not inside
    people = np.full((40, 40), 51, np.uint8)
    people[:10] = 255
    whole = [0, 0, 40, 40]
    found = with_certainty(found_in(masks, [whole] * 3), people)
    first, *others = found.scores.tolist()
    np.testing.assert_array_equal(found.masks[0], masks[1])
    alike = found_in(masks[:1], [whole]).scores[0]
    assert [first, *others] == pytest.approx([alike, alike * (0.8 * 0.2) ** 0.25, 0])
    assert found.scores.dtype == np.float32


def test_somebody_alone_who_is_not_certain_is_left_out():
    masks = np.full((1, 40, 40), 255, np.uint8)
    found = found_in(masks, [[0, 0, 40, 40]])
    assert len(without_duplicates(found, found.scores[0] - 0.01)) == 1
    assert len(without_duplicates(found, found.scores[0] + 0.01)) == 0
    assert len(without_duplicates(found[:0], 0.5)) == 0


def test_somebody_found_twice_is_left_out_and_neighbours_stay():
    masks = np.zeros((4, 40, 60), np.uint8)
    masks[0, 5:35, 5:25] = 200
    masks[1, 5:35, 7:25] = 200  # the first one again
    masks[2, 5:35, 20:45] = 200  # beside, a fifth of it shared
    masks[3, 5:35, 5:55] = 200  # both in one
    boxes = [[5, 5, 25, 35], [7, 5, 25, 35], [20, 5, 45, 35], [5, 5, 55, 35]]
    found = found_in(masks, boxes)
    left = without_duplicates(found, 0.7)
    assert left.boxes[:, 0].tolist() == [5, 20]
    assert left.scores.tolist() == pytest.approx([1, 0.9])
    everybody = without_duplicates(found, 0.0)
    assert len(everybody) == 4
    assert everybody.scores.tolist() == sorted(everybody.scores.tolist(), reverse=True)


def test_duplicates_are_known_in_large_photos_too():
    masks = np.zeros((2, 1500, 2000), np.uint8)
    masks[0, 100:1400, 100:900] = masks[1, 100:1400, 150:900] = 255
    found = found_in(masks, [[100, 100, 900, 1400], [150, 100, 900, 1400]])
    assert len(without_duplicates(found, 0.6)) == 1


@pytest.mark.parametrize("sizes_hw", [SIZES_HW, LARGE_SIZES_HW])
def test_export_is_the_network_with_its_weights(sizes_hw):
    pytest.importorskip("keras")
    data = pytest.importorskip("skimage.data")
    from segmentation.person.network import load_network
    from tests.golden.comparison import run

    size_hw = sizes_hw[-1]
    photo = np.pad(data.astronaut(), ((0, 0), (0, 300), (0, 0)))
    image, window = inputs(sizes_hw, photo[None], 0)
    assert image.shape[1:3] == size_hw
    given = [image, window, np.array([[2.0, 0.3]], np.float32)]
    wanted = run(load_network(WEIGHTS, size_hw), given)
    found = OpenVINONetwork(export_path(size_hw), 1, EXPORTED_WEIGHTS)(*given)
    assert (wanted[1] > 0).sum() == (found[1] > 0).sum() >= 1
    np.testing.assert_allclose(found[0], wanted[0], atol=2e-3)
    np.testing.assert_allclose(found[1], wanted[1], atol=5e-3)
    assert ((found[3] > 0) != (wanted[3] > 0)).mean() < 2e-3


def test_options_it_cannot_follow_are_refused(tmp_path):
    with pytest.raises(ValueError, match="takes no size or classes"):
        load("mask-rcnn-person", Options(size=512))
    with pytest.raises(ValueError, match="no class 'persn'; did you mean 'person'"):
        load("mask-rcnn-person", Options(keep=["persn"]))
    with pytest.raises(WeightsError, match=r"absent\.npz"):
        load("mask-rcnn-person", Options(weights=tmp_path / "absent.npz"))


@pytest.mark.parametrize("backend", ["openvino", "keras"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda weights: weights.clear(), r"wrong\.npz: 202 tensors missing: "),
        (lambda weights: weights.update(a=np.zeros(2)), r"1 tensors not in the network: a"),
        (
            lambda weights: weights.update({"mrcnn_mask/bias": np.zeros(9)}),
            r"of another shape: mrcnn_mask/bias \(9,\) instead of \(2,\)",
        ),
        (
            lambda weights: weights.update({"mrcnn_mask/bias": np.full(2, np.nan)}),
            r"wrong\.npz: mrcnn_mask/bias has values that are not finite",
        ),
    ],
)
def test_weights_of_another_network_are_refused_at_once(tmp_path, backend, change, told):
    if backend == "keras":
        pytest.importorskip("keras")
    weights = read_named(WEIGHTS)
    change(weights)
    save_named(weights, tmp_path / "wrong.npz")
    with pytest.raises(WeightsError, match=told):
        load("mask-rcnn-person", weights=tmp_path / "wrong.npz", backend=backend)


def test_weights_of_its_own_kind_are_taken(tmp_path):
    save_named(read_named(WEIGHTS), tmp_path / "own.npz")
    assert load("mask-rcnn-person", weights=tmp_path / "own.npz").classes == ("person",)


def test_models_share_their_constants(tmp_path: Path):
    pytest.importorskip("keras")
    openvino = pytest.importorskip("openvino")
    import openvino.opset11 as ops

    from segmentation.training.bundled.export_person import share_constants

    kernel = np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32)
    paths = []
    for num in (1, 2):
        x = ops.parameter([num, 8], np.float32, name="x")
        total = ops.add(ops.matmul(x, kernel, False, False), np.float32(num))
        paths.append(tmp_path / f"{num}.xml")
        openvino.save_model(openvino.Model([total], [x], "m"), paths[-1], compress_to_fp16=False)
    apart = sum(path.with_suffix(".bin").stat().st_size for path in paths)
    together = tmp_path / "all.bin"
    together.write_bytes(share_constants(paths))
    assert together.stat().st_size < 0.75 * apart
    for num, path in enumerate(paths, start=1):
        path.with_suffix(".bin").unlink()
        values = np.ones((num, 8), np.float32)
        (found,) = OpenVINONetwork(path, 1, together)(values)
        np.testing.assert_allclose(found, values @ kernel + num, rtol=1e-5)
