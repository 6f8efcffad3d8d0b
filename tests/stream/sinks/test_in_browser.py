"""Outputs as a browser plays them: their pictures, their lengths, what is clear in them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.picture import RgbPicture
from stream.frame import Frame, Output, OutputInfo, StreamInfo
from stream.sinks import open_sink
from stream.sinks.parts.options import SinkOptions
from tests.users.browsing import chromium

#: A secure address, as those of the page are; nothing listens there.
ADDRESS = "http://localhost:9/"
TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".mkv": "video/webm",
    ".webm": "video/webm",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".apng": "image/png",
}
SIZE_HW = (120, 160)
NUM_FRAMES, FPS = 30, 20
LENGTH_S = NUM_FRAMES / FPS

PLAY = """async ([address, at]) => {
  const video = document.createElement('video');
  const once = name => new Promise((done, failed) => {
    video.addEventListener(name, done, {once: true});
    video.addEventListener('error', () => failed(video.error.message), {once: true});
  });
  video.src = URL.createObjectURL(await (await fetch(address)).blob());
  await once('loadeddata');
  const seeked = once('seeked');
  video.currentTime = at;
  await seeked;
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext('2d');
  const pixel = (x, y) => [...context.getImageData(x, y, 1, 1).data];
  do {  // a busy browser has no picture yet
    await new Promise(done => setTimeout(done, 10));
    context.drawImage(video, 0, 0);
  } while (pixel(20, 60)[3] === 0);
  video.muted = true;
  video.currentTime = 0;
  const ended = once('ended');
  await video.play();
  await ended;
  return {duration: video.duration, size: [video.videoHeight, video.videoWidth],
          left: pixel(20, 60), right: pixel(140, 60)};
}"""

DECODE = """async ([address, type, number]) => {
  const decoder = new ImageDecoder({type, data: await (await fetch(address)).arrayBuffer()});
  await decoder.tracks.ready;
  const track = decoder.tracks.selectedTrack;
  let duration = 0, shown = null;
  for (let index = 0; index < track.frameCount; index++) {
    const {image} = await decoder.decode({frameIndex: index});
    duration += image.duration / 1e6;
    if (index === number) shown = image; else image.close();
  }
  const canvas = document.createElement('canvas');
  canvas.width = shown.displayWidth; canvas.height = shown.displayHeight;
  const context = canvas.getContext('2d');
  context.drawImage(shown, 0, 0);
  const pixel = (x, y) => [...context.getImageData(x, y, 1, 1).data];
  return {duration, count: track.frameCount, again: track.repetitionCount === Infinity,
          size: [canvas.height, canvas.width], left: pixel(20, 60), right: pixel(140, 60)};
}"""

BLUE, ORANGE = (30, 60, 200), (230, 120, 20)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page that is given the files of a folder, `page.folder`."""
    with chromium() as browser:
        page = browser.new_page()
        page.folder = tmp_path_factory.mktemp("films")

        def answer(route: Any) -> None:
            path = page.folder / route.request.url.rpartition("/")[2]
            if path.suffix not in TYPES:
                return route.fulfill(body="<!doctype html>", content_type="text/html")
            return route.fulfill(body=path.read_bytes(), content_type=TYPES[path.suffix])

        page.route(f"{ADDRESS}**", answer)
        page.goto(ADDRESS)
        yield page


def write(path: Path, *, has_alpha: bool = False, **options: Any) -> None:
    """Blue on the left, from the middle of time on orange; the right half black, or clear."""
    info = StreamInfo(SIZE_HW[1] + 1, SIZE_HW[0] + 1, Fraction(FPS))
    with open_sink(path, OutputInfo(info, has_alpha), SinkOptions(**options)) as sink:
        for index in range(NUM_FRAMES):
            image = np.zeros((SIZE_HW[0] + 1, SIZE_HW[1] + 1, 4), np.uint8)
            image[:, :80, :3] = BLUE if index < NUM_FRAMES // 2 else ORANGE
            image[:, :80, 3] = 255
            picture = RgbPicture(image if has_alpha else image[..., :3].copy())
            sink.write(Output(Frame(picture, index, index / FPS), picture, None, None))
        sink.finish(cut_short=False)


def assert_near(pixel: list[int], colour: tuple[int, ...]) -> None:
    assert np.abs(np.subtract(pixel[:3], colour[:3])).max() <= 6, (pixel, colour)


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov", ".mkv", ".webm"])
def test_videos_play(page: Any, ending: str) -> None:
    write(page.folder / f"film{ending}")
    played = page.evaluate(PLAY, [f"{ADDRESS}film{ending}", 1.2])
    assert abs(played["duration"] - LENGTH_S) < 0.03
    odd = 1 if ending == ".webm" else 0  # H.264 has even sides
    assert played["size"] == [SIZE_HW[0] + odd, SIZE_HW[1] + odd]
    assert_near(played["left"], ORANGE)
    assert_near(played["right"], (0, 0, 0))


@pytest.mark.parametrize("codec", ["av1", "vp9"])
def test_other_codecs_play_in_mp4(page: Any, codec: str) -> None:
    write(page.folder / f"{codec}.mp4", codec=codec)
    played = page.evaluate(PLAY, [f"{ADDRESS}{codec}.mp4", 0.2])
    assert abs(played["duration"] - LENGTH_S) < 0.03
    assert_near(played["left"], BLUE)


def test_transparent_webm_plays(page: Any) -> None:
    write(page.folder / "clear.webm", has_alpha=True)
    played = page.evaluate(PLAY, [f"{ADDRESS}clear.webm", 1.2])
    assert played["right"][3] == 0
    assert played["left"][3] == 255
    assert_near(played["left"], ORANGE)


@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("ending", [".gif", ".webp", ".apng"])
def test_animations_play(page: Any, ending: str, has_alpha: bool) -> None:
    name = f"{'clear' if has_alpha else 'film'}{ending}"
    write(page.folder / name, has_alpha=has_alpha)
    for number, colour in ((3, BLUE), (25, ORANGE)):
        shown = page.evaluate(DECODE, [f"{ADDRESS}{name}", TYPES[ending], number])
        assert shown["count"] == NUM_FRAMES
        assert shown["again"]
        assert abs(shown["duration"] - LENGTH_S) < 0.001
        assert shown["size"] == [SIZE_HW[0] + 1, SIZE_HW[1] + 1]
        assert_near(shown["left"], colour)
        assert shown["left"][3] == 255
        assert shown["right"][3] == (0 if has_alpha else 255)
