"""OpenCV's own code, and all of the program's, over a driver that is a stand-in."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.folders import ROOT

SOURCE = ROOT / "tests/stand_ins/devices/v4l2_driver.c"
HEADER = Path("/usr/include/linux/videodev2.h")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None or not HEADER.exists(),
    reason="the driver is compiled, from the headers of Linux",
)

#: Runs a program whose devices lie in the folder that is its first argument.
BEGIN = """
import sys
from pathlib import Path
from stream.cameras import devices
devices.ROOT = Path(sys.argv.pop(1))
"""
COMMAND = BEGIN + "import run; sys.exit(run.main(sys.argv[1:]))"
BY_FFMPEG = """
import json
from fractions import Fraction
import av
from stream.cameras.modes import closest_size
from stream.ffmpeg.video4linux import capture_options
path, name = Path(sys.argv[1]), sys.argv[2]
size_wh = closest_size(path, name, tuple(json.loads(sys.argv[3])))
arguments = capture_options(path, name, size_wh, Fraction(30))
given = dict(zip((key.removeprefix("-") for key in arguments[::2]), arguments[1::2]))
input_format, address = given.pop("f"), given.pop("i")
with av.open(address, format=input_format, options=given) as container:
    stream = container.streams.video[0]
    frames = [frame for frame, _ in zip(container.decode(stream), range(3))]
    codec, rate = stream.codec_context.name, float(stream.average_rate)
print(json.dumps([codec, rate, [[frame.width, frame.height] for frame in frames]]))
"""
READ = """
import itertools, json
from stream.cameras.modes import Wanted
from stream.sources import open_source
told = []
size_wh, *more = json.loads(sys.argv[2]) or [None]
wanted = Wanted(size_wh and tuple(size_wh), *more)
with open_source(sys.argv[1], on_message=told.append, camera=wanted) as source:
    images = [frame.image for frame in itertools.islice(source, 3)]
print(json.dumps([told, images[0].shape, [image.mean(axis=(0, 1)).tolist() for image in images]]))
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("driver") / "driver.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", path, SOURCE, "-ldl"], check=True)
    return path


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A folder of devices: one of many modes, a slow one, one that does without MJPG."""
    folder = tmp_path / "dev"
    folder.mkdir()
    picture = np.full((96, 128, 3), (200, 90, 30), np.uint8)
    cv2.imwrite(str(folder / "picture.jpg"), picture)
    (folder / "video0").write_text(
        "v4l2 HD Pro Webcam C920\nYUYV 128 96 5 5\nYUYV 64 48 30 30\nMJPG 128 96 30 20\n"
    )
    (folder / "video2").write_text("v4l2 Old Cam\nYUYV 128 96 30 4\nYUYV 64 48 30 30\n")
    return tmp_path


def run(driver: Path, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "LD_PRELOAD": str(driver), "OPENCV_LOG_LEVEL": "FATAL"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def read(driver: Path, devices: Path, address: str, *wanted: object) -> list[list[object]]:
    done = run(driver, BEGIN + READ, devices, address, json.dumps(wanted))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_mjpg_of_the_largest_size_is_set_unasked(driver: Path, devices: Path) -> None:
    told, shape, means = read(driver, devices, "camera:c920")
    assert told == [f"camera c920 ({devices}/dev/video0): 128x96, 30 frames/s, MJPG"]
    assert shape == [96, 128, 3]
    assert np.abs(np.array(means) - (30, 90, 200)).max() < 3


def test_size_and_format_that_are_asked_for_are_set(driver: Path, devices: Path) -> None:
    told, shape, means = read(driver, devices, "0", (64, 48), None, "YUYV")
    assert told == ["camera 0: 64x48, 30 frames/s, YUYV"]
    assert shape == [48, 64, 3]
    assert len({tuple(mean) for mean in means}) == 3  # type: ignore[arg-type]


def test_what_is_given_instead_is_told(driver: Path, devices: Path) -> None:
    told, shape, _ = read(driver, devices, f"{devices}/dev/video2", (640, 480), 60, "MJPG")
    assert shape == [96, 128, 3]
    assert told == [
        f"camera {devices}/dev/video2: 128x96, 30 frames/s, YUYV; not 640x480, 60 frames/s, MJPG "
        "as asked for, run.py cameras lists what it offers"
    ]


@pytest.mark.parametrize(
    ("name", "size_wh", "found"),
    [
        ("MJPG", (1280, 720), ["mjpeg", 30, [[128, 96]] * 3]),
        ("YUYV", (80, 60), ["rawvideo", 30, [[64, 48]] * 3]),
        ("YUYV", (1920, 1080), ["rawvideo", 5, [[128, 96]] * 3]),
    ],
)
def test_ffmpeg_opens_it_by_the_same_arguments(
    driver: Path, devices: Path, name: str, size_wh: tuple[int, int], found: list[object]
) -> None:
    """In its libraries as PyAV has them: into the program of its own nothing can be loaded."""
    pytest.importorskip("av")
    path = devices / "dev/video0"
    done = run(driver, BEGIN + BY_FFMPEG, devices, path, name, json.dumps(size_wh))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == found


def test_the_list_has_what_each_offers_and_gives(driver: Path, devices: Path) -> None:
    done = run(driver, COMMAND, devices, "cameras")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        f"camera:0  HD Pro Webcam C920  {devices}/dev/video0",
        "  offers   YUYV 128x96 (5), 64x48 (30)",
        "           MJPG 128x96 (30)",
    ]
    assert lines[3].startswith("  gives    128x96, 30 frames/s, MJPG; measured: ")
    place = lines.index(f"camera:2  Old Cam  {devices}/dev/video2")
    assert lines[place + 1] == "  offers   YUYV 128x96 (30), 64x48 (30)"
    given = re.fullmatch(
        r"  gives    128x96, 30 frames/s, YUYV; measured: ([\d.]+) frames/s", lines[place + 2]
    )
    assert given is not None
    assert 0 < float(given[1]) < 4.5
    assert "more light may help" in lines[place + 3]
