"""What is measured on a GPU runs through without one, and goes on where it ended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

pytest.importorskip("keras")
pytest.importorskip("h5py")
pytest.importorskip("skimage", reason="scikit-image carries the photo")

from benchmarks.gpu import machine
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.parts import parts_of
from benchmarks.gpu.results import Results
from tests.folders import ROOT
from tests.recipes import Recipes


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_no_part_is_begun_when_the_time_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--device", "cpu", "--small", "--resume", str(tmp_path / "gpu.jsonl")]
    main([*small, "--minutes", "0"])
    machine_line, told = lines(capsys.readouterr().out)
    assert (machine_line["part"], machine_line["device"]) == ("machine", "cpu")
    assert len(told["left"]) == told["of"] == 14
    with pytest.raises(ValueError, match="mask-rcnn: known are portrait, rvm-mobilenet"):
        main([*small, "--networks", "mask-rcnn"])


def test_parts_that_failed_and_cut_off_lines_are_done_again(tmp_path: Path) -> None:
    path = tmp_path / "gpu.jsonl"
    results = Results(path)
    results.add({"part": "speed a float32 1", "ms": 1.0})
    results.add({"part": "speed b float32 1", "error": "no memory"})
    path.write_text(path.read_text() + '{"part": "speed c fl')
    again = Results(path)
    assert again.done == {"speed a float32 1"}
    again.add({"part": "speed c float32 1", "ms": 2.0})
    assert Results(path).done == {"speed a float32 1", "speed c float32 1"}
    (tmp_path / "text.txt").write_text("a text\nof two lines\n")
    with pytest.raises(ValueError, match="holds no results"):
        Results(tmp_path / "text.txt")


def test_whether_it_is_right_comes_before_how_fast_it_is() -> None:
    parts = [str(part) for part in parts_of(["a", "b"], ["float32", "tf32"], [1, 4])]
    assert parts[:3] == ["parity a float32", "speed a float32 1", "parity b float32"]
    assert parts[-1] == "speed b tf32 4"
    assert len(set(parts)) == len(parts) == 2 * 2 * (1 + 2 + 1)


def test_all_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_is_there", lambda module: module in ("keras", "cv2"))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with pytest.raises(ValueError, match="missing: optree, h5py, jax or tensorflow; "):
        machine.choose_backend()


WITHOUT = """
import sys
absent = sys.argv[1].split(",")
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name}")
sys.meta_path.insert(0, Absent())
from benchmarks.gpu.__main__ import main
main(sys.argv[2:])
"""
#: what a machine with a GPU may lack
ABSENT = "tensorflow,openvino,imageio_ffmpeg,skimage,pytest,torch,tqdm,PIL,pycocotools"


def run_alone(recipes: Recipes, folder: Path, results: Path) -> str:
    """Run the command where JAX alone is there; returns what it prints."""
    from skimage import data

    photo = folder / "astronaut.png"
    cv2.imwrite(str(photo), data.astronaut()[..., ::-1])
    weights = recipes.weights("rvm_mobilenetv3").parent
    small = "--device cpu --small --precisions float32 --turns 2 --minutes 999".split()
    files = ["--photo", photo, "--weights-in", weights, "--resume", results]
    # compiled as well as XLA can would take twice as long
    environment = {"XLA_FLAGS": "--xla_backend_optimization_level=0", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, ABSENT, *small, *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


@pytest.mark.long
def test_it_runs_through_with_jax_alone_and_goes_on_where_it_ended(
    recipes: Recipes, tmp_path: Path
) -> None:
    pytest.importorskip("jax")
    results = tmp_path / "gpu.jsonl"
    known = ["speed portrait float32 2", "video portrait float32"]
    results.write_text("".join(json.dumps({"part": part}) + "\n" for part in known))
    first, *measured, told = lines(run_alone(recipes, tmp_path, results))
    assert "jax" in first
    assert (told["left"], told["of"]) == ([], 7)
    of_part = {line["part"]: line for line in measured}
    assert of_part.keys() == {
        "speed portrait float32 1",
        "parity rvm-mobilenet float32",
        "speed rvm-mobilenet float32 1",
        "speed rvm-mobilenet float32 2",
        "video rvm-mobilenet float32",
    }
    assert [line for line in measured if "error" in line] == []
    assert of_part["parity rvm-mobilenet float32"]["same"]
    # frames of which half is empty now and then go through the programs of the first
    assert of_part["video rvm-mobilenet float32"]["compiled_meanwhile"] == 0
    speed = of_part["speed rvm-mobilenet float32 2"]
    assert "Keras on jax, float32" in speed["on"]
    assert speed["frames_s"] == pytest.approx(2000 / speed["ms"], rel=0.1)
    assert {json.loads(text)["part"] for text in results.read_text().splitlines()} >= set(of_part)
