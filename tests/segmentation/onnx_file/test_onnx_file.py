"""Networks of others in ONNX files: what is read of a file, what is asked for, what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.loading import load
from segmentation.onnx_file.graph import pixels_taken
from segmentation.onnx_file.known import SINET
from segmentation.onnx_file.segmenter import MATTE_REACH, ONNXFile
from segmentation.runtime.openvino_network import import_openvino
from tests.folders import SHARED
from tests.stand_ins.onnx_files import brightness, initializer, node

SIZE_HW = (32, 48)


def shades() -> np.ndarray:
    """(32, 48, 3) uint8, darker to brighter; red, green and blue differ."""
    ramp = np.linspace(0, 255, 48).astype(np.uint8)
    return np.stack([np.tile(ramp // part, (32, 1)) for part in (1, 2, 3)], axis=2)


def expected(mean: float, std: float, scale: float = 8.0) -> np.ndarray:
    scaled = (shades() / 255 - mean) / std
    logits = scale * (scaled * [1, 2, 3]).sum(axis=2)
    return np.rint(255 / (1 + np.exp(-logits)))


def opened(path: Path, **options: Any) -> ONNXFile:
    segmenter = load(str(path), **options)
    assert isinstance(segmenter, ONNXFile)
    return segmenter


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"is_nchw": False},
        {"channels": 2, "end": "Softmax"},
        {"channels": 2, "end": "Softmax", "is_nchw": False},
        {"channels": 2, "end": ""},
        {"end": ""},
        {"outputs": 3},
        {"size_hw": ("rows", "columns")},
    ],
    ids=str,
)
def test_layout_range_and_size_are_those_of_the_file(form, tmp_path):
    path = brightness(tmp_path / "a.onnx", **{"size_hw": SIZE_HW, **form})
    size = 32 if "size_hw" in form else None
    segmenter = opened(path, mean=[0.3], std=[0.5], size=size)
    sizes_hw = ((32, 32), (32, 64), (64, 32)) if size else (SIZE_HW,)
    assert segmenter.sizes_hw == sizes_hw
    (found,) = segmenter.segment(shades()[None])
    difference = np.abs(found.union() - expected(0.3, 0.5))
    assert difference.max() <= (1 if size is None else 40)


def test_what_the_file_scales_itself_needs_no_option(tmp_path):
    """A factor of 1/255, a mean of bytes, or one of shares at the beginning; or bytes as type."""
    by = initializer("by", np.float32(1 / 255))
    minus = initializer("minus", np.float32([76.5, 76.5, 76.5]).reshape(1, 3, 1, 1))
    half = initializer("half", np.float32(0.3))
    before = [node("Sub", ["pixels", "minus"], ["a"]), node("Cast", ["pixels"], ["a"], to=1)]
    after = [by, node("Mul", ["a", "by"], ["scaled"])]
    forms = {
        "divided": {"begin": [by, node("Mul", ["pixels", "by"], ["scaled"])], "mean": 0.0},
        "mean of bytes": {"begin": [minus, before[0], *after], "mean": 0.3},
        "mean of shares": {
            "begin": [half, node("Sub", ["pixels", "half"], ["scaled"])],
            "mean": 0.3,
        },
        "bytes": {"begin": [before[1], *after], "mean": 0.0, "kind": 2},
    }
    for name, form in forms.items():
        mean = form.pop("mean")
        path = brightness(tmp_path / "a.onnx", SIZE_HW, **form)
        (found,) = opened(path).segment(shades()[None])
        assert np.abs(found.union() - expected(mean, 1.0)).max() <= 1, name


def test_what_comes_after_the_sigmoid_is_undone(tmp_path):
    """255 times it; and one minus it, which makes foreground of the dark."""
    scale = initializer("times", np.float32(255))
    one = initializer("one", np.float32(1))
    for steps, is_dark in (
        ([scale, node("Mul", ["inner", "times"], ["share"])], False),
        ([one, node("Sub", ["one", "inner"], ["share"])], True),
    ):
        path = brightness(tmp_path / "a.onnx", SIZE_HW, result="inner", steps=steps)
        (found,) = opened(path, mean=[0.3], std=[0.5]).segment(shades()[None])
        wanted = 255 - expected(0.3, 0.5) if is_dark else expected(0.3, 0.5)
        assert np.abs(found.union() - wanted).max() <= 1


def test_what_a_file_does_not_say_is_asked_for_in_a_line(tmp_path):
    path = brightness(tmp_path / "a.onnx", SIZE_HW)
    with pytest.raises(ValueError, match=r"a\.onnx: how its pixels are scaled.*--mean.*--std"):
        load(str(path))
    free = brightness(tmp_path / "b.onnx", ("h", "w"))
    with pytest.raises(ValueError, match=r"b\.onnx: takes any size; say which.*--input-size 512"):
        load(str(free), mean=[0.5])
    with pytest.raises(ValueError, match=r"its input is 48x32, which cannot change"):
        load(str(path), mean=[0.5], size=64)
    with pytest.raises(ValueError, match="takes no least score"):
        load(str(path), mean=[0.5], min_score=0.5)
    with pytest.raises(ValueError, match="run on the CPU"):
        load(str(path), mean=[0.5], backend="keras")
    with pytest.raises(ValueError, match="is one too many"):
        load(str(path), weights="other.onnx")
    with pytest.raises(ValueError, match="mean and std are for ONNX files"):
        load("portrait", mean=[0.5])
    with pytest.raises(ValueError, match=r"std must be a list such as .* got \[0\]"):
        load(str(path), std=[0])


def test_networks_that_many_have_are_known_by_the_names_of_their_files(tmp_path):
    told: list[str] = []
    path = brightness(tmp_path / "u2netp.onnx", SIZE_HW)
    segmenter = opened(path, on_message=told.append)
    assert segmenter.scaling.mean == (0.485, 0.456, 0.406)
    scaling = "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225"
    assert told == [f"u2netp.onnx: taken for U2-Net by its name, {scaling}"]
    assert segmenter.classes == ("foreground",)
    # what is asked for counts
    assert opened(path, mean=[0.1, 0.2, 0.3]).scaling.std == (1.0, 1.0, 1.0)
    free = brightness(tmp_path / "modnet_webcam.onnx", ("h", "w"))
    modnet = opened(free, keep=["person"])
    assert modnet.classes == ("person",)
    assert (512, 896) in modnet.sizes_hw
    assert opened(path, classes=["cat"]).classes == ("cat",)


def test_blue_may_go_in_first(tmp_path):
    path = brightness(tmp_path / "sinet.onnx", SIZE_HW, scale=400.0)
    (found,) = opened(path).segment(shades()[None])
    scaled = (shades() / 255 - SINET.mean) / np.array(SINET.std)
    logits = 400 * (scaled[..., ::-1] * [1, 2, 3]).sum(axis=2)
    assert np.abs(found.union() - 255 / (1 + np.exp(-logits))).max() <= 1


def test_a_slow_network_gives_a_matte_as_far_as_it_reaches_and_a_fast_one_a_mask(tmp_path):
    segmenter = opened(brightness(tmp_path / "a.onnx", SIZE_HW), mean=[0.3])
    assert segmenter.fast
    (found,) = segmenter.segment(shades()[None])
    assert found.matte is None
    segmenter.fast = False
    (found,) = segmenter.segment(shades()[None])
    assert found.matte is not None
    np.testing.assert_array_equal(found.matte.alpha, found.union())
    large = cv2.resize(shades(), (48 * MATTE_REACH + 1, 32))
    (found,) = segmenter.segment(np.asarray(large, np.uint8)[None])
    assert found.matte is None


def test_auto_takes_the_file_that_is_given_as_weights(tmp_path):
    path = brightness(tmp_path / "a.onnx", SIZE_HW)
    assert load("auto", weights=path, mean=[0.5]).name == "a.onnx"


def test_a_file_says_nothing_of_pixels_where_a_convolution_comes_first(tmp_path):
    path = brightness(tmp_path / "a.onnx", SIZE_HW)
    assert pixels_taken(import_openvino().Core().read_model(path)) is None


@pytest.mark.parametrize("kind", ["mediapipe_selfie", "meet", "sinet"])
def test_networks_of_others_give_the_masks_that_the_benchmark_makes_of_them(kind):
    """As ONNX Runtime and the benchmark's own scaling do, to 1/255."""
    pytest.importorskip("onnxruntime")
    from benchmarks.portrait import peers

    files = {
        "mediapipe_selfie": "selfie_segmentation.onnx",
        "meet": "mediapipe.onnx",
        "sinet": "SINet_Softmax_simple.onnx",
    }
    folder = SHARED / "data" / "peer_models"
    if not (folder / files[kind]).exists():
        pytest.skip(f"no {files[kind]} in ../shared/data")
    segmenter, peer = load(str(folder / files[kind])), peers(folder)[kind]
    photos = sorted((SHARED / "data" / "stills" / "eg1800" / "images").iterdir())[:6]
    for path in photos:
        image = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)
        (found,) = segmenter.segment(image[None])
        assert len(found) == 1
        assert np.abs(found.union().astype(int) - peer(image)).max() <= 1, path


def test_a_name_that_is_no_file_is_one_line(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.onnx: No such file"):
        load(str(tmp_path / "none.onnx"))
