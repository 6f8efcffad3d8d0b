"""YOLACT and YOLACT++ with known weights against what their own program computes from them.

One published network has no reference data: `yolact-im700`, which is `yolact-base` at another size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation import coco  # noqa: E402
from segmentation.loading import LOADERS, load  # noqa: E402
from segmentation.parts.resample import resize_float  # noqa: E402
from segmentation.runtime import compiling  # noqa: E402
from segmentation.segmenter import Options  # noqa: E402
from segmentation.yolact import network as network_file  # noqa: E402
from segmentation.yolact.network import (  # noqa: E402
    MEAN_RGB,
    STD_RGB,
    FastNMS,
    assemble_masks,
    build_network,
    priors,
)
from segmentation.yolact.published import VARIANTS  # noqa: E402
from segmentation.yolact.segmenter import YOLACT, to_instances  # noqa: E402
from tests.golden.comparison import (  # noqa: E402
    Case,
    Tolerance,
    assert_golden,
    assert_same_set,
    run,
    sampled_error,
)
from tests.golden.reference import as_long, golden_params, load_golden  # noqa: E402
from tests.memory import give_memory_back  # noqa: E402
from tests.segmentation.conftest import last_loaded, last_network  # noqa: E402
from tests.users.casting import assert_keyframes_were_reused, cast_clip  # noqa: E402

TOLERANCE = Tolerance(score=1.2e-3, box_px=1, mask=0.003)

#: name in the reference data -> layer
TENSORS = {
    "P3": "P3",
    "P4": "P4",
    "P5": "P5",
    "P6": "fpn.downsample_layers.0",
    "P7": "fpn.downsample_layers.1",
    "loc": "bbox",
    "conf_softmax": "probs",
    "mask_coef_tanh": "coefficients",
    "proto": "proto_net.10",
}


def files(*names: str) -> dict[str, str]:
    return {name: name.replace("-", "_") for name in names}


#: the first two have all kinds of layers
CASES = golden_params(
    files(
        "yolact-plus-resnet50",
        "yolact-darknet53",
        "yolact-base",
        "yolact-resnet50",
        "yolact-plus-base",
    ),
    files("yolact-darknet53", "yolact-base", "yolact-plus-base"),
    long=["yolact-darknet53", "yolact-base", "yolact-plus-base"],
)


@pytest.fixture(scope="module")
def network_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], tuple]]:
    """Gives the weights of a recipe and their network; the last are kept for another photo."""

    def build(name: str, path: Path) -> keras.Model:
        return network_file.load_network(path, VARIANTS[name], 550)

    folder = tmp_path_factory.mktemp("weights")
    with (
        last_loaded(network_file),
        last_network(folder, build, in_old_form="yolact-base") as made,
    ):
        yield made


@pytest.fixture(scope="module", params=CASES)
def case(
    request: pytest.FixtureRequest, network_of: Callable[[str, str], tuple[Path, keras.Model]]
) -> Iterator[Case]:
    name, file = request.param
    golden = load_golden(file)
    weights, network = network_of(name, str(golden["recipe_net"]))
    layers = [network.get_layer(layer).output for layer in [*TENSORS.values(), "detections"]]
    model = keras.Model(network.inputs, layers)
    values = run(model, [resize_float(golden["image"], (550, 550))[None], np.zeros((1, 80))])
    tensors = dict(zip([*TENSORS, "detections"], values, strict=True))
    heads = keras.Model([*layers[5:9], network.inputs[1]], network.outputs)
    give_memory_back()
    yield Case(name, weights, golden, network, tensors, heads)
    del network, heads, layers, model
    give_memory_back()


def segmenter(case: Case, **settings: object) -> YOLACT:
    """Return what goes on from the tensors of the photo, which take most of the time."""
    features = [case.tensors[name] for name in list(TENSORS)[5:]]

    def network(image: np.ndarray, least: np.ndarray) -> list[np.ndarray]:
        np.testing.assert_array_equal(image[0], resize_float(case.golden["image"], (550, 550)))
        return run(case.heads, [*features, least])

    return YOLACT(
        network,
        name=case.name,
        size=550,
        classes=coco.NAMES,
        device="test",
        **settings,  # type: ignore[arg-type]
    )


def test_resized_photo(case: Case) -> None:
    pixels = resize_float(case.golden["image"], (550, 550))
    shifted = pixels / 255 if case.name == "yolact-darknet53" else (pixels - MEAN_RGB) / STD_RGB
    assert sampled_error(case.golden, "input_fast", shifted) < 1e-6


def test_priors(case: Case) -> None:
    y1, x1, y2, x2 = priors(550, VARIANTS[case.name]).T
    boxes = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)
    assert sampled_error(case.golden, "priors_cxcywh", boxes) < 1e-6


def test_tensors(case: Case) -> None:
    errors = {name: sampled_error(case.golden, name, case.tensors[name][0]) for name in TENSORS}
    assert max(errors.values()) < 1e-4, errors


def test_fast_nms_without_threshold(case: Case) -> None:
    """All hundred rows, down to those of a score near 0."""
    golden = case.golden
    parts = ("nms_class", "nms_score")
    columns = [golden["nms_box"][:, [1, 0, 3, 2]], *(golden[x][:, None] for x in parts)]
    wanted = np.concatenate([*columns, golden["nms_mask"]], axis=1)
    distance = np.abs(case.tensors["detections"][0][:, None] - wanted[None]).max(axis=2)
    assert distance.min(axis=0).max() < 1e-3
    assert sorted(distance.argmin(axis=0)) == list(range(100))


def test_photo_in_objects_out(case: Case) -> None:
    (found,) = segmenter(case).segment(case.golden["image"][None])
    assert_golden(found, case.golden, TOLERANCE)
    assert (np.diff(found.scores) <= 0).all()


def test_kept_classes_and_least_score(case: Case) -> None:
    """Of classes not wanted nothing is reported, and the others are found as before."""
    rows = case.golden["nms_score"] > 0.15
    labels = case.golden["nms_class"]
    label = int(np.bincount(labels[rows]).argmax())
    least = float(case.golden["nms_score"][labels == label].max()) - 1e-3
    photo = case.golden["image"][None]
    (best,) = segmenter(case, keep=[label], min_score=least).segment(photo)
    (every,) = segmenter(case, keep=[label], min_score=0.0).segment(photo)
    assert best.labels.tolist() == [label]
    assert len(every) >= np.count_nonzero(labels == label)
    assert set(every.labels.tolist()) == {label}


@pytest.fixture(scope="module")
def exportable(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A network whose export, and what it is compiled to, are kept for the tests of this file."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the export goes through TensorFlow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(compiling, "OpenVINONetwork", cache(compiling.OpenVINONetwork))
        yield case


EXPORTED = ("yolact-plus-resnet50", "yolact-darknet53")
exported_cases = pytest.mark.parametrize(
    "case", [as_long(case) for case in CASES if case.id in EXPORTED], indirect=True
)


@exported_cases
def test_loaded_by_name_through_openvino(exportable: Case) -> None:
    case = exportable
    loaded = load(case.name, Options(weights=case.weights, backend="openvino"))
    assert loaded.classes == coco.NAMES
    assert loaded.name == case.name
    (found,) = loaded.segment(case.golden["image"][None])
    assert_golden(found, case.golden, TOLERANCE)
    (expected,) = segmenter(case).segment(case.golden["image"][None])
    assert_same_set(found, expected, Tolerance(score=1e-4, box_px=1, mask=0.001))


@pytest.mark.parametrize(
    "case", [as_long(case) for case in CASES if case.id == EXPORTED[0]], indirect=True
)
def test_a_clip_with_keyframes(exportable: Case, demo_clip: Path, tmp_path: Path) -> None:
    options = ["--model", exportable.name, "--weights", exportable.weights, "--min-score", 0.05]
    frames = cast_clip(demo_clip, tmp_path, 9, *options, "--keyframe", 4, "--reuse", "flow")
    assert_keyframes_were_reused(frames)


# === Other sizes ===


def test_the_network_for_700_pixels() -> None:
    """Priors of 30, 61, 122, 244 and 488 pixels, in the program's configuration of that name."""
    boxes = priors(700, VARIANTS["yolact-im700"])
    network = build_network(VARIANTS["yolact-im700"], 700)
    assert network.get_layer("bbox").output.shape == (1, len(boxes), 4)
    assert network.outputs[3].shape == (1, 100, 176, 176)
    widths = (boxes[:, 3] - boxes[:, 1])[::3] * 700
    assert np.unique(np.round(widths, 2)).tolist() == [30, 61, 122, 244, 488]
    assert network.count_params() == 50_241_855


@pytest.mark.parametrize("name", ["yolact-darknet53", "yolact-plus-resnet50"])
def test_smallest_inputs(name: str) -> None:
    """Whatever the weights, boxes, scores, classes and masks have their shapes."""
    keras.utils.set_random_seed(0)
    size = VARIANTS[name].min_size
    network = build_network(VARIANTS[name], size, 7)
    image = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    boxes, scores, labels, masks = run(network, [image, np.zeros((1, 7), np.float32)])
    assert boxes.shape == (1, 100, 4)
    assert scores.shape == labels.shape == (1, 100)
    assert masks.shape == (1, 100, size // 4, size // 4)
    assert (scores > 0).any()
    assert set(labels.ravel().tolist()) <= set(range(7))


def test_every_variant_has_a_preset_and_a_loader() -> None:
    from segmentation.weights.presets import PRESETS

    ours = {name for name in PRESETS if name.startswith("yolact-")}
    assert ours == VARIANTS.keys()
    assert ours <= LOADERS.keys()
    assert all(PRESETS[name].licence == "MIT" and PRESETS[name].mask_ap for name in ours)


# === Parts ===


def slow_fast_nms(boxes: np.ndarray, probs: np.ndarray, least: float) -> set:
    """Choose (prior, class) by the definition: one loop over each class."""
    candidates = np.nonzero(probs[:, 1:].max(axis=1) > 0.05)[0]
    kept = []
    for label in range(probs.shape[1] - 1):
        order = candidates[np.argsort(-probs[candidates, label + 1])][:200]
        for position, prior in enumerate(order):
            overlaps = [overlap(boxes[prior], boxes[other]) for other in order[:position]]
            if max(overlaps, default=0) <= 0.5:
                kept.append((probs[prior, label + 1], int(prior), label))
    return {pair[1:] for pair in sorted(kept, reverse=True)[:100] if pair[0] > least}


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = np.prod(np.maximum(sides, 0))
    areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
    return float(shared / (sum(areas) - shared))


@pytest.mark.parametrize("least", [0.0, 0.8])
def test_fast_nms_by_its_definition(least: float) -> None:
    rng = np.random.default_rng(0)
    num = 250
    centres, sizes = rng.uniform(0.4, 0.6, (num, 2)), rng.uniform(0.1, 0.3, (num, 2))
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1).astype(np.float32)
    logits = rng.normal(size=(num, 4)) * 2
    logits[:100, 0] += 9  # background
    probs = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    # dx, dy, log dw, log dh: moved by a whole width and half a height, twice as wide
    deltas = np.tile(np.array([10, 5, 5 * np.log(2), 0], np.float32), (num, 1))
    marks = np.tile(np.arange(num, dtype=np.float32)[:, None], (1, 32))
    found = keras.ops.convert_to_numpy(
        FastNMS(boxes)(
            deltas[None],
            probs[None],
            marks[None],
            np.full((1, 3), least, np.float32),
        )[0]
    )
    real = found[found[:, 5] >= 0]
    centres, sizes = centres + sizes * [0.5, 1], sizes * [1, 2]
    corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    wanted = slow_fast_nms(corners, probs, least)
    assert {(int(row[6]), int(row[4])) for row in real} == wanted
    assert 10 < len(wanted) < 100
    priors_found = real[:, 6].astype(int)
    np.testing.assert_allclose(real[:, :4], corners[priors_found], atol=1e-6)
    np.testing.assert_array_equal(real[:, 5], probs[priors_found, real[:, 4].astype(int) + 1])


def test_masks_are_cropped_a_pixel_around_the_box() -> None:
    prototypes = np.ones((1, 10, 20, 32), np.float32)
    coefficients = np.stack([np.full(32, 1.0), np.full(32, -1 / 32)]).astype(np.float32)
    boxes = np.array([[0.4, 0.2, 0.55, 0.3], [-1, 0.5, 2, 0.5]], np.float32)
    (masks,) = keras.ops.convert_to_numpy(
        assemble_masks(prototypes, coefficients[None], boxes[None])
    )
    assert np.argwhere(masks[0] > 0.99).min(axis=0).tolist() == [3, 3]
    assert np.argwhere(masks[0] > 0).max(axis=0).tolist() == [6, 6]
    np.testing.assert_allclose(masks[1, :, 9:11], 1 / (1 + np.e), rtol=1e-6)
    assert masks[1].sum() < 6


def test_objects_come_best_first_and_without_padding() -> None:
    found = to_instances(
        np.array([[0, 0, 0.5, 1], [0.11, 0.21, 1.2, 0.91], [0, 0, 1, 1]], np.float32),
        np.array([0.2, 0.7, -1], np.float32),
        np.array([4, 5, 6], np.int32),
        np.full((3, 8, 8), 0.6, np.float32),
        size_hw=(20, 30),
    )
    assert found.labels.tolist() == [5, 4]
    assert found.boxes.tolist() == [[6, 2, 27, 20], [0, 0, 30, 10]]
    assert found.masks.shape == (2, 20, 30)
    assert (found.masks == 153).all()


def fake(size_seen: list) -> YOLACT:
    def network(image: np.ndarray, least: np.ndarray) -> list[np.ndarray]:
        size_seen.append((image.shape, image.dtype, least.shape))
        score = image.mean(dtype=np.float64).astype(np.float32) / 255
        boxes = np.array([[[0, 0, 1, 1]]], np.float32)
        return [boxes, score.reshape(1, 1), np.zeros((1, 1), np.int32), np.ones((1, 1, 4, 4))]

    return YOLACT(network, name="yolact-base", size=64, classes=("a", "b"), device="test")


def test_each_result_belongs_to_its_image() -> None:
    seen: list = []
    images = np.zeros((3, 10, 20, 3), np.uint8)
    images[:] = np.array([51, 102, 204])[:, None, None, None]
    three = fake(seen).segment(images)
    assert seen == [((1, 64, 64, 3), np.float32, (1, 2))] * 3
    np.testing.assert_allclose([found.scores for found in three], [[0.2], [0.4], [0.8]], 1e-5)
    assert [found.boxes.tolist() for found in three] == [[[0, 0, 20, 10]]] * 3
    assert (three[0].masks == 255).all()
    assert fake(seen).segment(images[:0]) == []


def test_wrong_images() -> None:
    with pytest.raises(ValueError, match=r"got uint8 \(4, 4, 3\)"):
        fake([]).segment(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        fake([]).segment(np.zeros((1, 4, 4, 3), np.float32))  # type: ignore[arg-type]
