"""The examples of the documentation work as printed; a clip goes through Mask R-CNN."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import re
import shlex
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("keras")
pytest.importorskip("tensorflow", reason="the export goes through TensorFlow")

import run
from segmentation.mask_rcnn import segmenter as mask_rcnn
from segmentation.runtime import compiling
from segmentation.weights import presets
from segmentation.weights.store import locate
from tests.folders import ROOT
from tests.users.casting import cast_clip

DOCS = ROOT / "docs"
SIZE = 128  # of the network's input, where the documentation means the published 1024


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a page of the documentation."""
    text = (DOCS / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[list[str]]:
    """Return the arguments of every call of `run.py` in a block."""
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [words[2:] for words in lines if words[:2] == ["python", "run.py"]]


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def machine(
    mask_rcnn_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[pytest.MonkeyPatch]:
    """A fresh machine; the published weights are the recipe's, on a server of the test's own."""
    home = tmp_path_factory.mktemp("home")
    handler = functools.partial(_Silent, directory=mask_rcnn_weights.parent)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/{mask_rcnn_weights.name}"
    published = replace(presets.PRESETS["mask-rcnn"], address=address, num_bytes=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.setenv("MASKCAST_WEIGHTS", str(home / "weights"))
        patch.setitem(presets.PRESETS, "mask-rcnn", published)
        patch.setattr(mask_rcnn, "PUBLISHED_SIZE", SIZE)
        with contextlib.suppress(ImportError):  # without Keras nothing of that network runs
            from tests.segmentation.mask_rcnn.fewer_proposals import propose_less

            propose_less(patch)
        # of one export; what is tried here is what leads to it and what comes after
        patch.setattr(compiling, "OpenVINONetwork", functools.cache(compiling.OpenVINONetwork))
        yield patch
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, machine: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which someone tries the examples, with a photo and a folder of photos."""
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the photo")
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/one.jpg"):
        cv2.imwrite(str(tmp_path / name), data.astronaut()[..., ::-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        yield tmp_path


def black_and_white(path: Path, size_hw: tuple[int, ...]) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, path
    assert image.shape[:2] == size_hw
    assert set(np.unique(image)) <= {0, 255}
    return image.reshape(*size_hw, -1)[..., 0] > 0


def test_people_of_a_photo(folder: Path) -> None:
    first, *_ = blocks("masks.md", "")
    for arguments in commands(first):
        assert run.main(arguments) == 0, arguments
    size_hw = cv2.imread("photo.jpg").shape[:2]
    inside = black_and_white(folder / "mask.png", size_hw)
    people = cv2.imread("people.png", cv2.IMREAD_UNCHANGED)
    assert people.shape == (*size_hw, 4)
    assert ((people[..., 3] >= 128) == inside).mean() > 0.95


@pytest.mark.long
def test_objects_of_a_photo(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, second, *_ = blocks("masks.md", "")
    fetch, *rest = commands(second)
    assert fetch == ["models", "fetch", "mask-rcnn"]
    assert len(rest) >= 5
    for arguments in [fetch, *rest]:
        assert run.main(arguments) == 0, arguments
    told = capfd.readouterr().err
    assert told.count("preparing mask-rcnn") == 1  # and the first run alone takes long
    size_hw = cv2.imread("photo.jpg").shape[:2]
    black_and_white(folder / "mask.png", size_hw)
    pictures = sorted((folder / "masks").iterdir())
    assert len(pictures) > 5
    for path in pictures:
        assert re.fullmatch(r"photo_\d+-\w+-[01]\.\d\d\.png", path.name)
        assert black_and_white(path, size_hw).any()
    legend = json.loads((folder / "maps/legend.json").read_text())
    classes = cv2.imread("maps/classes/one.png", cv2.IMREAD_UNCHANGED)
    assert classes.shape == size_hw
    values = {entry["value"] for entry in legend["classes"]}
    assert {0} < set(np.unique(classes)) <= {0} | values
    crops = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in Path("crops").iterdir()]
    assert len(crops) == len(pictures)
    assert all(crop.shape[2] == 4 and crop[..., 3].any() for crop in crops)
    data_set = json.loads((folder / "coco/annotations.json").read_text())
    assert len(data_set["annotations"]) == len(pictures)
    assert json.loads((folder / "correct/one.json").read_text())["shapes"]
    found = json.loads((folder / "found.json").read_text())
    assert {record["category_id"] for record in found} <= {1, 18}
    assert sum(record["category_id"] == 1 for record in found) <= 1
    assert cv2.imread("dogs.png", cv2.IMREAD_UNCHANGED).shape == (*size_hw, 4)


@pytest.mark.long
def test_ten_lines_of_python(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["models", "fetch", "mask-rcnn"])
    (program,) = blocks("masks.md", "python")
    exec(compile(program, "masks.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) > 5
    assert len(list(folder.glob("[0-9]*-*.png"))) == len(printed), "a file for each object"
    size_hw = cv2.imread("photo.jpg").shape[:2]
    for line in printed:
        name = re.split(r" [01]\.", line)[0]
        assert black_and_white(folder / f"{name}.png", size_hw).any()
    foreground = cv2.imread("foreground.png", cv2.IMREAD_UNCHANGED)
    photo = cv2.imread("photo.jpg")
    np.testing.assert_array_equal(foreground[..., :3], photo)
    assert foreground[..., 3].max() > 128 > foreground[..., 3].min()


@pytest.mark.long
def test_a_clip_goes_through(demo_clip: Path, machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run.main(["models", "fetch", "mask-rcnn"])  # the same file again: exported once for both tests
    weights = locate(presets.PRESETS["mask-rcnn"])
    options = ["--model", "mask-rcnn", "--weights", weights, "--size", SIZE]
    cast_clip(demo_clip, tmp_path, 4, *options)
