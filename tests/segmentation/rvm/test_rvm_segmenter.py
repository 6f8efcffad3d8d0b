"""Robust Video Matting in the program: loaded, told what it may do, on photos and on clips."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras")

import run
from segmentation import load
from segmentation.loading import LOADERS
from segmentation.rvm.published import VARIANTS
from segmentation.rvm.segmenter import RobustVideoMatting
from segmentation.weights.presets import PRESETS
from stream import read_photo
from tests.command_line.failing import failing
from tests.golden.weights_recipe import manifest
from tests.memory import give_memory_back
from tests.recipes import Recipes
from tests.users.casting import assert_keyframes_were_reused, cast_clip

NAME = "rvm-mobilenet"
RECIPES = {"rvm-mobilenet": "rvm_mobilenetv3", "rvm-resnet50": "rvm_resnet50"}


@pytest.fixture(scope="module")
def weights(recipes: Recipes) -> Iterator[Path]:
    """Give the weights of the recipe, whose export is kept."""
    with recipes.exported(RECIPES[NAME]):
        yield recipes.weights(RECIPES[NAME])
    give_memory_back()


@pytest.fixture(scope="module")
def network(weights: Path) -> RobustVideoMatting:
    found = load(NAME, weights=weights, device="cpu", backend="openvino")
    assert isinstance(found, RobustVideoMatting)
    return found


@pytest.fixture(scope="module")
def frames() -> list[NDArray[np.uint8]]:
    """A photo that moves, larger than the small image is."""
    data = pytest.importorskip("skimage.data")
    large = cv2.resize(data.astronaut(), (640, 600))
    return [np.ascontiguousarray(np.roll(large, 6 * i, axis=1)) for i in range(3)]


def in_numpy(
    network: RobustVideoMatting, frames: Sequence[NDArray[np.uint8]]
) -> list[NDArray[np.uint8]]:
    """Return alpha of a stream's frames."""
    memory: Any = None
    alphas = []
    for frame in frames:
        found, memory = network.follow(frame, memory)
        assert found.matte is not None
        alphas.append(found.matte.alpha)
    return alphas


def test_what_was_seen_before_changes_what_is_found(
    network: RobustVideoMatting, frames: list[NDArray[np.uint8]]
) -> None:
    warm = in_numpy(network, frames)
    cold = [network.segment(frame[None])[0].union() for frame in frames]
    assert (warm[0] == cold[0]).all()
    for index in (1, 2):
        assert np.abs(warm[index].astype(int) - cold[index]).mean() > 1
    assert all(
        (one == other).all() for one, other in zip(warm, in_numpy(network, frames), strict=True)
    )


def test_keras_itself_finds_the_same(weights: Path, frames: list[NDArray[np.uint8]]) -> None:
    found = []
    for backend in ("openvino", "keras"):
        network = load(NAME, weights=weights, device="cpu", backend=backend, size=128)
        assert isinstance(network, RobustVideoMatting)
        found.append(in_numpy(network, frames[:2]))
    for one, other in zip(*found, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_memory_is_of_one_size(
    network: RobustVideoMatting, frames: list[NDArray[np.uint8]]
) -> None:
    _, memory = network.follow(frames[0], None)
    with pytest.raises(ValueError, match="memory: is of frames of another size"):
        network.follow(frames[0][:300], memory)


def test_alpha_and_colours_have_the_size_of_the_frame(
    network: RobustVideoMatting, frames: list[NDArray[np.uint8]]
) -> None:
    """Also where the frame is no larger than the small image, and nothing is refined."""
    for frame in (frames[0], frames[0][:, :400], frames[0][:201, :333], frames[0][:1, :1]):
        found, _ = network.follow(frame, None)
        assert found.matte is not None
        assert found.matte.alpha.shape == frame.shape[:2]
        assert found.matte.foreground is not None
        assert found.matte.foreground.shape == frame.shape
        assert found.size_hw == frame.shape[:2]


def test_a_smaller_image_is_looked_at_where_a_size_is_asked_for(
    weights: Path, frames: list[NDArray[np.uint8]]
) -> None:
    seen: list[tuple[int, ...]] = []

    def network(small: NDArray[np.float32], *states: Any) -> list[Any]:
        seen.append(small.shape)
        matte = np.zeros((*small.shape[:3], 4), np.float32)
        return [matte, matte, matte, *states]

    for size in (512, 128):
        RobustVideoMatting(network, NAME, VARIANTS[NAME], "nowhere", size).follow(frames[0], None)
    assert seen == [(1, 480, 512, 3), (1, 120, 128, 3)]


@pytest.mark.parametrize(("size_hw", "alpha"), [((60, 128), 51), ((60, 129), 204)])
def test_the_guided_filter_is_for_what_was_shrunk(size_hw: tuple[int, int], alpha: int) -> None:
    def network(small: NDArray[np.float32], *states: Any) -> list[Any]:
        shape = (*small.shape[:3], 4)
        values = [np.full(shape, value, np.float32) for value in (0.2, 0.0, 0.8)]
        return [*values, *states]

    segmenter = RobustVideoMatting(network, NAME, VARIANTS[NAME], "nowhere", 128)
    (found,) = segmenter.segment(np.zeros((1, *size_hw, 3), np.uint8))
    assert found.matte is not None
    assert (found.matte.alpha == alpha).all()


def test_every_variant_has_a_preset_and_a_loader_and_says_its_licence() -> None:
    assert set(VARIANTS) <= set(LOADERS)
    for name in VARIANTS:
        preset = PRESETS[name]
        assert preset.licence == "GPL-3.0"
        assert preset.notice is not None
        assert preset.notice.startswith("GPL-3.0")
        assert preset.classes == ("person",)
        assert preset.address.endswith(f"/v1.0.0/{preset.file_name}")
        tensors = manifest(RECIPES[name])["tensors"]
        num_bytes = sum(
            np.dtype(each["dtype"]).itemsize * int(np.prod(each["shape"])) for each in tensors
        )
        assert preset.about_bytes == pytest.approx(num_bytes, rel=0.02)


def test_the_licence_is_said_when_it_is_loaded_and_listed(
    weights: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    load(NAME, weights=weights, device="cpu", backend="openvino", on_message=said.append)
    assert [line for line in said if "GPL" in line] == [
        f"weights of {NAME}: {PRESETS[NAME].notice}"
    ]
    assert run.main(["models"]) == 0
    (line,) = [row for row in capfd.readouterr().out.splitlines() if row.startswith(NAME)]
    assert "GPL-3.0" in line
    assert "15 MB" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keep", "cat"], "no class 'cat'"),
        (["--min-score", "0.5"], "takes no classes or least score"),
        (["--classes", "man"], "takes no classes or least score"),
        (["--size", "32"], "at least 64, got 32"),
    ],
)
def test_it_refuses_what_it_cannot_do(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    frames: list[NDArray[np.uint8]],
    arguments: list[str],
    words: str,
) -> None:
    photo = written(tmp_path / "photo.png", frames[0])
    assert words in failing(capfd, 1, photo, "-o", "null:", "--model", NAME, *arguments)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04" + bytes(99)])
def test_a_file_of_something_else_is_one_line(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    frames: list[NDArray[np.uint8]],
    content: bytes,
) -> None:
    photo, path = written(tmp_path / "photo.png", frames[0]), tmp_path / "bad.pth"
    path.write_bytes(content)
    for bad in (path, tmp_path / "absent.pth"):
        line = failing(capfd, 1, photo, "-o", "null:", "--model", NAME, "--weights", bad)
        assert str(bad) in line


def test_a_file_of_another_network_is_told_as_that(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    weights: Path,
    recipes: Recipes,
    frames: list[NDArray[np.uint8]],
) -> None:
    photo = written(tmp_path / "photo.png", frames[0])
    line = failing(capfd, 1, photo, "-o", "null:", "--model", "rvm-resnet50", "--weights", weights)
    assert line == f"error: {weights}: weights of {NAME}, not of rvm-resnet50; use --model {NAME}"
    centermask = recipes.weights("centermask2_lite_V19")
    line = failing(capfd, 1, photo, "-o", "null:", "--model", NAME, "--weights", centermask)
    assert "no weights of Robust Video Matting" in line


def written(path: Path, image: NDArray[np.uint8]) -> Path:
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def test_a_photo_becomes_a_cut_out_and_a_result(
    weights: Path, network: RobustVideoMatting, tmp_path: Path, frames: list[NDArray[np.uint8]]
) -> None:
    pytest.importorskip("pycocotools")
    photo = written(tmp_path / "photo.png", frames[0])
    cut, found = tmp_path / "cut.png", tmp_path / "found.json"
    arguments = [photo, "-o", cut, "-o", found, "--effect", "cutout", "--keep", "person"]
    arguments += ["--model", NAME, "--weights", weights, "--device", "cpu"]
    assert run.main([str(each) for each in arguments]) == 0
    (wanted,) = network.segment(read_photo(photo)[None])
    assert wanted.matte is not None
    shown = cv2.cvtColor(cv2.imread(str(cut), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    np.testing.assert_array_equal(shown[..., 3], wanted.matte.alpha)
    between = (wanted.matte.alpha > 0) & (wanted.matte.alpha < 255)
    assert between.mean() > 0.1
    assert wanted.matte.foreground is not None
    np.testing.assert_array_equal(shown[between][:, :3], wanted.matte.foreground[between])
    (row,) = json.loads(found.read_text())
    assert row["category_id"] == 1
    assert row["score"] == pytest.approx(wanted.scores[0], abs=1e-3)


def test_a_clip_is_seen_whole_and_with_keyframes_in_part(
    weights: Path, demo_clip: Path, tmp_path: Path
) -> None:
    options = ["--model", NAME, "--weights", weights, "--device", "cpu", "--size", 128]
    frames = cast_clip(demo_clip, tmp_path, 6, *options)
    assert frames["keyframes"] == frames["read"]
    (tmp_path / "clip.mkv").unlink()
    (tmp_path / "out.mp4").unlink()
    frames = cast_clip(demo_clip, tmp_path, 9, *options, "--keyframe", 4, "--reuse", "flow")
    assert_keyframes_were_reused(frames)
