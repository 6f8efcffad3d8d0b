"""`run.py evaluate`, with networks that know the truth and spoil it by a known amount."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("pycocotools")

import run
from segmentation.data import read_dataset
from segmentation.instances import Instances
from segmentation.loading import LOADERS
from segmentation.segmenter import Options, Segmenter
from tests.inputs.annotated_photos import true_masks, write_coco, write_masks, write_photo
from tests.stand_ins.fakes import Oracle as SquareOracle
from tests.stand_ins.fakes import square
from tests.stand_ins.oracle import DatasetOracle, Spoil


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run the command with a network of one's own; returns exit code and figures."""

    def call(data: Path, segmenter: Segmenter, *arguments: str) -> tuple[int, dict]:
        def load(options: Options) -> Segmenter:
            call.options = options
            return segmenter

        monkeypatch.setitem(LOADERS, "oracle", load)
        figures = tmp_path / "figures.json"
        command = ["evaluate", "--data", str(data), "--model", "oracle", "--json", str(figures)]
        code = run.main([*command, *arguments])
        return code, json.loads(figures.read_text()) if figures.exists() else {}

    return call


def oracle(data: Path, spoil: Spoil = lambda found: found) -> DatasetOracle:
    return DatasetOracle(read_dataset(data), spoil)


def test_objects_of_photos(evaluate, tmp_path, capsys):
    data = write_coco(tmp_path / "data", 3)

    def spoil(found: Instances) -> Instances:
        """Lose the balls; cut the crates to 0.775 of their height, boxes excepted."""
        crates = found[found.labels == 1]
        masks = crates.masks.copy()
        masks[:, 82:] = 0
        return replace(crates, masks=masks)

    code, figures = evaluate(data, oracle(data, spoil))
    assert code == 0
    assert evaluate.options.min_score == 0.05
    assert (figures["model"], figures["data"], figures["weights"]) == ("oracle", str(data), None)
    assert (figures["num_photos"], figures["num_objects"]) == (3, 6)
    assert figures["box"]["ap"] == 0.5
    assert figures["mask_by_class"]["crate"]["ap"] == pytest.approx(0.6)
    assert figures["mask_by_class"]["ball"]["ap"] == 0
    assert figures["mask"]["ap75"] == 0.5
    assert figures["mask"]["ap_large"] is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == "boxes AP AP50 AP75 small medium large recall".split()
    assert lines[1].split() == "6 objects 50.0 50.0 50.0 - 50.0 - 50.0".split()
    assert lines[4].split() == "masks AP AP50 AP75 small medium large recall".split()
    assert lines[5].split() == "6 objects 30.0 50.0 50.0 - 30.0 - 30.0".split()
    assert lines[6].split() == "ball 0.0 0.0 0.0 - 0.0 - 0.0".split()
    assert lines[7].split() == "crate 60.0 100.0 100.0 - 60.0 - 60.0".split()


def test_only_classes_to_keep_are_measured(evaluate, tmp_path, capsys):
    data = write_coco(tmp_path / "data", 2)
    code, figures = evaluate(data, oracle(data), "--keep", "crate", "--min-score", "0.3")
    assert code == 0
    assert evaluate.options.keep == ["crate"]
    assert evaluate.options.min_score == 0.3
    assert figures["mask"]["ap"] == 1
    assert figures["num_objects"] == 2
    assert "left out, oracle does not look for them: ball" in capsys.readouterr().err
    assert evaluate(data, oracle(data), "--keep", "crate:1")[0] == 2
    said = "--keep must look like person,dog, got 'crate:1': all of their objects count"
    assert said in capsys.readouterr().err


def test_data_without_classes_are_matched_with_everything(evaluate, tmp_path):
    write_photo(tmp_path / "data" / "images" / "a.png")
    (tmp_path / "data" / "masks").mkdir()
    ball, crate = true_masks().values()
    cv2.imwrite(str(tmp_path / "data" / "masks" / "a.png"), ball + 2 * crate)
    network = oracle(tmp_path / "data")
    network.classes = ("cat", "dog")
    assert evaluate(tmp_path / "data", network)[1]["mask"]["ap"] == 1


def test_union_of_photos(evaluate, tmp_path, capsys):
    data = write_masks(tmp_path / "data", 2)
    ball, crate = (mask.sum() for mask in true_masks().values())
    code, figures = evaluate(data, oracle(data, lambda found: found[:1]), "--union")
    assert code == 0
    assert evaluate.options.min_score is None
    assert figures["iou"] == pytest.approx(ball / (ball + crate), abs=1e-6)
    assert 0.3 < figures["boundary_f"] < 0.9
    (tmp_path / "data" / "masks" / "ignore").mkdir()
    for index in range(2):
        path = tmp_path / "data" / "masks" / "ignore" / f"{index}.png"
        cv2.imwrite(str(path), np.ones((120, 200), np.uint8))

    def everything(found: Instances) -> Instances:
        return replace(found, masks=np.full_like(found.masks, 255))

    figures = evaluate(data, oracle(data, everything), "--union")[1]
    assert (figures["iou"], figures["boundary_f"], figures["num_images"]) == (1, 1, 2)
    assert "photos         2     100.0   100.0   100.0" in capsys.readouterr().out
    figures = evaluate(data, oracle(data), "--union", "--keep", "crate")[1]
    assert figures["iou"] == 1, "the ball is neither looked for nor missed"


def test_average_precision_of_one_mask_for_all_is_said_to_mean_nothing(evaluate, tmp_path, capsys):
    data = write_coco(tmp_path / "data", 1)
    network = oracle(data)
    said = "oracle gives one mask for all objects, of which AP means nothing; --union measures it"
    for separates, union in ((True, []), (False, ["--union"]), (False, [])):
        network.separates_objects = separates
        assert evaluate(data, network, *union)[0] == 0
        assert (said in capsys.readouterr().err) == (not separates and not union)


class CutOracle(SquareOracle):
    """Sees the square, but only the upper part of it."""

    def segment(self, images: np.ndarray) -> list[Instances]:
        found = super().segment(images)
        for each in found:
            each.masks[:, 28:] = 0  # 12 of 16 rows are left
        return found


class BetterOracle(SquareOracle):
    """Sees all of the square, but in a video only its upper part."""

    def for_frames(self) -> Segmenter:
        return CutOracle()


@pytest.mark.parametrize(
    ("layout", "network"),
    [
        ("JPEGImages/480p/run", CutOracle()),
        ("run/JPEGImages", BetterOracle()),
        ("JPEGImages", CutOracle()),
    ],
)
def test_frames(layout: str, network: Segmenter, evaluate, tmp_path, capsys, monkeypatch):
    import segmentation.evaluation.foreground_quality as module

    frames = tmp_path / "data" / layout
    masks = tmp_path / "data" / layout.replace("JPEGImages", "Annotations")
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index in range(3):
        image = square(index)
        cv2.imwrite(str(frames / f"{index:05d}.jpg"), image)
        inside = SquareOracle().segment(image[None])[0].union()
        cv2.imwrite(str(masks / f"{index:05d}.png"), inside)
    # JPEG changes the colours that the network knows the square by
    exact = iter(range(3))
    read = module.read_frame
    monkeypatch.setattr(module, "read_frame", lambda *files: (square(next(exact)), read(*files)[1]))
    code, figures = evaluate(tmp_path / "data", network)
    assert code == 0
    assert figures["iou"] == pytest.approx(0.75)
    name = "data" if layout == "JPEGImages" else "run"
    assert figures["by_sequence"][name]["num_images"] == figures["num_images"] == 3
    assert 0.5 < figures["boundary_f"] < 1
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == [name, "3", "75.0"]
    (frames / "00001.jpg").unlink()
    cv2.imwrite(str(masks / "00007.png"), np.zeros((2, 2), np.uint8))
    assert evaluate(tmp_path / "data", CutOracle())[0] == 1
    told = capsys.readouterr().err
    assert "2 problems" in told
    assert "00001.png: there is no frame" in told


def test_bad_data_are_listed_and_nothing_is_overwritten(evaluate, tmp_path, capsys):
    data = write_coco(tmp_path / "data", 3)
    network = oracle(data)
    figures = tmp_path / "figures.json"
    figures.write_text('"earlier"')
    (data / "images" / "0.png").unlink()
    (data / "images" / "1.png").write_bytes(b"")
    assert evaluate(data, network, "--strict") == (1, "earlier")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == f"error: {data / 'annotations.json'}: 2 problems"
    assert "there is no photo '0.png'" in lines[1]
    assert "1.png: not a picture" in lines[2]


def test_what_cannot_be_measured_is_one_line(evaluate, tmp_path, capsys):
    data = write_coco(tmp_path / "data")
    network = oracle(data)
    network.classes = ("dog", "cat")
    assert evaluate(data, network) == (1, {})
    assert "the data has the classes ball, crate; the network looks for dog, cat" in (
        capsys.readouterr().err
    )
    target = str(tmp_path / "nowhere" / "figures.json")
    assert evaluate(data, oracle(data), "--json", target) == (1, {})
    assert "there is no folder" in capsys.readouterr().err
    assert evaluate(data, oracle(data), "--keep", "a,")[0] == 2


def test_portrait_measured_here_and_by_its_benchmark(evaluate, shared_data):
    from benchmarks import portrait as benchmark
    from segmentation.portrait.segmenter import FINE, load_portrait

    network = load_portrait(Options())
    for name in ("pelota", "vikram"):
        folder = shared_data / "stills" / name
        pairs = {name: benchmark.read_set(folder)}
        wanted = benchmark.quality(benchmark.portrait(FINE), pairs)["sets"][name]
        figures = evaluate(folder, network, "--union")[1]
        assert round(figures["iou"], 3) == wanted["iou"]
        assert round(figures["boundary_f"], 3) == wanted["boundary_f"]


def test_portrait_is_told_to_be_measured_by_its_union(tmp_path, capsys):
    data = write_coco(tmp_path / "data", 1)
    annotations = data / "annotations.json"
    annotations.write_text(annotations.read_text().replace('"ball"', '"person"'))
    command = ["evaluate", "--data", str(data), "--model", "portrait"]
    assert run.main(command) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "--union" in line]
    assert "AP means nothing" in line
    assert run.main([*command, "--union"]) == 0
    assert "--union" not in capsys.readouterr().err
