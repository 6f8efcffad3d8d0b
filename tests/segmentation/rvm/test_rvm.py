"""Robust Video Matting with known weights against what its own program computes from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

keras = pytest.importorskip("keras")

from segmentation.errors import WeightsError  # noqa: E402
from segmentation.loading import load  # noqa: E402
from segmentation.rvm.enlarging import SmallMatte  # noqa: E402
from segmentation.rvm.network import build_network, load_network  # noqa: E402
from segmentation.rvm.published import VARIANTS, read_state_dict  # noqa: E402
from segmentation.rvm.segmenter import RobustVideoMatting  # noqa: E402
from segmentation.rvm.shrinking import (  # noqa: E402
    automatic_ratio,
    first_states,
    shrunk_by,
    shrunk_tensor,
    small_size,
)
from segmentation.weights.torch_layout import load_state_dict  # noqa: E402
from tests.golden.comparison import sampled_error  # noqa: E402
from tests.golden.reference import Golden, compact, load_golden  # noqa: E402
from tests.memory import give_memory_back  # noqa: E402
from tests.recipes import Recipes  # noqa: E402

TOLERANCE = 1e-4
NETS = {"rvm-mobilenet": "rvm_mobilenetv3", "rvm-resnet50": "rvm_resnet50"}
STATES = ("r1", "r2", "r3", "r4")
MATTE = ("matte", "slope", "offset")
#: name in the reference data -> layer
TENSORS = {
    "aspp1": "aspp1",
    "aspp": "aspp",
    **{f"decode{level}_conv": f"decode{level}_conv" for level in (3, 2, 1)},
    **{f"gru{level}_gates": f"gru{level}_gates" for level in (4, 3, 2, 1)},
    **{f"gru{level}_candidate": f"gru{level}_candidate" for level in (4, 3, 2, 1)},
    **{f"x{level}": f"x{level}" for level in (4, 3, 2, 1)},
    "s1": "s1",
    "s2": "s2",
    "s3": "s3",
    "hid": "hid",
    "mat": "project_mat.conv",
    "dgf_A": "refiner.conv.6",
    "seg": "project_seg.conv",
}
Run = Callable[..., Sequence[Any]]


@pytest.fixture(scope="module", params=NETS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def weights(name: str, recipes: Recipes) -> Iterator[Path]:
    yield recipes.weights(NETS[name])
    give_memory_back()


@pytest.fixture(scope="module")
def taps(name: str, weights: Path) -> Run:
    """Give what computes `TENSORS` and all outputs, as the network is written."""
    whole = build_network(VARIANTS[name])
    load_state_dict(whole, read_state_dict(weights), weights)
    inner = [whole.get_layer(layer).output for layer in TENSORS.values()]
    model = keras.Model(whole.inputs, [*inner, *whole.outputs[:3], *whole.outputs[-4:]])
    return lambda *inputs: [keras.ops.convert_to_numpy(x) for x in model(list(inputs))]


def cases(golden: Golden, photo: NDArray[np.uint8]) -> dict[str, tuple[Any, float, int]]:
    """Return the frames, the ratio and their number of each case that a file has."""

    def shifted(index: int) -> NDArray[np.uint8]:
        return np.roll(photo, 3 * index, axis=1)

    tiled = np.tile(photo, (2, 2, 1))[:700, :1000]
    every = {
        "q": (shifted, 0.25, 4),
        "one": (shifted, 1.0, 4),
        "odd": (lambda index: np.ascontiguousarray(shifted(index)[:365, :507]), 0.375, 2),
        "auto": (lambda _: tiled, automatic_ratio(tiled.shape[:2]), 1),
        "seg": (shifted, 1.0, 1),
    }
    return {case: how for case, how in every.items() if any(key.startswith(case) for key in golden)}


def errors(name: str, run: Run, names: Sequence[str], stem: str) -> dict[str, float]:
    """Return the error of all that is known of a file's cases, states carried along."""
    golden = load_golden(compact(stem))
    found: dict[str, float] = {}
    for case, (frame_of, ratio, num) in cases(golden, golden["image"]).items():
        states: Sequence[NDArray[np.float32]] | None = None
        for index in range(num):
            frame = frame_of(index)
            small = shrunk_by(frame, ratio)
            if states is None:
                states = first_states(small.shape[:2], VARIANTS[name].state_channels)
            values = run(small[None], *states)
            states = [np.asarray(value) for value in values[-4:]]
            tensors = dict(zip([*names, *MATTE, *STATES], values, strict=True))
            matte = SmallMatte(*(tensors[each][0] for each in MATTE), is_whole=ratio == 1)
            planes = np.dstack([matte.plane(frame, channel) for channel in range(4)])
            planes = np.clip(planes, 0, 1)[None]
            tensors |= {"fgr": planes[..., :3], "pha": planes[..., 3:]}
            tensors["src_sm"] = small[None]
            for each, value in tensors.items():
                key = f"{case}{index}/{each}"
                if f"{key}/val" in golden:
                    found[key] = sampled_error(golden, key, np.asarray(value)[0])
    return found


def stems(name: str) -> list[str]:
    """Return the files of a network: the resnet's sizes are those of the same decoder."""
    return [NETS[name], f"{NETS[name]}_sizes"] if name == "rvm-mobilenet" else [NETS[name]]


def test_every_tensor_is_that_of_the_original(name: str, taps: Run) -> None:
    found: dict[str, float] = {}
    for stem in stems(name):
        found |= errors(name, taps, list(TENSORS), stem)
    assert {key: error for key, error in found.items() if not error < TOLERANCE} == {}
    assert {"q0/src_sm", "q0/fgr", "q3/pha", "q3/mat", *(f"q3/{each}" for each in STATES)} <= set(
        found
    )
    if name == "rvm-mobilenet":
        assert {"one3/pha", "one3/r4", "odd1/fgr", "odd1/r1", "auto0/pha", "seg0/seg"} <= set(found)


def test_the_exported_network_computes_the_same(name: str, weights: Path, recipes: Recipes) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the export goes through TensorFlow")
    with recipes.exported(NETS[name]):
        loaded = load(name, weights=weights, device="cpu", backend="openvino")
    assert isinstance(loaded, RobustVideoMatting)
    found: dict[str, float] = {}
    for stem in stems(name):
        found |= errors(name, loaded.network, (), stem)
    assert {key: error for key, error in found.items() if not error < TOLERANCE} == {}
    assert {"q3/fgr", "q3/pha", "q3/r1", "q3/r4"} <= set(found)


def test_a_file_of_the_other_network_is_one_line(name: str, weights: Path) -> None:
    (other,) = set(VARIANTS) - {name}
    with pytest.raises(WeightsError, match=r"tensors missing: .*; give a file of this network"):
        load_network(weights, VARIANTS[other])


@pytest.mark.parametrize(
    ("size_hw", "small_hw"),
    [
        ((720, 1280), (288, 512)),
        ((1080, 1920), (288, 512)),
        ((700, 1000), (358, 512)),
        ((1079, 1919), (287, 511)),
        ((300, 512), (300, 512)),
    ],
)
def test_the_small_image_is_as_large_as_in_the_original(
    size_hw: tuple[int, int], small_hw: tuple[int, int]
) -> None:
    frame = np.zeros((*size_hw, 3), np.uint8)
    assert shrunk_by(frame, automatic_ratio(size_hw)).shape == (*small_hw, 3)


@pytest.mark.parametrize("ratio", [0.375, 0.512, 511 / 999])
def test_shrinking_steps_by_one_over_the_ratio(ratio: float) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (101, 83, 3), np.uint8)
    wanted = frame / 255
    for axis in (0, 1):
        num = wanted.shape[axis]
        places = np.maximum((np.arange(int(num * ratio)) + 0.5) / ratio - 0.5, 0)
        first = places.astype(int)
        share = (places - first).reshape(-1, *[1] * (2 - axis))
        upper = np.take(wanted, np.minimum(first + 1, num - 1), axis)
        wanted = np.take(wanted, first, axis) * (1 - share) + upper * share
    np.testing.assert_allclose(shrunk_by(frame, ratio), wanted, atol=2e-5)


@pytest.mark.parametrize("size_hw", [(1, 5000), (3, 5000), (5, 5000), (9, 5000), (2000, 1)])
def test_a_side_shrinks_to_a_pixel_at_least_on_both_backends(size_hw: tuple[int, int]) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (*size_hw, 3), np.uint8)
    ratio = automatic_ratio(size_hw)
    found = shrunk_by(frame, ratio)
    assert found.shape == (*small_size(size_hw, ratio), 3)
    wanted = keras.ops.convert_to_numpy(shrunk_tensor(frame[None], ratio))[0]
    np.testing.assert_allclose(found, wanted, atol=2e-5)
