"""Mask R-CNN run by Keras itself: several images at once, molded within the graph, bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.instances import Instances  # noqa: E402
from segmentation.loading import load  # noqa: E402
from segmentation.mask_rcnn.config import matterport_config  # noqa: E402
from segmentation.mask_rcnn.molding import (  # noqa: E402
    mold,
    molded_inputs,
    photo_window,
    raw_inputs,
)
from segmentation.mask_rcnn.molding_layer import Mold  # noqa: E402
from segmentation.mask_rcnn.network import build_network  # noqa: E402
from segmentation.runtime.compiling import KERAS_BATCH  # noqa: E402
from segmentation.segmenter import Options, Segmenter, TwofoldSegmenter  # noqa: E402
from tests.golden.comparison import Tolerance, run, same_objects  # noqa: E402
from tests.golden.original_mold import original_mold  # noqa: E402
from tests.golden.reference import compact, load_golden  # noqa: E402
from tests.segmentation.conftest import eagerly  # noqa: E402
from tests.segmentation.mask_rcnn.fewer_proposals import propose_less  # noqa: E402
from tests.undrawn import undrawn  # noqa: E402

if keras.backend.backend() == "jax":
    pytest.skip("molding needs float64", allow_module_level=True)

NUM_PROPOSALS = 200  # of an image: enough for shares of them


@pytest.mark.parametrize(
    ("size_hw", "size"),
    [
        *(((426, 640), size) for size in (64, 128, 320, 512, 768, 896, 1024)),
        *((size_hw, 128) for size_hw in ((97, 31), (64, 64), (1, 50), (300, 512), (1080, 1920))),
        *((size_hw, 512) for size_hw in ((97, 31), (64, 64), (1, 50), (300, 512))),
    ],
)
def test_molded_as_the_original_does_byte_for_byte(size_hw: tuple, size: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(40, 220, (2, *size_hw, 3), np.uint8)
    images[0, : size_hw[0] // 2] = 77  # flat areas are where rounding shows
    photos, *taps, windows = raw_inputs(images, size)
    molded = keras.ops.convert_to_numpy(Mold(size)(photos, *taps))
    window = photo_window(size_hw, size)
    for image, inside_the_graph in zip(images, molded, strict=True):
        wanted = original_mold(image, size, window)
        np.testing.assert_array_equal(mold(image, size), wanted)
        np.testing.assert_array_equal(inside_the_graph, wanted)
    np.testing.assert_array_equal(windows, molded_inputs(images, size)[1])


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Three different photos of one size."""
    image = load_golden(compact("matterport_320"))["image"]
    return np.stack([image, 255 - image, image[::-1]])


@pytest.fixture(scope="module")
def options(mask_rcnn_weights: Path) -> Iterator[Options]:
    with pytest.MonkeyPatch.context() as patch, undrawn():
        propose_less(patch, NUM_PROPOSALS)
        yield Options(
            weights=mask_rcnn_weights, size=128, min_score=0.85, backend="keras", device="cpu"
        )


@pytest.fixture(scope="module")
def exact(options: Options) -> Segmenter:
    found = load("mask-rcnn", options)
    assert isinstance(found, TwofoldSegmenter)
    return found.for_video()  # which molds within the graph


@dataclass(frozen=True)
class Found:
    """What is in the photos, and of how many images each call of the network was."""

    together: list[Instances]
    alone: list[Instances]
    calls: list[int]


@pytest.fixture(scope="module")
def found(exact: Segmenter, photos: np.ndarray) -> Found:
    calls: list[int] = []
    run = exact.network  # type: ignore[attr-defined]

    def counted(*inputs: np.ndarray) -> list[np.ndarray]:
        calls.append(len(inputs[0]))
        return run(*inputs)  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patch, eagerly():
        patch.setattr(exact, "network", counted)
        together = exact.segment(photos)
        alone = [exact.segment(photo[None])[0] for photo in photos]
    return Found(together, alone, calls)


@pytest.mark.long
def test_three_images_at_once_are_as_one_by_one(found: Found) -> None:
    assert found.calls == [KERAS_BATCH, 1, 1, 1]
    assert len({len(each) for each in found.together}) > 1  # so that a mix-up shows
    for together, alone in zip(found.together, found.alone, strict=True):
        assert len(alone) > 3
        # of several images sums are rounded otherwise, and a sample on the very border of the image
        # is 0 or is not, as the last bit of a box has it: that may decide about an object
        same = same_objects(together, alone, Tolerance(score=1e-4, box_px=1, mask=0.02))
        assert max(len(together), len(alone)) - len(same) <= 1


@pytest.mark.long
@pytest.mark.usefixtures("eager")
def test_proposals_of_several_images_are_those_of_each(
    exact: Segmenter, photos: np.ndarray, found: Found
) -> None:
    """To float32's rounding, but for samples on the very border; see `PyramidRoIAlign`."""
    assert set(found.calls) == {KERAS_BATCH, 1}  # a network for each, made when it was needed
    until_classes = {}
    for (shape, *_), network in exact.network.networks.items():  # type: ignore[attr-defined]
        names = ("rpn_class", "rpn_bbox", "proposals", "mrcnn_class")
        outputs = [network.get_layer(name).output for name in names]
        until_classes[shape[0]] = keras.Model(network.inputs[:1], outputs)
    molded = np.stack([mold(photo, 128) for photo in [*photos, photos[0]]])
    together = run(until_classes[KERAS_BATCH], [molded])
    for index, image in enumerate(molded):
        alone = run(until_classes[1], [image[None]])
        for several, one in zip(together[:2], alone[:2], strict=True):
            np.testing.assert_allclose(several[index], one[0], rtol=1e-4, atol=1e-5)
        boxes, probs = (np.reshape(x, (NUM_PROPOSALS, -1)) for x in alone[2:])
        others, other_probs = (
            x.reshape(KERAS_BATCH, NUM_PROPOSALS, -1)[index] for x in together[2:]
        )
        distances = np.abs(boxes[:, None] - others).max(axis=2)
        order = distances.argmin(axis=1)  # two of almost one score may change places
        again = distances.min(axis=1) < 1e-5
        assert again.mean() >= 0.99
        differs = (np.abs(probs - other_probs[order]).max(axis=1) > 1e-4) & again
        at_border = (boxes <= 0).any(axis=1) | (boxes >= 1).any(axis=1)
        assert not (differs & ~at_border).any()
        assert (differs & at_border).sum() <= 0.02 * at_border.sum()


@pytest.mark.long
@pytest.mark.usefixtures("eager")
def test_photos_of_other_sizes_use_the_same_network(
    exact: Segmenter, photos: np.ndarray, found: Found
) -> None:
    (smaller,) = exact.segment(photos[:1, :, :300])
    assert len(smaller) > 3
    assert smaller.masks.shape[1:] == (photos.shape[1], 300)
    assert found.alone[0].masks.shape[1:] == photos.shape[1:3]
    made = exact.network.networks  # type: ignore[attr-defined]
    alone = [network for shapes, network in made.items() if shapes[0][0] == 1]
    assert len(alone) == 2
    assert alone[0] is alone[1]


def test_bfloat16_is_for_convolutions_and_boxes_stay_exact() -> None:
    before = keras.config.dtype_policy().name
    network = build_network(matterport_config(64, num_classes=3, depth=50), dtype="bfloat16")
    assert keras.config.dtype_policy().name == before
    computing = {name: network.get_layer(name).compute_dtype for name in ("conv1", "rpn_bbox")}
    assert set(computing.values()) == {"bfloat16"}
    for name in ("rpn_class", "proposals", "roi_align_classifier", "mrcnn_class", "detections"):
        assert network.get_layer(name).compute_dtype == "float32", name
    assert {variable.dtype for variable in network.variables} == {"float32"}
    outputs = [x.dtype for x in network.outputs]
    assert outputs == ["float32", "float32", "int32", "float32"]


def matched(found: Instances, wanted: Instances) -> int:
    """How many objects are found again, of the same class and almost in the same place."""
    return sum(
        any(
            found.labels[other] == wanted.labels[index]
            and np.abs(found.boxes[other] - wanted.boxes[index]).max() < 30
            for other in range(len(found))
        )
        for index in range(len(wanted))
    )


@pytest.mark.long
@pytest.mark.usefixtures("eager")
def test_bfloat16_finds_most_of_the_same(
    options: Options, photos: np.ndarray, found: Found
) -> None:
    coarse = load("mask-rcnn", replace(options, precision="bfloat16"))
    assert coarse.device == f"CPU (Keras on {keras.backend.backend()}, bfloat16)"
    wanted = found.alone[0]
    (rough,) = coarse.segment(photos[:1])
    assert matched(rough, wanted) >= 0.6 * len(wanted) > 3
    assert np.abs(np.sort(rough.scores)[-3:] - np.sort(wanted.scores)[-3:]).max() > 1e-5
