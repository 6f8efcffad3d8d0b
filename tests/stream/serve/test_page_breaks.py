"""What the page says and does while the connection stands still, breaks, or is refused."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")
pytest.importorskip("playwright", reason="drives the browser")

from stream.serve.site.limits import Limits
from stream.serve.site.settings import Settings
from tests.users.browsing import Visit, chromium
from tests.users.serving import Client, Finds, Served, scene, served

SENT = """(() => {
  const send = RTCDataChannel.prototype.send;
  window.sent = [];
  RTCDataChannel.prototype.send = function (text) {
    sent.push(text);
    send.call(this, text);
  };
})()"""


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium("--use-fake-device-for-media-stream") as running:
        yield running


@pytest.fixture
def visit(browser: Any, here: Served) -> Iterator[Visit]:
    one = Visit(browser, here)
    one.page.add_init_script(SENT)
    one.page.reload()
    one.page.wait_for_selector("#start:enabled")
    yield one
    one.context.close()
    assert [text for text in one.wrong if "Failed to load" not in text] == []


def effects(visit: Visit) -> list[str]:
    return list(
        visit.page.evaluate("sent.map(text => JSON.parse(text).effect).filter(text => text)")
    )


def status(visit: Visit) -> str:
    return str(visit.page.inner_text("#status"))


def stand_still(running: Served, for_s: float) -> None:
    """Let the server do nothing at all for a while."""
    running.loop.call_soon_threadsafe(time.sleep, for_s)


def test_a_picture_that_stands_still_says_so_and_goes_on(visit: Visit, here: Served) -> None:
    visit.start()
    visitors = list(here.server.visitors)
    stand_still(here, 6.0)
    visit.until(lambda: status(visit) == "Stands still")
    page = visit.page
    assert "nothing comes from the server" in page.inner_text("#notice")
    assert page.evaluate("getComputedStyle(document.getElementById('after')).filter") != "none"
    visit.until(lambda: status(visit) == "Live")
    assert page.is_hidden("#notice")
    assert page.evaluate("getComputedStyle(document.getElementById('after')).filter") == "none"
    assert list(here.server.visitors) == visitors


def test_a_connection_that_breaks_is_made_anew_and_all_is_as_it_was(
    visit: Visit, here: Served
) -> None:
    page = visit.page
    page.check("input[name=effect][value=replace]", force=True)
    page.check("input[name=background][value='#e9c46a']", force=True)
    visit.start()
    page.click("#mirror")
    page.click("#compare")
    for _ in range(2):
        (visitor,) = here.server.visitors.values()
        page.evaluate("sent.length = 0")
        here.call(visitor._peer.close())  # without a word
        visit.until(lambda: status(visit) == "Trying again")
        assert "The connection broke off." in page.inner_text("#notice")
        assert page.evaluate("document.getElementById('before').srcObject.active")  # still open
        visit.until(lambda: status(visit) == "Live")
        visit.until(lambda: effects(visit)[-1:] == ["replace=#e9c46a"])
        assert page.get_attribute("#mirror", "aria-pressed") == "false"
        assert page.get_attribute("#compare", "aria-pressed") == "true"
        visit.until(lambda gone=visitor.id: gone not in here.server.visitors)  # type: ignore[misc]
        assert page.is_hidden("#notice")


def test_the_last_picture_stays_until_the_next_comes(visit: Visit, here: Served) -> None:
    visit.start()
    answers: list[Any] = []
    visit.page.route("**/visits", lambda route: answers.append(route))
    (visitor,) = here.server.visitors.values()
    here.call(visitor.end("the connection broke off"))
    visit.until(lambda: str(visit.page.get_attribute("#after", "poster")).startswith("blob:"))
    assert visit.page.evaluate("document.getElementById('after').srcObject") is None
    assert visit.page.is_disabled("#save")
    visit.until(lambda: bool(answers))
    answers[0].continue_()
    visit.until(lambda: status(visit) == "Live")
    assert visit.page.get_attribute("#after", "poster") is None


def test_pauses_between_tries_grow(visit: Visit, here: Served) -> None:
    visit.start()
    times: list[float] = []

    def refuse(route: Any) -> None:
        times.append(time.monotonic())
        route.abort()

    visit.page.route("**/visits", refuse)
    (visitor,) = here.server.visitors.values()
    here.call(visitor.end("the connection broke off"))
    visit.until(lambda: len(times) >= 4)
    pauses = [late - early for early, late in itertools.pairwise(times)]
    assert pauses == sorted(pauses)
    visit.page.unroute("**/visits")
    visit.page.evaluate("dispatchEvent(new Event('online'))")  # the network is back: at once
    visit.until(lambda: status(visit) == "Live")


def test_stopped_while_it_waits(visit: Visit, here: Served) -> None:
    visit.start()
    asked: list[str] = []
    visit.page.route("**/visits", lambda route: (asked.append(route.request.url), route.abort()))
    (visitor,) = here.server.visitors.values()
    here.call(visitor.end("the connection broke off"))
    visit.until(lambda: len(asked) == 1 and "Trying again in" in visit.page.inner_text("#notice"))
    visit.page.click("#stop")
    assert status(visit) == "Not connected"
    assert not visit.page.evaluate("document.getElementById('before').srcObject")
    visit.page.wait_for_timeout(4000)
    assert len(asked) == 1
    assert status(visit) == "Not connected"


def test_what_will_not_be_granted_is_not_asked_for_again(visit: Visit, here: Served) -> None:
    visit.start()
    (visitor,) = here.server.visitors.values()
    here.call(visitor.end("frames of 4x4 are too large"))
    visit.until(lambda: visit.page.inner_text("#notice") == "Frames of 4x4 are too large.")
    visit.page.wait_for_timeout(3000)
    assert status(visit) == "Not connected"
    assert not here.server.visitors


def test_a_place_is_taken_as_soon_as_it_is_free(browser: Any, finds: Finds) -> None:
    limits = Limits(max_visitors=1)
    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        over, is_there = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with Client(running.address, scene) as client:
                await client.visit()
                is_there.set()
                await over.wait()

        holding = asyncio.run_coroutine_threadsafe(hold(), running.loop)
        running.call(is_there.wait())
        visit = Visit(browser, running)
        visit.page.click("#start")
        taken = "The only place is taken; come back when it is free. Trying again in"
        visit.until(lambda: taken in visit.page.inner_text("#notice"))
        running.loop.call_soon_threadsafe(over.set)
        holding.result(60)
        visit.until(lambda: status(visit) == "Live")
        assert visit.page.is_hidden("#notice")
        visit.context.close()
    assert running.errors == []


def test_a_page_that_is_opened_before_the_server_answers(visit: Visit) -> None:
    page = visit.page
    page.route("**/settings", lambda route: route.abort())
    page.reload()
    visit.until(lambda: page.inner_text("#notice") == "The server does not answer.")
    page.unroute("**/settings")
    page.wait_for_selector("#start:enabled")
    assert page.is_hidden("#notice")
    visit.start()
