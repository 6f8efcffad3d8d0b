"""What `train` says before anything heavy is imported, and where it is interrupted."""

from __future__ import annotations

import subprocess
import sys

import pytest

import run
from segmentation.data import read_dataset
from segmentation.errors import PictureError
from segmentation.instances import Instances
from stream.commands.parts.command_line import say
from stream.commands.train_mask_rcnn import GAP, draw
from tests.folders import ROOT
from tests.inputs.annotated_photos import SIZE_HW, write_coco

TOO_LATE = """
import sys
import run
code = run.main(sys.argv[1:])
heavy = {"tensorflow", "keras", "openvino"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else code)
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mask-rcnn", "--data", "none"], "none: there is no such file or folder"),
        (["mask-rcnn", "--data", ".", "--weights", "w.h5"], "w.h5: there is no such file of"),
        (["mask-rcnn", "--data", ".", "--val-data", "v"], "v: there is no such file or folder"),
        (["mask-rcnn", "--data", "."], "weights of mask-rcnn"),
        (["mask-rcnn", "--data", ".", "--weights", "imagenet"], "not there"),
        (["portrait", "--data", ".", "none"], "none: there is no such file or folder"),
        (["mask-rcnn-person", "--data", ".", "--start", "s.npz"], "s.npz: there is no such file"),
    ],
)
def test_what_is_missing_is_told_before_tensorflow_comes(tmp_path, arguments, told):
    command = [sys.executable, "-c", TOO_LATE, "train", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert told in line


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "interrupted; "),
        (OSError(28, "No space left on device", "r/model.npz"), 1, "r/model.npz: No space left"),
        (
            OSError(28, "No space left on device\nof HDF5"),
            1,
            "myrun: No space left on device; once",
        ),
        (PictureError("p/a.jpg: there is no such file"), 1, "p/a.jpg: there is no such file; once"),
    ],
)
@pytest.mark.parametrize("is_kept", [False, True])
def test_an_interruption_a_full_disk_and_a_lost_photo_are_one_line(
    tmp_path, monkeypatch, capfd, raised, code, told, is_kept
):
    def train(options: object) -> str:
        raise raised

    monkeypatch.setattr("stream.commands.train_mask_rcnn.train", train)
    write_coco(tmp_path)
    arguments = ["train", "mask-rcnn", "--data", str(tmp_path), "--weights", "none"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "myrun" / ("checkpoint" if is_kept else "")).mkdir(parents=True)
    assert run.main([*arguments, "--run", "myrun"]) == code
    (line,) = capfd.readouterr().err.splitlines()
    assert told in line
    goes_on = "the same command goes on from the last checkpoint in myrun"
    assert line.endswith(goes_on if is_kept else "so the same command begins anew")


def test_pictures_have_the_truth_on_the_left_and_the_result_on_the_right(tmp_path):
    (photo,) = read_dataset(write_coco(tmp_path)).photos
    drawn = draw(photo, Instances.empty(SIZE_HW), ("ball", "crate"))
    height, width = SIZE_HW
    assert drawn.shape == (height, 2 * width + GAP, 3)
    image = photo.image()
    assert (drawn[:, width + GAP :] == image).all(), "nothing was found"
    assert (drawn[:, :width] != image).any(axis=2).mean() > 0.2, "the annotations"


def test_names_cannot_steer_a_terminal(capfd):
    say("classes \x1b[2J, a\rb, käfer, ka\u0308fer: x\u202e")
    assert capfd.readouterr().err == "classes \\x1b[2J, a\\rb, käfer, ka\u0308fer: x\\u202e\n"


@pytest.mark.parametrize(("weights", "told"), [("portrait", "small"), ("person", "small")])
def test_weights_in_the_package_say_their_backbone(tmp_path, monkeypatch, weights, told):
    seen = {}

    def train(dataset, folder, settings, *others):
        seen["backbone"] = settings.backbone
        return folder

    monkeypatch.setattr("segmentation.training.mask_rcnn.train_mask_rcnn.train_mask_rcnn", train)
    write_coco(tmp_path)
    assert run.main(["train", "mask-rcnn", "--data", str(tmp_path), "--weights", weights]) == 0
    assert seen == {"backbone": told}
