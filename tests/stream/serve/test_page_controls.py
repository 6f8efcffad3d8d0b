"""What a person does on the page, in a Chromium with two cameras: quickly, early, twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")
pytest.importorskip("playwright", reason="drives the browser")

from tests.users.browsing import Visit, chromium
from tests.users.serving import Served

#: Remembers every camera that was given and every message that was sent; while `holding`, the
#: browser takes its time with cameras.
WATCH = """(() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const send = RTCDataChannel.prototype.send;
  Object.assign(window, { tracks: [], sent: [], holding: false, held: [] });
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    tracks.push(...stream.getTracks());
    if (holding) await new Promise((go) => held.push(go));
    return stream;
  };
  RTCDataChannel.prototype.send = function (text) {
    sent.push(text);
    send.call(this, text);
  };
})()"""
DRAG = """async (values) => {
  const slider = document.getElementById('strength'), began = performance.now();
  for (const value of values) {
    slider.value = value;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((go) => setTimeout(go, 8));
  }
  return performance.now() - began;
}"""


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Two cameras, of which the second is for depth: it opens, and Chromium sends nothing of it."""
    with chromium("--use-fake-device-for-media-stream=device-count=2") as running:
        yield running


@pytest.fixture
def visit(browser: Any, here: Served) -> Iterator[Visit]:
    one = Visit(browser, here)
    one.page.set_default_timeout(10_000)
    one.page.add_init_script(WATCH)
    one.page.reload()
    one.page.wait_for_selector("#start:enabled")
    yield one
    one.context.close()
    assert one.wrong == []


def live(visit: Visit) -> list[str]:
    """The cameras that are on."""
    return list(
        visit.page.evaluate("tracks.filter(t => t.readyState === 'live').map(t => t.label)")
    )


def hold(visit: Visit, button: str) -> None:
    """Press a button that opens a camera, which stays pending."""
    num = visit.page.evaluate("holding = true, held.length")
    visit.page.click(button)
    visit.until(lambda: visit.page.evaluate("held.length") > num)


def let_go(visit: Visit) -> None:
    visit.page.evaluate("holding = false, held.forEach((go) => go())")
    visit.page.wait_for_timeout(300)


def effects(visit: Visit) -> list[str]:
    return list(
        visit.page.evaluate("sent.map(text => JSON.parse(text).effect).filter(text => text)")
    )


def test_a_slider_that_is_dragged_to_and_fro(visit: Visit, here: Served) -> None:
    visit.start()
    page = visit.page
    num = len(effects(visit))
    values = [*range(5, 101, 5), *range(95, 4, -5)] * 6
    dragged_ms = page.evaluate(DRAG, [*values, 35])  # as long as a busy machine needs for it
    visit.until(lambda: effects(visit)[-1] == "blur=0.35")
    assert len(effects(visit)) - num > 5  # it is seen while it moves
    page.wait_for_timeout(1000)
    assert len(here.server.visitors) == 1
    assert page.is_hidden("#notice")
    assert page.inner_text("#status") == "Live"
    assert len(effects(visit)) - num < dragged_ms / 100 + 4  # ten a second, and the last one


def test_the_last_choice_is_sent(visit: Visit) -> None:
    visit.start()
    for name in ("grey", "mask", "overlay", "none", "grey", "overlay"):
        visit.page.check(f"input[name=effect][value={name}]", force=True)
    visit.until(lambda: effects(visit)[-1] == "overlay")


def test_why_a_visit_ended_stays_readable(visit: Visit, here: Served) -> None:
    visit.start()
    (visitor,) = here.server.visitors.values()
    here.call(visitor.end("the place was needed"))
    page = visit.page
    page.wait_for_selector("#notice:not([hidden])")
    page.evaluate(DRAG, [20, 80])
    page.check("input[name=effect][value=replace]", force=True)
    page.check("input[name=background][value='#0f8a4b']", force=True)
    page.set_input_files("#photo", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"none"})
    page.wait_for_timeout(300)
    assert page.inner_text("#notice") == "The place was needed."
    page.evaluate("holding = true")
    page.click("#start")
    assert page.is_hidden("#notice")


def test_what_was_wrong_with_a_photo_goes_with_the_next_choice(visit: Visit) -> None:
    visit.start()
    page = visit.page
    page.check("input[name=effect][value=replace]", force=True)
    page.set_input_files("#photo", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"none"})
    page.wait_for_selector("#notice:not([hidden])")
    visit.wrong.clear()  # the browser reports the refusal, 415
    page.wait_for_timeout(1200)  # numbers come meanwhile, which are no answer to that
    assert "must be a photo" in page.inner_text("#notice")
    page.check("input[name=background][value='#0f8a4b']", force=True)
    assert page.is_hidden("#notice")


def test_the_other_camera(visit: Visit, here: Served) -> None:
    visit.start()
    assert live(visit) == ["fake_device_0"]
    for label in ("fake_device_1", "fake_device_0"):
        visit.page.click("#turn")
        visit.until(lambda label=label: live(visit) == [label])  # type: ignore[misc]
    num = visit.page.evaluate("document.getElementById('after').currentTime")
    visit.until(
        lambda: visit.page.evaluate("document.getElementById('after').currentTime") > num + 0.5
    )
    visit.page.click("#stop")
    assert live(visit) == []


def test_the_other_camera_is_chosen_before_the_start(visit: Visit) -> None:
    visit.page.click("#turn")
    visit.page.wait_for_timeout(500)
    assert visit.page.evaluate("tracks.length") == 0
    assert visit.page.inner_text("#status") == "Next: fake_device_1"
    visit.page.click("#start")
    visit.until(lambda: live(visit) == ["fake_device_1"])
    visit.page.click("#stop")
    visit.page.click("#turn")
    visit.page.wait_for_timeout(500)
    assert live(visit) == []
    visit.start()
    assert live(visit) == ["fake_device_0"]


def test_stopped_before_the_camera_opens(visit: Visit, here: Served) -> None:
    hold(visit, "#start")
    visit.page.click("#stop")
    assert visit.page.inner_text("#status") == "Not connected"
    hold(visit, "#start")  # and once more, before the first one is there
    let_go(visit)
    visit.until(lambda: visit.page.inner_text("#status") == "Live")
    assert live(visit) == ["fake_device_0"]
    assert len(here.server.visitors) == 1


def test_stopped_before_the_other_camera_opens(visit: Visit) -> None:
    visit.start()
    hold(visit, "#turn")
    visit.page.click("#stop")
    let_go(visit)
    assert live(visit) == []
    assert visit.page.inner_text("#status") == "Not connected"
    assert visit.page.is_hidden("#notice")
    visit.page.click("#start")
    visit.until(lambda: live(visit) == ["fake_device_1"])


def test_stopped_while_it_connects(visit: Visit, here: Served) -> None:
    answers: list[Any] = []
    visit.page.route("**/visits", lambda route: answers.append((route, route.fetch())))
    visit.page.click("#start")
    visit.until(lambda: bool(answers))
    assert len(here.server.visitors) == 1
    visit.page.click("#stop")
    assert live(visit) == []
    ((route, answer),) = answers
    route.fulfill(response=answer)
    visit.until(lambda: not here.server.visitors, 10)  # well before it misses the video
    assert visit.page.is_hidden("#notice")
    assert visit.page.is_enabled("#start")
