"""The bundled person network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.loading import load
from segmentation.parts.masks import probability
from segmentation.parts.resample import nearest_aspect, resized
from segmentation.portrait.segmenter import EXPORT, FINE, LIVE, SIZES_HW, Portrait
from segmentation.runtime.openvino_network import OpenVINONetwork
from tests.memory import survivors


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return Portrait(OpenVINONetwork(EXPORT, 1))


def test_bundled_files_are_small():
    files = list(EXPORT.parent.glob("portrait*"))
    assert {file.suffix for file in files} == {".npz", ".xml", ".bin"}
    assert sum(file.stat().st_size for file in files) <= 3_500_000


@pytest.mark.parametrize("size_hw", SIZES_HW)
def test_export_is_the_network_with_its_weights(size_hw):
    keras = pytest.importorskip("keras")
    data = pytest.importorskip("skimage.data")
    from segmentation.portrait.network import build
    from segmentation.portrait.segmenter import WEIGHTS
    from segmentation.weights.ordered_weights import read_weights

    network = build(size_hw)
    network.set_weights(read_weights(WEIGHTS))
    image = resized(data.astronaut(), size_hw)[None]
    wanted = probability(keras.ops.convert_to_numpy(network(image)))
    (exported,) = OpenVINONetwork(EXPORT, 1)(image)
    assert exported.shape == wanted.shape == (1, size_hw[0] // 2, size_hw[1] // 2, 1)
    found = probability(exported)
    assert 0.1 < (wanted >= 128).mean() < 0.9
    # 8 bits instead of 32 change a little everywhere, and nothing that was beyond doubt
    assert np.abs(found.astype(int) - wanted).mean() < 4
    decided = np.abs(wanted.astype(int) - 128) > 48
    assert ((found >= 128) != (wanted >= 128))[decided].mean() < 1e-3


def test_input_follows_the_aspect_of_the_image():
    assert nearest_aspect(SIZES_HW, (1080, 1920)) == (192, 352)
    assert nearest_aspect(SIZES_HW, (480, 640)) == (224, 288)
    assert nearest_aspect(SIZES_HW, (1920, 1080)) == (352, 192)
    assert nearest_aspect(SIZES_HW, (500, 500)) == (256, 256)
    assert nearest_aspect(SIZES_HW, (1, 5000)) == (192, 352)


@pytest.mark.parametrize("size_hw", [(48, 64), (37, 53), (1, 1), (400, 90), (720, 1280)])
def test_result_is_in_pixels_of_the_image(portrait, size_hw):
    images = np.random.default_rng(1).integers(0, 256, (2, *size_hw, 3), np.uint8)
    results = portrait.segment(images)
    assert len(results) == 2
    for found in results:
        assert found.size_hw == size_hw
        assert len(found) <= 1


def test_nothing_is_found_in_nothing(portrait):
    (found,) = portrait.segment(np.full((1, 240, 320, 3), 128, np.uint8))
    assert len(found) == 0
    assert (found.union() == 0).all()


def test_person_is_found_where_the_person_is(portrait, shared_data: Path):
    from benchmarks.portrait import read_set
    from segmentation.evaluation.mask_agreement import intersection_over_union

    image, truth = read_set(shared_data / "stills" / "eg1800")[0]
    (found,) = portrait.segment(image[None])
    assert found.labels.tolist() == [0]
    assert 0.5 < found.scores[0] <= 1
    assert intersection_over_union(found.masks[0] >= 128, truth) > 0.8
    rows, columns = np.nonzero(found.masks[0] >= 128)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert found.boxes[0].tolist() == box


def test_mean_iou_over_the_six_sets(portrait, shared_data: Path):
    from benchmarks.portrait import SETS, quality, read_set

    photos = {name: read_set(shared_data / "stills" / name) for name in SETS}
    figures = quality(lambda image: portrait.segment(image[None])[0].union(), photos)
    assert figures["mean_iou"] >= 0.83


@pytest.mark.parametrize("images", [np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4, 4, 3))])
def test_wrong_images_are_refused(portrait, images):
    with pytest.raises(ValueError, match=r"expected uint8 \(N, H, W, 3\)"):
        portrait.segment(images)


def test_probability_is_inside_from_one_half_on():
    logits = np.array([[-1e3, -0.01, 0.0, 0.01, 1e3]], np.float32)
    (values,) = probability(logits)
    assert values[0] == 0
    assert values[1] < 128
    assert values[2] == 128
    assert values[4] == 255


def test_unreadable_model_is_one_line(tmp_path):
    (tmp_path / "x.xml").write_text("<net>")
    for name in ("x.xml", "missing.xml"):
        with pytest.raises(WeightsError, match=f"{name}: not a readable OpenVINO model"):
            OpenVINONetwork(tmp_path / name, 1)


def test_load_knows_its_names():
    assert load("portrait").name == "portrait"
    with pytest.raises(ValueError, match="one of auto, portrait"):
        load("potrait")


def test_what_is_compiled_is_kept_for_the_next_start(tmp_path):
    image = np.full((1, *SIZES_HW[0], 3), 90, np.uint8)
    cache = tmp_path / "folder" / "cache"
    (fresh,) = OpenVINONetwork(EXPORT, 1, cache=cache)(image)
    assert len(list(cache.glob("*.blob"))) == 1
    (again,) = OpenVINONetwork(EXPORT, 1, cache=cache)(image)
    np.testing.assert_array_equal(again, fresh)
    assert len(list(cache.glob("*.blob"))) == 1


def test_a_cache_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").write_text("no folder")
    image = np.full((1, *SIZES_HW[0], 3), 90, np.uint8)
    (logits,) = OpenVINONetwork(EXPORT, 1, cache=tmp_path / "file" / "cache")(image)
    assert np.isfinite(logits).all()


def test_it_is_freed_at_once_when_it_is_dropped():
    def used() -> list[Any]:
        portrait = Portrait(OpenVINONetwork(EXPORT, 1), FINE, LIVE)
        portrait.for_frames().segment(np.zeros((1, *SIZES_HW[0], 3), np.uint8))
        return [portrait, portrait.for_frames(), portrait._network]

    assert survivors(used) == []
