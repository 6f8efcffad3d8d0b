"""The control page in a real Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("cryptography", reason="the extra serve")
pytest.importorskip("playwright", reason="drives the browser")

from stream.control.server import ControlServer
from stream.frame import Output
from stream.live.actions import REMOTE
from tests.stand_ins.devices.fake_microphone import heard
from tests.stand_ins.fakes import discs, output_of
from tests.users.browsing import chromium
from tests.users.controlling import SETTINGS, Controlled, controlled, guarded

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


class Page:
    """Somebody at the page of a run."""

    def __init__(self, browser: Any, here: Controlled, path: str = "/", **context: Any) -> None:
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, **context}
        )
        self.page, self.here = self.context.new_page(), here
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on(
            "console", lambda said: self.wrong.append(said.text) if said.type == "error" else None
        )
        self.page.goto(here.address + path)
        self.until(lambda: self.page.locator("#status.live").count() == 1)

    def until(self, is_so: Callable[[], bool], wait_s: float = 60.0) -> None:
        end = time.monotonic() + wait_s
        while not is_so():
            assert time.monotonic() < end, (self.wrong, self.page.inner_text("body"))
            self.page.wait_for_timeout(50)

    def becomes(self, name: str, value: object) -> None:
        self.until(lambda: self.here.control.values()[name] == value)

    def press(self, name: str) -> None:
        self.page.click(f"button[data-name={name}]")


@pytest.fixture
def at(browser: Any, here: Controlled) -> Iterator[Page]:
    here.preview.write(with_objects())
    one = Page(browser, here)
    yield one
    one.context.close()
    assert one.wrong == []


def with_objects() -> Output:
    """Three discs, ids 5, 6 and 7, in the left, the middle and the right of 640x480."""
    found = discs((120, 160), 3, tracked=True)
    image = np.full((480, 640, 3), (200, 60, 20), np.uint8)
    return output_of(image, 0, 0.0, alpha=found.union(), instances=found, found=found)


def test_all_controls_are_there_with_a_name(at: Page) -> None:
    named = {action.name: action.title for action in REMOTE if action.kind in ("switch", "trigger")}
    buttons = at.page.locator("button[data-name]")
    assert {each.get_attribute("data-name") for each in buttons.all()} == set(named)
    for name, title in named.items():
        assert at.page.locator(f"button[data-name={name}]").inner_text() == title
    nameless = at.page.evaluate(
        """() => [...document.querySelectorAll('button, input, [role=radiogroup]')].filter(e =>
             !(e.ariaLabel || e.getAttribute('aria-label') || e.innerText || e.labels?.length))
             .map(e => e.outerHTML)"""
    )
    assert nameless == []
    assert at.page.is_disabled("button[data-name=camera]")
    assert at.page.is_disabled("button[data-name=front]")


def test_mouse_and_keyboard_change_the_run(at: Page) -> None:
    page = at.page
    page.click(".choice:has([value=grey])")
    at.becomes("effect", "grey")
    page.click(".choice:has([value='#e9c46a'])")
    at.becomes("background", "#e9c46a")
    at.becomes("effect", "replace")
    at.press("invert")
    at.press("invert")
    at.press("invert")
    at.becomes("invert", True)
    page.wait_for_selector("button[data-name=invert][aria-pressed=true]")
    at.until(lambda: page.is_checked("[name=effect][value=replace]"))
    page.focus("[name=effect][value=replace]")
    page.keyboard.press("ArrowLeft")  # to grey
    at.becomes("effect", "grey")
    page.keyboard.press("ArrowLeft")
    at.becomes("effect", "blur")
    page.wait_for_selector("#c-strength")  # which is seen only where it means something
    page.focus("#c-strength")
    page.keyboard.press("End")
    at.becomes("strength", 1.0)
    page.focus("button[data-name=light]")
    page.keyboard.press("Space")
    at.becomes("light", True)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_what_others_change_is_seen(at: Page) -> None:
    at.here.live.press("i", "2")  # at the window, if it were the same run
    at.here.control.ask("invert", True)
    at.here.control.ask("effect", "grey")
    at.page.wait_for_selector("button[data-name=invert][aria-pressed=true]")
    at.until(lambda: at.page.is_checked("[name=effect][value=grey]"))
    assert at.page.is_hidden("#c-strength")
    at.until(lambda: at.page.inner_text("#told") == "grey")


def test_a_click_in_the_picture_drops_an_object(at: Page) -> None:
    page = at.page
    page.wait_for_selector("#picture:not([hidden])")
    at.until(lambda: page.evaluate("document.getElementById('picture').naturalWidth") == 640)
    box = page.locator("#frame").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.97, box["y"] + box["height"] / 2)
    at.until(lambda: dropped(at) == {7})
    at.until(lambda: page.inner_text("#told") == "#7 cat: dropped")
    page.focus("#aim")
    page.keyboard.press("Enter")  # where the mark is: there
    at.until(lambda: dropped(at) == set())
    for _ in range(9):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    at.until(lambda: bool(dropped(at)))
    assert 7 not in dropped(at)
    at.press("mirror")
    at.becomes("mirror", True)


def dropped(at: Page) -> set[int]:
    choose = at.here.live.pipeline.look.choose
    return set(choose.dropped) if choose is not None else set()


def test_a_photo_that_is_dropped_is_the_background(at: Page, tmp_path: Path) -> None:
    page = at.page
    cv2.imwrite(str(tmp_path / "beach.png"), np.full((60, 80, 3), (220, 200, 30), np.uint8))
    data = list((tmp_path / "beach.png").read_bytes())
    page.evaluate(
        """bytes => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], 'beach.png', {type: 'image/png'}));
          for (const kind of ['dragenter', 'dragover', 'drop'])
            document.body.dispatchEvent(
              new DragEvent(kind, {dataTransfer: transfer, bubbles: true}));
        }""",
        data,
    )
    at.becomes("background", "beach.png")
    at.becomes("effect", "replace")
    at.until(lambda: page.is_checked("[name=background][value='beach.png']"))
    assert np.abs(at.here.live.output().image[2, 60].astype(int) - (30, 200, 220)).max() < 8
    (tmp_path / "note.txt").write_text("no photo")
    page.set_input_files("#photo", tmp_path / "note.txt")
    page.wait_for_selector("#notice:not([hidden])")
    assert "must be a photo" in page.inner_text("#notice")
    at.wrong.clear()  # the browser reports the refusal, 415


def test_recordings_begin_and_end_and_so_does_the_run(at: Page, tmp_path: Path) -> None:
    at.press("record")
    at.becomes("record", True)
    at.here.live.recorder.write(at.here.live.output())
    at.press("record")
    at.becomes("record", False)
    at.until(lambda: len(list(tmp_path.glob("maskcast-*.mp4"))) == 1)
    at.press("quit")
    at.until(lambda: at.page.inner_text("button[data-name=quit]") == "Press again to end")
    assert not at.here.live.stop.is_set()
    at.press("quit")
    at.until(at.here.live.stop.is_set)


def test_a_connection_that_stands_still_is_told_and_goes_on(at: Page) -> None:
    loop = at.here.server._loop
    loop.call_soon_threadsafe(time.sleep, 4)  # nothing is answered meanwhile
    at.until(lambda: at.page.inner_text("#status") == "The connection stands still")
    assert at.page.locator("#frame.still").count() == 1
    at.until(lambda: at.page.inner_text("#status") == "Live")
    assert at.page.locator("#frame.still").count() == 0
    at.press("invert")
    at.becomes("invert", True)


def test_a_page_that_nobody_sees_lets_the_camera_rest(at: Page) -> None:
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    assert at.here.preview.num_viewers == 1
    at.page.evaluate(hide, True)
    at.until(lambda: at.here.preview.num_viewers == 0)
    at.page.evaluate(hide, False)
    at.until(lambda: at.here.preview.num_viewers == 1)
    at.until(lambda: at.page.inner_text("#status") == "Live")


def test_it_comes_back_by_itself(browser: Any, here: Controlled, desk: Callable[..., Any]) -> None:
    with controlled(desk("grey", microphone=heard(0.1))) as first:
        at = Page(browser, first)
        port = first.server.settings.port
        at.until(lambda: at.page.inner_text("#n-microphone") == "microphone lost: silence")
    at.until(lambda: at.page.inner_text("#status") in ("The run has ended", "Trying again"))
    at.press("record")
    at.until(lambda: "Not done" in at.page.inner_text("#notice"))
    assert at.page.get_attribute("button[data-name=record]", "aria-pressed") == "false"
    told: list[str] = []
    with ControlServer(
        type(SETTINGS)(port=port, for_programs=True, limits=SETTINGS.limits), "0", None, told.append
    ) as server:
        Controlled(desk("mask"), server, told)
        at.until(lambda: at.page.inner_text("#status") == "Live")
        at.until(lambda: at.page.is_checked("[name=effect][value=mask]"))
        assert at.page.is_hidden("#n-microphone"), "this one has none"
        at.context.close()


def test_with_a_token_the_address_lets_in_and_hides_it(
    browser: Any, desk: Callable[..., Any]
) -> None:
    with controlled(desk(), guarded(TOKEN)) as here:
        at = Page(browser, here, f"/?token={TOKEN}")
        assert at.page.evaluate("location.search") == ""
        at.press("invert")
        at.becomes("invert", True)
        at.context.close()
        assert at.wrong == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (844, 390)])
def test_it_fits_the_screen(browser: Any, here: Controlled, width: int, height: int) -> None:
    here.preview.write(with_objects())
    at = Page(browser, here, viewport={"width": width, "height": height}, has_touch=width < 1000)
    at.page.wait_for_selector("#picture:not([hidden])")
    sizes = at.page.evaluate(
        """() => ({
          over: document.documentElement.scrollWidth - innerWidth,
          small: [...document.querySelectorAll('button, .choice, #drop')]
            .filter(e => e.offsetParent && Math.min(e.offsetWidth, e.offsetHeight) < 36)
            .map(e => e.outerHTML),
          picture: document.getElementById('frame').getBoundingClientRect().toJSON(),
        })"""
    )
    assert sizes["over"] <= 0
    assert sizes["small"] == []
    assert sizes["picture"]["width"] >= min(width, height) * 0.5
    assert sizes["picture"]["bottom"] <= height
    at.context.close()
    assert at.wrong == []
