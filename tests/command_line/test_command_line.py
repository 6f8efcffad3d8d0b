"""The command line: what comes out, what is said, and the exit code."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

import run
from segmentation.pip_command import install_extra
from stream.files.photos import read_photo
from stream.version import VERSION
from tests.command_line.failing import failing, files
from tests.folders import ROOT


def test_photo_to_mask_is_black_and_white_at_the_photo_size(photo, tmp_path):
    out = tmp_path / "mask.png"
    assert run.main([str(photo), "-o", str(out), "--effect", "mask"]) == 0
    mask = read_photo(out)
    assert mask.shape == (480, 640, 3)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[200, 300].tolist() == [255, 255, 255], "the face"
    assert mask[40, 480].tolist() == [0, 0, 0], "the wall"


def test_photo_to_cutout_keeps_transparency(photo, tmp_path):
    out = tmp_path / "cut.png"
    assert run.main([str(photo), "-o", str(out), "--effect", "cutout"]) == 0
    image = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert image.shape == (480, 640, 4)
    assert image[200, 300, 3] == 255
    assert image[40, 480, 3] == 0


def test_replaced_background_keeps_the_face(photo, tmp_path):
    out = tmp_path / "blue.png"
    assert run.main([str(photo), "-o", str(out), "--effect", "replace=#1020F0"]) == 0
    before, after = read_photo(photo), read_photo(out)
    assert after[40, 480].tolist() == [0x10, 0x20, 0xF0]
    assert (after[180:220, 280:320] == before[180:220, 280:320]).all()
    assert (
        run.main([str(photo), "-y", "-o", str(out), "--invert", "--effect", "replace=#1020F0"]) == 0
    )
    swapped = read_photo(out)
    assert swapped[200, 300].tolist() == [0x10, 0x20, 0xF0]
    assert (swapped[30:50, 540:560] == before[30:50, 540:560]).all()


def test_demo_gives_a_video_several_outputs_and_stats(tmp_path):
    out, masks, stats = tmp_path / "demo.mp4", tmp_path / "found.jsonl", tmp_path / "stats.json"
    arguments = ["demo:", "-o", out, "-o", "null:", "-o", masks, "--model", "portrait"]
    arguments += ["--stats", stats]
    code = run.main([str(argument) for argument in [*arguments, "--quality", "ultrafast:30"]])
    assert code == 0
    figures = json.loads(stats.read_text())
    assert figures["frames"]["read"] == figures["frames"]["processed"] == 240
    assert figures["frames"]["dropped"] == 0
    assert figures["frames"][f"{out} written"] == 240
    assert len(masks.read_text().splitlines()) >= 240
    assert out.stat().st_size > 50_000
    assert run.main([str(out), "-o", "null:", "--effect", "none"]) == 0, "it can be read"


def test_photos_become_a_video_with_a_rate(photo, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(5):
        (folder / f"{index}.png").write_bytes(photo.read_bytes())
    out = tmp_path / "out.mkv"
    assert run.main([str(folder), "--fps", "30000/1001", "-o", str(out)]) == 0
    from stream.sources.video import VideoSource

    with VideoSource(str(out)) as video:
        times = [frame.time_s for frame in video]
    assert times == pytest.approx([index * 1001 / 30000 for index in range(5)], abs=0.001)


@pytest.mark.parametrize("bad", [0, 2, 3])
def test_a_bad_photo_spoils_no_other(capfd, photo, tmp_path, bad):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    whole = photo.read_bytes()
    for index in range(4):
        data = b"no picture" if index == bad else whole
        (folder / f"{index}.png").write_bytes(data)
    lines, masks = tmp_path / "found.jsonl", tmp_path / "masks"
    arguments = [folder, "-o", f"{out}/", "-o", lines, "-o", f"instances:{masks}"]
    more = ["--model", "portrait", "--stats", tmp_path / "stats.json"]
    assert run.main([str(argument) for argument in [*arguments, *more]]) == 1
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    assert told[0].startswith(f"error: {folder / f'{bad}.png'}: not a picture")
    good = [f"{index}.png" for index in range(4) if index != bad]
    assert files(out) == good
    assert [json.loads(text)["file_name"] for text in lines.read_text().splitlines()] == good
    assert len(files(masks)) == 3
    assert json.loads((tmp_path / "stats.json").read_text())["frames"]["processed"] == 3


def test_a_photo_of_a_video_that_cannot_be_read_ends_it_there(capfd, photo, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(4):
        (folder / f"{index}.png").write_bytes(b"torn" if index == 2 else photo.read_bytes())
    line = failing(capfd, 1, folder, "--fps", "25", "-o", tmp_path / "out.mp4")
    assert "2.png: not a picture" in line
    assert line.endswith("the first 2 frames (0.1 s) are kept")
    assert files(tmp_path) == ["out.mp4", "photos", "portrait.png"]


@pytest.mark.parametrize("output", ["out.mp4", "udp://127.0.0.1:9", "hls:page/", "virtualcam:"])
def test_photos_without_a_rate_are_no_video(capfd, photo, tmp_path, output, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(2):
        (tmp_path / f"{index}.png").write_bytes(photo.read_bytes())
    assert "photos have no pace; add --fps RATE" in failing(capfd, 1, "?.png", "-o", output)
    assert not (tmp_path / "out.mp4").exists()


def test_missing_and_unusable_sources(capfd, tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder").mkdir()
    out = tmp_path / "out.mp4"
    for name, words in {
        "missing.mp4": "no such file",
        "empty.mp4": "is empty",
        "text.mp4": "cannot be read as a video",
        "empty.jpg": "not a picture",
        "folder": "no photos in it",
    }.items():
        source = tmp_path / name
        line = failing(capfd, 1, source, "-o", out)
        assert words in line
        assert str(source) in line
    assert files(tmp_path) == ["empty.jpg", "empty.mp4", "folder", "text.mp4"]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["docter"], "doctor"),
        (["serv", "--port", "0"], "serve"),
        (["trian", "portrait"], "train"),
        (["model", "fetch", "mask-rcnn"], "models"),
        (["Evaluate", "--data", "photos"], "evaluate"),
    ],
)
def test_misspelt_commands_are_no_files(capfd, monkeypatch, tmp_path, arguments, command):
    monkeypatch.chdir(tmp_path)
    line = failing(capfd, 2, *arguments)
    assert line == f"error: {arguments[0]}: no such file; did you mean the command {command}?"
    (tmp_path / arguments[0]).mkdir()
    with contextlib.suppress(SystemExit):  # options of the command, which casting does not know
        run.main([*arguments, "-o", "null:"])
    assert "did you mean" not in capfd.readouterr().err


@pytest.mark.parametrize("source", ["train.mp4", "./serv", "talk"])
def test_other_sources_that_are_not_there_are_files(capfd, monkeypatch, tmp_path, source):
    monkeypatch.chdir(tmp_path)
    assert "no such file; a source is" in failing(capfd, 1, source, "-o", "null:")


def test_missing_camera(capfd):
    line = failing(capfd, 1, "camera:97", "-o", "null:")
    assert "camera 97: cannot be opened" in line


def test_sources_that_make_no_sense(capfd, demo_clip):
    assert "has no name" in failing(capfd, 1, "", "-o", "null:")
    for source in (demo_clip, "demo:", "0", "rtsp://192.0.2.1/"):
        assert "--fps is for photos" in failing(capfd, 1, source, "-o", "null:", "--fps", "25")


def test_outputs_that_would_destroy_something(capfd, photo, tmp_path):
    before = photo.read_bytes()
    assert "is the input" in failing(capfd, 1, photo, "-y", "-o", photo)
    (tmp_path / "taken.png").write_bytes(b"precious")
    assert "exists" in failing(capfd, 1, photo, "-o", tmp_path / "taken.png")
    assert (tmp_path / "taken.png").read_bytes() == b"precious"
    assert photo.read_bytes() == before
    assert "no folder" in failing(capfd, 1, photo, "-o", tmp_path / "no" / "out.png")
    assert "unknown kind of output" in failing(capfd, 1, photo, "-o", tmp_path / "out.xyz")
    assert "cannot be transparent" in failing(
        capfd, 1, photo, "-o", tmp_path / "out.jpg", "--effect", "cutout"
    )
    assert "File name too long" in failing(capfd, 1, photo, "-o", tmp_path / f"{'x' * 300}.png")
    assert "names no output" in failing(capfd, 1, photo, "-y", "-o", "")
    assert "names no folder" in failing(capfd, 1, photo, "-y", "-o", "instances:")
    assert "no folder" in failing(capfd, 1, photo, "-o", "null:", "--stats", "/nowhere/stats.json")
    assert photo.read_bytes() == before
    assert files(tmp_path) == ["portrait.png", "taken.png"]


def test_a_background_is_an_input_as_well(capfd, photo, tmp_path):
    beach = tmp_path / "beach.png"
    beach.write_bytes(photo.read_bytes())
    arguments = ["--effect", f"replace={beach}", "-y", "-o"]
    assert "is the input" in failing(capfd, 1, photo, *arguments, beach)
    assert beach.read_bytes() == photo.read_bytes()


def test_two_names_of_one_output(capfd, photo, tmp_path):
    out, again = tmp_path / "out.json", f"{tmp_path}/./out.json"
    assert "named twice" in failing(capfd, 2, photo, "-o", out, "-o", again)
    assert "named twice" in failing(capfd, 2, photo, "-o", out, "--stats", again)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--effect", "blurr"], "--effect 'blurr' is no effect; choose one of"),
        (["--effect", "blur=9"], "strength must be"),
        (["--effect", "replace=#12"], "#RRGGBB"),
        (["-o", "null:"], "named twice"),
        (["--polygons"], "--polygons: goes with -o FILE.json or .jsonl; no output is one"),
    ],
)
def test_commands_that_make_no_sense(capfd, photo, arguments, words):
    assert words in failing(capfd, 2, photo, "-o", "null:", *arguments)


def test_help_says_when_key_5_works(capfd):
    with pytest.raises(SystemExit):
        run.main(["--help"])
    assert "5, cutout, works only when begun with --effect cutout" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keyframe", "0"], "--keyframe: a number from 1, auto or auto:N, got '0'"),
        (["--keyframe", "auto:x"], "got 'auto:x'"),
        (["--reuse", "hold", "--keyframe", "-1"], "got '-1'"),
        (["--keep", "person:0"], "--keep must look like"),
        (["--keep", "#x"], "--keep must look like"),
        (["-o", "null:"], "named twice"),
        (["--effect", "blur=9"], "strength must be"),
    ],
)
def test_bad_values_are_noticed_before_anything_is_opened(capfd, monkeypatch, arguments, words):
    def opened(*_: object, **__: object) -> None:
        pytest.fail("opened for a command that makes no sense")

    monkeypatch.setattr("stream.sources.open_source", opened)
    monkeypatch.setattr("segmentation.loading.load", opened)
    assert words in failing(capfd, 2, "demo:", "-o", "null:", *arguments)


def test_visitors_ids_are_refused_before_a_network_is_loaded(capfd, monkeypatch):
    pytest.importorskip("aiohttp")
    pytest.importorskip("aiortc")
    monkeypatch.setattr("segmentation.loading.load", lambda *_: pytest.fail("loaded"))
    assert "ids of their own" in failing(capfd, 2, "serve", "--keep", "#3")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--fps", "0"],
        ["--quality", "best"],
        ["--model", "x"],
        ["--size", "0"],
        ["--stats", "photo.jpg"],
    ],
)
def test_unknown_options(capfd, arguments):
    with pytest.raises(SystemExit) as exit_info:
        run.main(["demo:", "-o", "null:", *arguments])
    assert exit_info.value.code == 2
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("before", ["demo: --weights", "evaluate --data", "train portrait --data"])
def test_what_must_lie_on_a_disk_is_named_as_it_was_given(capfd, before):
    with pytest.raises(SystemExit):
        run.main([*before.split(), "s3://b/w.h5"])
    assert "a path on a disk, got 's3://b/w.h5'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("network", "option", "value"),
    [
        ("portrait", "--steps", "0"),
        ("portrait", "--steps", "-1"),
        ("mask-rcnn", "--learning-rate", "nan"),
        ("mask-rcnn", "--epochs", "0"),
        ("mask-rcnn-person", "--epochs", "0"),
    ],
)
def test_numbers_that_train_nothing(capfd, network, option, value):
    with pytest.raises(SystemExit) as exit_info:
        run.main(["train", network, "--data", "nowhere", option, value])
    assert exit_info.value.code == 2
    assert f"argument {option}: a positive number" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("network", "option", "value"),
    [
        ("portrait", "--epochs", "3"),
        ("mask-rcnn-person", "--steps", "3"),
        ("mask-rcnn", "--start", "best.npz"),
    ],
)
def test_each_network_has_options_of_its_own(capfd, network, option, value):
    with pytest.raises(SystemExit) as exit_info:
        run.main(["train", network, "--data", "nowhere", option, value])
    assert exit_info.value.code == 2
    told = capfd.readouterr().err
    assert told.startswith(f"usage: run.py train {network} [-h] --data ")
    assert told.endswith(f"error: unrecognized arguments: {option} {value}\n")


@pytest.mark.parametrize("size", ["0", "100", "-64", "64.0"])
def test_sizes_that_no_mask_rcnn_has(capfd, size):
    with pytest.raises(SystemExit) as exit_info:
        run.main(["train", "mask-rcnn", "--data", "nowhere", "--size", size])
    assert exit_info.value.code == 2
    assert f"argument --size: a multiple of 64 such as 512, got '{size}'" in capfd.readouterr().err


def test_background_that_is_not_there(capfd, photo, tmp_path):
    line = failing(capfd, 1, photo, "-o", "null:", "--effect", f"replace={tmp_path / 'x.jpg'}")
    assert "x.jpg: no such file" in line


def test_photos_have_no_pace(capfd, photo):
    assert "--fps" in failing(capfd, 1, photo, "-o", "null:", "--realtime")


def test_unexpected_error_is_one_line_and_shown_with_debug(capfd, photo, monkeypatch):
    def broken(name: str, options: object, **more: object) -> None:
        raise RuntimeError("odd\nthing")

    monkeypatch.setattr("segmentation.loading.load", broken)
    line = failing(capfd, 1, photo, "-o", "null:")
    assert line == "error: odd thing (RuntimeError; add --debug to see where)"
    with pytest.raises(RuntimeError):
        run.main([str(photo), "-o", "null:", "--debug"])


def test_missing_system_library_names_the_remedy(capfd, photo, monkeypatch):
    def broken(name: str, options: object, **more: object) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr("segmentation.loading.load", broken)
    assert "apt-get install libgl1" in failing(capfd, 1, photo, "-o", "null:")


@pytest.mark.parametrize(
    ("module", "extra"), [("cv2", ""), ("keras.ops", "mask-rcnn"), ("skimage", "demo")]
)
def test_missing_module_names_the_remedy(capfd, photo, monkeypatch, module, extra):
    def missing(name: str, options: object, **more: object) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("segmentation.loading.load", missing)
    line = failing(capfd, 1, photo, "-o", "null:")
    assert line == f"error: the module {module} is not installed; {install_extra(extra)}"


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full"])
def test_nobody_reading_what_is_said_stops_no_work(photo, tmp_path, closed, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # what waits is written at the end
    out = tmp_path / "out.png"
    command = f'"{sys.executable}" "{ROOT}/run.py" "{photo}" -o "{out}" {closed}'
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0
    assert read_photo(out).shape == (480, 640, 3)


def test_results_may_be_read_in_part():
    command = f'"{sys.executable}" -u "{ROOT}/run.py" models | true'
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    assert done.stderr == ""


def test_command_runs_from_any_folder(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "run", "--version"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"maskcast {VERSION}\n"
