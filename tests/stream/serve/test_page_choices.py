"""What the page remembers, saves, and shows large; with keys only, and in high contrast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")
pytest.importorskip("playwright", reason="drives the browser")

from tests.users.browsing import Visit, chromium
from tests.users.serving import Served, png

CHOSEN = """() => ({
  effect: document.querySelector('input[name=effect]:checked').value,
  background: document.querySelector('input[name=background]:checked').value,
  strength: document.getElementById('strength').value,
  mirror: document.getElementById('mirror').getAttribute('aria-pressed'),
  compare: document.getElementById('compare').getAttribute('aria-pressed'),
  split: document.getElementById('split').value,
})"""
FOCUSED = """() => {
  const one = document.activeElement;
  const lines = [one, one.parentElement, document.querySelector('#divider i')]
    .map(element => getComputedStyle(element).outlineStyle);
  return { id: one.id || one.value || one.tagName, seen: lines.some(line => line !== 'none') };
}"""
COLOURS = """selector => {
  const style = getComputedStyle(document.querySelector(selector));
  return [style.backgroundColor, style.color];
}"""


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium("--use-fake-device-for-media-stream") as running:
        yield running


@pytest.fixture
def visit(browser: Any, here: Served) -> Iterator[Visit]:
    one = Visit(browser, here, accept_downloads=True)
    one.page.wait_for_selector("#start:enabled")
    yield one
    one.context.close()
    assert one.wrong == []


def slide(visit: Visit, id: str, value: int) -> None:
    visit.page.evaluate(
        "([id, value]) => { const slider = document.getElementById(id); slider.value = value;"
        "slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        [id, value],
    )


def test_choices_are_there_after_a_reload(visit: Visit, here: Served) -> None:
    page = visit.page
    slide(visit, "strength", 85)
    page.check("input[name=effect][value=replace]", force=True)
    page.check("input[name=background][value='#f4f4f2']", force=True)
    page.click("#mirror")
    page.click("#compare")
    slide(visit, "split", 30)
    before = page.evaluate(CHOSEN)
    assert before == {
        "effect": "replace",
        "background": "#f4f4f2",
        "strength": "85",
        "mirror": "false",
        "compare": "true",
        "split": "30",
    }
    page.reload()
    page.wait_for_selector("#start:enabled")
    visit.start()
    assert page.evaluate(CHOSEN) == before
    other = visit.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("#start:enabled")
    assert other.evaluate(CHOSEN)["effect"] == "replace"


def test_a_photo_is_there_after_a_reload_and_not_for_others(visit: Visit, here: Served) -> None:
    page = visit.page
    photo = png(np.full((60, 80, 3), (30, 200, 220), np.uint8))
    visit.start()
    page.check("input[name=effect][value=replace]", force=True)
    page.set_input_files("#photo", {"name": "a.png", "mimeType": "image/png", "buffer": photo})
    visit.until(lambda: page.is_checked("input[name=background][value=uploaded]"))
    page.reload()
    page.wait_for_selector("#start:enabled")
    assert page.is_checked("input[name=background][value=uploaded]")
    assert page.inner_text("#photo-name") == "a.png"
    visit.until(lambda: not here.server.visitors)
    visit.start()

    def background() -> Any:
        (visitor,) = here.server.visitors.values()
        return visitor.masking.background

    visit.until(lambda: background() is not None)
    assert background().shape == (60, 80, 3)
    other = visit.context.new_page()  # another tab
    other.goto(page.url)
    other.wait_for_selector("#start:enabled")
    assert other.locator("input[value=uploaded]").count() == 0
    assert other.evaluate(CHOSEN)["background"] == "#2a6f97"


@pytest.mark.parametrize(
    "kept", ["", "none", "[]", '"x"', '{"effect": "cutout", "strength": "a", "background": 5}',
             '{"mirror": 3, "split": -5, "model": {}, "camera": {"deviceId": 4}, "more": 1}']
)  # fmt: skip
def test_whatever_a_browser_has_kept(visit: Visit, kept: str) -> None:
    page = visit.page
    page.evaluate("kept => localStorage.setItem('maskcast', kept)", kept)
    page.evaluate("kept => sessionStorage.setItem('maskcast-photo', kept)", kept)
    page.reload()
    visit.start()
    chosen = page.evaluate(CHOSEN)
    assert (chosen["effect"], chosen["background"], chosen["strength"]) == ("blur", "#2a6f97", "50")


def test_a_picture_is_saved_as_it_is_seen(visit: Visit, tmp_path: Path) -> None:
    visit.start()
    page = visit.page
    page.check("input[name=effect][value=none]", force=True)
    page.wait_for_timeout(1000)
    pictures = []
    for mirrored in ("true", "false"):
        assert page.get_attribute("#mirror", "aria-pressed") == mirrored
        with page.expect_download() as saving:
            page.click("#save")
        assert saving.value.suggested_filename.startswith("maskcast-20")
        path = tmp_path / f"{mirrored}.png"
        saving.value.save_as(path)
        pictures.append(cv2.imread(str(path)))
        page.click("#mirror")
    assert [picture.shape for picture in pictures] == [(480, 640, 3)] * 2
    # the clock that Chromium's camera shows is left of the middle
    same = np.abs(pictures[0].astype(int) - pictures[1]).mean()
    flipped = np.abs(pictures[0].astype(int) - pictures[1][:, ::-1]).mean()
    assert flipped < same


def test_as_large_as_the_screen(visit: Visit) -> None:
    visit.start()
    page = visit.page
    page.click("#compare")
    page.focus("#full")
    page.keyboard.press("Enter")
    visit.until(lambda: page.get_attribute("#full", "aria-pressed") == "true")
    seen = page.evaluate(
        """() => ({
          frame: document.getElementById('frame').getBoundingClientRect().toJSON(),
          bar: document.getElementById('bar').getBoundingClientRect().toJSON(),
          size: [innerWidth, innerHeight],
          ground: getComputedStyle(document.getElementById('stage')).backgroundColor,
        })"""
    )
    width, height = seen["size"]
    frame, bar = seen["frame"], seen["bar"]
    assert frame["left"] >= 0
    assert frame["right"] <= width
    assert frame["top"] >= 0
    assert bar["bottom"] <= height
    assert frame["bottom"] <= bar["top"]
    assert frame["width"] / frame["height"] == pytest.approx(4 / 3, abs=0.01)
    assert max(frame["width"] / width, frame["height"] / height) > 0.85
    assert seen["ground"] == "rgb(0, 0, 0)"
    for _ in range(12):  # nothing that is out of sight gets the focus
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => document.activeElement === document.body ||"
            "document.activeElement.closest('#stage') !== null"
        )
    page.click("#full")
    visit.until(lambda: page.get_attribute("#full", "aria-pressed") == "false")
    page.focus("#strength")
    assert page.evaluate("document.activeElement.id") == "strength"
    page.click("#full")
    visit.until(lambda: page.get_attribute("#full", "aria-pressed") == "true")
    page.click("#stop")
    visit.until(lambda: page.evaluate("document.fullscreenElement") is None)


def test_with_keys_only(visit: Visit) -> None:
    page = visit.page
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert focused["seen"], focused
        order.append(focused["id"])
    assert order == ["start", "compare", "mirror", "full", "blur", "strength"]
    page.focus("#start")
    page.keyboard.press("Enter")
    visit.until(lambda: page.inner_text("#status") == "Live")
    assert page.evaluate("document.activeElement.id") == "stop"
    page.focus("#compare")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED) == {"id": "split", "seen": True}
    page.focus("#stop")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "start"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_high_contrast(browser: Any, here: Served, scheme: str) -> None:
    """The system's colours, which say what is chosen; what is a colour keeps it."""
    visit = Visit(browser, here, forced_colors="active", color_scheme=scheme)
    page = visit.page
    page.wait_for_selector("#start:enabled")
    page.check("input[name=effect][value=replace]", force=True)
    page.wait_for_timeout(400)
    chosen = page.evaluate(COLOURS, ".choice:has(:checked)")
    assert chosen != page.evaluate(COLOURS, ".choice:not(:has(:checked))")
    assert chosen[0] != chosen[1]
    pressed = page.evaluate(COLOURS, "button[aria-pressed=true]")
    assert pressed != page.evaluate(COLOURS, "button[aria-pressed=false]")
    swatches = [page.evaluate(COLOURS, f".swatch:nth-child({n})")[0] for n in range(1, 6)]
    assert len(set(swatches)) == 5
    shadows = [
        page.evaluate(
            "s => getComputedStyle(document.querySelector(s)).boxShadow", f".swatch{which}"
        )
        for which in (":has(:checked)", ":not(:has(:checked))")
    ]
    assert shadows[0] != "none"
    assert shadows[1] == "none"
    assert page.evaluate(COLOURS, "#stop") != page.evaluate(COLOURS, "#full")  # one is disabled
    visit.context.close()
    assert visit.wrong == []
