"""The page in a real Chromium, whose camera shows the demo's portrait."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")
pytest.importorskip("playwright", reason="drives the browser")
pytest.importorskip("skimage", reason="carries the portrait")

from segmentation.loading import load
from segmentation.segmenter import Segmenter
from stream.ffmpeg.process import executable
from stream.sources.demo import FPS, HEIGHT, WIDTH, Demo
from tests.users.browsing import GREEN, ROOM_AREA, Visit, chromium, share_of
from tests.users.serving import Served

NUM_FRAMES = 90
NOTHING = "\N{EN DASH}"  # where a number is not known
PERSON_AREA = (slice(120, 230), slice(260, 360))  # where the person always is: rows, columns


@pytest.fixture(scope="module")
def clip() -> NDArray[np.uint8]:
    """The first frames of the demo with a chequered picture on the wall, (N, 480, 640, 3) RGB."""
    with Demo() as demo:
        frames = np.stack([frame.image for frame in itertools.islice(demo, NUM_FRAMES)])
    is_dark = (np.indices((120, 90)) // 6).sum(axis=0)[..., None] % 2 == 1
    frames[:, 40:160, 510:600] = np.where(is_dark, (90, 110, 150), (190, 150, 110))
    return frames


@pytest.fixture(scope="module")
def camera(clip: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as Chromium reads it."""
    path = tmp_path_factory.mktemp("camera") / "clip.y4m"
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS)]
    command = [executable(), "-v", "error", *given, "-i", "-", "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, input=clip.tobytes(), check=True)
    return path


@pytest.fixture(scope="module")
def browser(camera: Path) -> Iterator[Any]:
    """Chromium whose camera shows the clip, again and again."""
    with chromium(
        "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def finds() -> Segmenter:
    """The portrait network, for the page of every test."""
    return load("portrait")


@pytest.fixture
def visit(browser: Any, here: Served) -> Iterator[Visit]:
    one = Visit(browser, here)
    yield one
    one.context.close()
    assert one.wrong == []


def nearest(image: NDArray[np.uint8], clip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame of the clip that a masked one was made from, by where the person always is."""
    area = clip[:, 60:400, 250:340].astype(np.int16)
    differences = np.abs(area - image[60:400, 250:340].astype(np.int16)).mean(axis=(1, 2, 3))
    return clip[int(differences.argmin())]


def test_the_person_is_kept_and_the_background_changed(
    visit: Visit, clip: NDArray[np.uint8]
) -> None:
    visit.start()
    visit.replace()
    visit.page.wait_for_timeout(2000)  # until the browser trusts the connection with its bit rate
    segmenter = load("portrait", detail="live")
    for _ in range(3):
        image = visit.grab()
        assert image.shape == (480, 640, 3)
        frame = nearest(image, clip)
        difference = np.abs(image.astype(int) - frame).max(axis=2)
        (found,) = segmenter.segment(frame[None])
        mask = cv2.resize(found.union(), (640, 480))
        inside = cv2.erode(mask, np.ones((25, 25), np.uint8)) > 240
        outside = cv2.dilate(mask, np.ones((25, 25), np.uint8)) < 15
        assert inside.mean() > 0.05
        assert outside.mean() > 0.25
        assert np.median(difference[inside]) < 12
        assert (difference[inside] < 40).mean() > 0.9
        assert share_of(image[outside][None], GREEN) > 0.97
        assert np.median(difference[PERSON_AREA]) < 12
        assert share_of(image[ROOM_AREA], GREEN) > 0.97
        visit.page.wait_for_timeout(300)
    visit.page.click("#compare")
    visit.until(lambda: bool(visit.grab("before").any()))
    before = visit.grab("before")  # which is the clip itself
    assert np.abs(before.astype(int) - nearest(before, clip)).mean() < 10


def test_the_camera_waits_for_the_settings(visit: Visit) -> None:
    held: list[Any] = []
    visit.page.route("**/settings", lambda route: held.append(route))
    visit.page.reload()
    visit.until(lambda: bool(held))
    assert visit.page.is_disabled("#start")
    held[0].continue_()
    visit.start()


def test_numbers_are_shown(visit: Visit) -> None:
    visit.start()
    page = visit.page

    def numbers() -> list[float]:
        texts = page.evaluate(
            "['fps', 'latency', 'trip'].map(name => document.getElementById(`n-${name}`).innerText)"
        )
        return [float(text) for text in texts] if NOTHING not in texts else [0, 0, 0]

    visit.until(lambda: numbers()[0] > 3)
    # the two arrive one after the other, so that for a moment they are not of one second
    visit.until(lambda: 0 < numbers()[1] < numbers()[2] < 5_000)
    visit.until(lambda: 45 < float(page.inner_text("#n-kept")) < 65)
    assert page.inner_text("#n-size") == "640 \N{MULTIPLICATION SIGN} 480"
    assert page.inner_text("#device").startswith("CPU")
    assert page.is_disabled("#model")  # there is one only


def test_before_and_after_side_by_side(visit: Visit) -> None:
    visit.start()
    visit.replace()
    page = visit.page
    page.click("#mirror")  # off: as the clip is
    page.click("#compare")

    def halves() -> tuple[float, float]:
        box = page.locator("#frame").bounding_box()
        data = page.screenshot(clip=box)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        height, width = image.shape[:2]
        top = image[height // 8 : height // 4]
        room = top[:, width // 20 : width // 5], top[:, width * 4 // 5 : -width // 20]
        return share_of(room[0], GREEN), share_of(room[1], GREEN)

    visit.until(lambda: halves()[0] < 0.5 and halves()[1] > 0.95)
    page.focus("#split")
    page.keyboard.press("Home")
    visit.until(lambda: halves()[0] > 0.95)
    box = page.locator("#frame").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.97, middle, steps=5)
    page.mouse.up()
    visit.until(lambda: halves()[1] < 0.1)
    assert 90 < float(page.input_value("#split")) < 100


def test_a_photo_of_ones_own(visit: Visit, tmp_path: Path) -> None:
    photo = np.full((600, 800, 3), (30, 200, 220), np.uint8)
    cv2.imwrite(str(tmp_path / "beach.png"), photo[..., ::-1])
    (tmp_path / "drawing.svg").write_text("<svg><script>alert(1)</script></svg>")
    visit.start()
    visit.replace()
    page = visit.page
    page.set_input_files("#photo", tmp_path / "drawing.svg")
    page.wait_for_selector("#notice:not([hidden])")
    assert "must be a photo: PNG, JPEG or WebP" in page.inner_text("#notice")
    visit.wrong.clear()  # the browser reports the refusal, 415
    page.set_input_files("#photo", tmp_path / "beach.png")
    visit.until(lambda: share_of(visit.grab()[ROOM_AREA], (30, 200, 220)) > 0.95)
    assert page.is_checked("input[name=background][value=uploaded]")
    assert page.is_hidden("#notice")
    page.check("input[name=background][value='#1d1f24']", force=True)
    visit.until(lambda: share_of(visit.grab()[ROOM_AREA], (29, 31, 36)) > 0.95)


def test_effects_and_strength(visit: Visit, clip: NDArray[np.uint8]) -> None:
    visit.start()
    page = visit.page

    def sharpness() -> float:
        return float(cv2.Laplacian(np.ascontiguousarray(visit.grab()[ROOM_AREA]), cv2.CV_32F).std())

    page.evaluate("const s = document.getElementById('strength'); s.value = 100;"
                  "s.dispatchEvent(new Event('input'))")  # fmt: skip
    page.wait_for_timeout(1500)
    blurred = sharpness()
    page.check("input[name=effect][value=none]", force=True)
    visit.until(lambda: sharpness() > 2 * blurred)
    page.check("input[name=effect][value=grey]", force=True)
    visit.until(lambda: float(np.ptp(visit.grab()[ROOM_AREA], axis=2).mean()) < 6)
    assert float(np.ptp(visit.grab()[PERSON_AREA], axis=2).mean()) > 10
    assert page.is_hidden("#strength-field")


def test_two_pages_at_once(browser: Any, here: Served) -> None:
    one, two = Visit(browser, here), Visit(browser, here)
    one.start()
    two.start()
    assert len(here.server.visitors) == 2
    one.replace()
    assert share_of(two.grab()[ROOM_AREA], GREEN) < 0.4
    two.page.close(run_before_unload=True)  # as a person closes it
    one.until(lambda: len(here.server.visitors) == 1)
    num = one.page.evaluate("document.getElementById('after').currentTime")
    one.until(lambda: one.page.evaluate("document.getElementById('after').currentTime") > num + 0.5)
    one.page.click("#stop")
    one.until(lambda: not here.server.visitors)
    assert one.page.is_enabled("#start")
    one.start()  # and in again
    one.context.close()
    assert one.wrong == two.wrong == []


def test_the_end_of_the_server_is_told(browser: Any, here: Served) -> None:
    visit = Visit(browser, here).start()
    here.call(here.server.close())
    page = visit.page
    visit.until(lambda: "The server was stopped. Trying again in" in page.inner_text("#notice"))
    visit.until(lambda: "The server does not answer. Trying again" in page.inner_text("#notice"))
    assert page.inner_text("#status") == "Trying again"
    page.click("#stop")
    assert page.inner_text("#status") == "Not connected"
    assert page.is_hidden("#notice")
    assert page.is_visible("#start")
    visit.context.close()


def test_nothing_comes_from_elsewhere(visit: Visit, here: Served) -> None:
    visit.start()
    origin = f"http://localhost:{here.server.settings.port}/"
    assert len(visit.asked) > 4
    assert all(address.startswith(origin) for address in visit.asked)


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (360, 640),
        pytest.param(390, 844, marks=pytest.mark.long),
        pytest.param(844, 390, marks=pytest.mark.long),
        pytest.param(768, 1024, marks=pytest.mark.long),
        (1280, 800),
    ],
)
def test_it_fits_the_screen(
    browser: Any, here: Served, tmp_path: Path, width: int, height: int
) -> None:
    (tmp_path / "note.txt").write_text("no photo")
    visit = Visit(
        browser, here, viewport={"width": width, "height": height}, has_touch=width < 1000
    ).start()
    visit.replace()
    visit.page.click("#compare")
    visit.page.set_input_files("#photo", tmp_path / "note.txt")
    visit.page.wait_for_selector("#notice:not([hidden])")
    visit.wrong.clear()  # the browser reports the refusal, 415
    sizes = visit.page.evaluate(
        """() => ({
          over: document.documentElement.scrollWidth - innerWidth,
          small: [...document.querySelectorAll('button, select:enabled, .choice, .swatch, #drop')]
            .filter(e => e.offsetParent && Math.min(e.offsetWidth, e.offsetHeight) < 36)
            .map(e => e.outerHTML),
          outside: [...document.querySelectorAll('#controls :is(.choice, .swatch, select, #drop)')]
            .filter(e => e.getBoundingClientRect().right >
                         e.closest('fieldset').getBoundingClientRect().right - 8)
            .map(e => e.outerHTML),
          picture: document.getElementById('frame').getBoundingClientRect().toJSON(),
          bar: document.getElementById('bar').getBoundingClientRect().bottom,
          lines: [...document.querySelectorAll('#bar button')]
            .filter(e => e.offsetHeight > 50).map(e => e.outerHTML),
        })"""
    )
    assert sizes["over"] <= 0
    assert sizes["small"] == []
    assert sizes["outside"] == []
    assert sizes["picture"]["width"] >= min(width, height) * 0.5
    assert sizes["picture"]["right"] <= width
    assert sizes["bar"] <= height  # picture, notice and buttons are seen at once
    assert sizes["lines"] == []  # a button says what it does in one
    visit.context.close()
    assert visit.wrong == []
