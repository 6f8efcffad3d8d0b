"""docs/python.md and the pages of help: every line of code in them is run, as it is printed."""

from __future__ import annotations

import ast
import re
import signal
import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

import effects
import segmentation
import stream
from stream.sinks import open_sink
from stream.sinks.null import Null
from stream.sinks.photos import PhotoFile
from stream.sinks.video import VideoSink
from stream.sources import open_source
from stream.sources.demo import Demo
from tests.folders import ROOT
from tests.stand_ins.fakes import output_of

PAGE = (ROOT / "docs" / "python.md").read_text()
#: By heading and number of a block, what it prints, as a pattern, and the files it leaves.
DOES = {
    "A photo 1": ("", {"blue.png", "cut.png"}),
    "A photo 2": (r"([01]\.\d\d \[[\d. ]+\] \d+ pixels\n)+", set()),
    "A file 1": ("", {"out.mp4"}),
    "A camera 1": (r"\d+ frames, \d+ lost\n", set()),
    "Masks of each frame 1": (
        r"(0\.\d\d s, person \d: \d+%\n){12,}",
        {f"{index:06d}.npz" for index in range(12)},
    ),
    "Masks of each frame 2": ("", {"out.mp4"}),
    "Masks of each frame 3": ("", {"out.mp4"}),
    "An effect of your own 1": ("", {"negative.mp4"}),
    "A sink of your own 1": (r"somebody there in 12 frames\n", set()),
    "A source of your own 1": ("", {"frames.mp4"}),
    "When it fails 1": (r"missing\.mp4: no such file; .*\n", set()),
}


def blocks_of_page() -> dict[str, str]:
    """Return the blocks of Python by their headings and numbers."""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        blocks = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        heading = section.partition("\n")[0]
        found |= {f"{heading} {number}": block for number, block in enumerate(blocks, 1)}
    return found


def blocks_of_help(text: str) -> list[str]:
    """Return what is indented in a docstring and can be Python; tables cannot."""
    indented = re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE)
    blocks = [textwrap.dedent(block) for block in indented if block.strip()]
    return [block for block in blocks if _is_python(block)]


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


@pytest.fixture(scope="module")
def demo_images() -> list[np.ndarray]:
    pytest.importorskip("skimage")
    with Demo() as demo:
        return [frame.image for frame in islice(demo, 12)]


@pytest.fixture
def folder(
    tmp_path: Path, demo_images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder with a photo, a background and a film, before a camera and a screen."""
    photo, background = output_of(demo_images[0]), output_of(demo_images[0][::-1])
    for name, output in {"photo.jpg": photo, "beach.jpg": background}.items():
        with PhotoFile(tmp_path / name, stream.SinkOptions()) as sink:
            sink.write(output)
            sink.finish(cut_short=False)
    info = stream.OutputInfo(Demo().info)
    with VideoSink(tmp_path / "talk.mp4", info, stream.SinkOptions()) as film:
        for index, image in enumerate(demo_images):
            film.write(output_of(image, index, index / 30))
        film.finish(cut_short=False)

    def no_camera(address: str, **options: object) -> stream.Source:
        if address != "0":
            return open_source(address, **options)
        return open_source("talk.mp4", realtime=True)

    def no_screen(address: str, *arguments: object) -> stream.Sink:
        is_device = address in ("window:", "virtualcam:")
        return Null() if is_device else open_sink(address, *arguments)

    monkeypatch.setattr("stream.opening.open_source", no_camera)
    monkeypatch.setattr("stream.opening.open_sink", no_screen)
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGINT)
    yield tmp_path
    signal.signal(signal.SIGINT, handler)


def test_all_blocks_are_known() -> None:
    assert list(blocks_of_page()) == list(DOES)


@pytest.mark.parametrize("name", DOES)
def test_blocks_do_what_the_page_says(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed, files = DOES[name]
    before = set(folder.iterdir())
    exec(compile(blocks_of_page()[name], name, "exec"), {"__name__": "__main__"})
    assert re.fullmatch(printed, capsys.readouterr().out)
    assert {path.name for path in set(folder.iterdir()) - before} == files


def test_pictures_are_as_the_page_says(folder: Path) -> None:
    exec(blocks_of_page()["A photo 1"], {})
    photo, blue, cut = (
        cv2.imread(name, cv2.IMREAD_UNCHANGED) for name in ("photo.jpg", "blue.png", "cut.png")
    )
    # what the network is nearly sure of is nearly 0 or 255
    np.testing.assert_allclose(blue[20, 560], [0x97, 0x6F, 0x2A], atol=3)  # BGR
    np.testing.assert_allclose(blue[200, 300].astype(int), photo[200, 300], atol=3)
    assert cut[20, 560].tolist() == [0] * 4
    assert cut[200, 300].tolist() == [*photo[200, 300], 255]


@pytest.mark.parametrize(("face", "num"), [(effects, 2), (segmentation, 1), (stream, 2)])
def test_help_shows_code_that_runs(face, num: int, folder: Path, demo_images) -> None:
    blocks = blocks_of_help(face.__doc__)
    assert len(blocks) == num
    names = {"image": demo_images[0], "mask": np.zeros((480, 640), bool)}
    for block in blocks:
        exec(compile(block, face.__name__, "exec"), names)


def test_help_of_effects_shows_what_comes_out(demo_images) -> None:
    names = {"image": demo_images[0], "mask": np.zeros((480, 640), bool)}
    first, second = blocks_of_help(effects.__doc__)
    exec(first, names)
    exec(second, names)
    assert names["shown"].shape == (480, 640, 3)
    assert names["cut"].shape == (480, 640, 4)
    inverted = effects.apply(names["Negative"](), names["image"], names["mask"])
    np.testing.assert_array_equal(inverted, 255 - names["image"])
