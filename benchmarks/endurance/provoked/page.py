"""Visitors of the page who do what they should not, one kind at a time, beside a good one."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from benchmarks.endurance.hostile import (
    Hostile,
    ask,
    dribble,
    hang_up,
    long_photo,
    offer_and_stay_away,
    offer_nonsense,
)
from benchmarks.endurance.provoked.runs import Kind, Row, running
from tests.folders import ROOT
from tests.users.serving import Client, scene

GOOD_ADDRESS, BAD_ADDRESS = "127.0.0.1", "127.0.1.1"
BESIDE_S = 3.0
MIN_FPS = 5.0  # on a machine that does other things as well; without faults it is 30
Bad = Callable[[str, str], Coroutine[Any, Any, None]]


def page(bad: Bad) -> Kind:
    """Let somebody do what is bad at the page, then visit it."""

    def fill(row: Row, folder: Path, clips: Path) -> None:
        with running(folder, str(ROOT / "run.py"), "serve", "--port", "0") as server:
            server.wait_for_line(r"open .*")
            found = re.search(r"open http://[^:]+:(\d+)", "\n".join(server.said()))
            if found:
                asyncio.run(_visit_beside(row, f"http://127.0.0.1:{found[1]}", bad))
            server.end(signal.SIGINT)
        usual = ("open ", "a visitor ", "somebody tried to come in: ", "ended")
        row.code = server.code
        row.said = [line for line in server.said() if not line.startswith(usual)]
        row.check(found, "the server did not start")
        row.check(server.code == 130, f"exit code {server.code} instead of 130")
        row.check(not row.said, "says what nobody did")
        row.wrong += server.left_over()

    return fill


async def _visit_beside(row: Row, address: str, bad: Bad) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with Client(address, scene, local_address=BAD_ADDRESS) as one:
        sdp = await one.offer()
    doing = asyncio.ensure_future(bad(address, sdp))
    await asyncio.wait([doing], timeout=BESIDE_S)
    try:
        async with asyncio.timeout(20), Client(address, scene, local_address=GOOD_ADDRESS) as good:
            await good.visit()
            before, began_s = good.num_seen, time.monotonic()
            await asyncio.sleep(2)
            row.seen, row.kept = good.camera.num_sent, good.num_seen
            fps = (good.num_seen - before) / (time.monotonic() - began_s)
            row.check(fps >= MIN_FPS, f"{fps:.0f} frames/s beside it")
    except (TimeoutError, AssertionError, OSError) as error:
        row.check(False, f"no visit beside it ({type(error).__name__} {error})")
    if doing.done() and not doing.cancelled() and doing.exception() is not None:
        row.check(False, f"{doing.exception()}")
    doing.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await doing


def again_and_again(bad: Callable[[Hostile], Coroutine[Any, Any, None]], num: int) -> Bad:
    """Let so many, of one address, do one thing all the time."""

    async def do(address: str, sdp: str) -> None:
        everybody = [Hostile(address, BAD_ADDRESS, sdp, b"", bad) for _ in range(num)]
        await asyncio.gather(*(one.go_on() for one in everybody))

    return do


async def wrong_offers(address: str, sdp: str) -> None:
    """Offer with mistakes, each of which must be refused."""
    wrong = [
        sdp.replace("a=mid:0", "a=mid:x"),
        sdp.replace("m=video", "m=audio"),
        sdp.replace("a=ice-ufrag", "a=ice-nothing"),
        sdp.replace("a=fingerprint:sha-256", "a=fingerprint:none"),
        sdp[: len(sdp) // 2],
        "",
    ]
    one = Hostile(address, BAD_ADDRESS, sdp, b"", offer_nonsense)
    for each in wrong:
        answer = await one.offered(each)
        if not 400 <= answer["status"] < 500:
            raise ValueError(f"status {answer['status']} for a wrong offer")


async def costly_photos(address: str, sdp: str) -> None:
    """Visit, and upload photos that take long to decode."""
    photo = long_photo()
    async with Client(address, scene, local_address=BAD_ADDRESS) as one:
        await one.visit()
        while True:
            with contextlib.suppress(Exception):
                await one.upload(photo)


#: By name: what is done, and what does it.
PAGE: dict[str, tuple[str, Kind]] = {
    "page: wrong offers": ("six offers with mistakes, then a visit", page(wrong_offers)),
    "page: costly photos": ("uploaded all the time, a visit beside", page(costly_photos)),
    "page: half connections": (
        "80 of one address, a visit beside",
        page(again_and_again(dribble, 80)),
    ),
    "page: places of one address": (
        "offers for which nothing comes, a visit beside",
        page(again_and_again(offer_and_stay_away, 4)),
    ),
    "page: hang-ups": ("while an offer is sent, a visit beside", page(again_and_again(hang_up, 4))),
    "page: requests": ("as many as possible, a visit beside", page(again_and_again(ask, 4))),
}
