"""Who may ask: this machine's own pages and programs, and whoever knows the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("cryptography", reason="the extra serve")

import aiohttp

from tests.users.controlling import Controlled, controlled, guarded, play
from tests.users.desk import Desk

TOKEN = "a-token-of-the-tests"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "reason"),
    [
        ("GET", "/state", {"Host": "evil.example"}, 403, "localhost only"),
        ("GET", "/", {"Host": "evil.example:PORT"}, 403, "localhost only"),
        ("PATCH", "/state", {"Origin": "http://evil.example"}, 403, "another page"),
        ("PATCH", "/state", {"Origin": "null"}, 403, "another page"),
        ("PUT", "/background", {"Origin": "http://localhost:1"}, 403, "another page"),
        ("OPTIONS", "/state", {"Origin": "http://evil.example"}, 403, "another page"),
        ("POST", "/state", {}, 403, "which page"),
        ("DELETE", "/state", {}, 403, "which page"),
        ("GET", "/preview.jpg", {"Sec-Fetch-Site": "cross-site"}, 403, "another page"),
        ("GET", "/live", {"Origin": "http://evil.example"}, 403, "another page"),
        ("GET", "/nothing", {}, 404, "Not Found"),
        ("GET", "/../server.py", {}, 404, "Not Found"),
        ("GET", "/live", {}, 400, ""),
    ],
)
def test_hostile_requests_are_refused(
    here: Controlled, method: str, path: str, headers: dict[str, str], status: int, reason: str
) -> None:
    port = str(here.server.settings.port)
    headers = {name: value.replace("PORT", port) for name, value in headers.items()}
    before = here.live.pipeline.look
    answer = here.ask(method, path, headers=headers, json={"effect": "grey"})
    assert answer[0] == status
    assert reason in answer[1]["error"]
    assert here.live.pipeline.look is before


def test_links_lead_to_the_page(here: Controlled) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert here.ask("GET", "/", headers=headers, answer=False)[0] == 200
    assert here.ask("GET", "/state", headers=headers)[0] == 403


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 401),
        ("?token=wrong", {}, 403),
        ("", {"Authorization": "Bearer wrong"}, 403),
        ("", {"Authorization": f"Basic {TOKEN}"}, 401),
        ("", {"Cookie": "maskcast_PORT=wrong"}, 403),
        ("", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("", {"Cookie": f"maskcast_PORT={TOKEN}"}, 200),
        (f"?token={TOKEN}", {}, 200),
    ],
)
def test_where_there_is_a_token_nothing_goes_without(
    desk: Callable[..., Desk], query: str, headers: dict[str, str], status: int
) -> None:
    with controlled(desk(), guarded(TOKEN)) as running:
        port = str(running.server.settings.port)
        headers = {name: value.replace("PORT", port) for name, value in headers.items()}

        def ask(method: str, path: str, **more: Any) -> int:
            return running.ask(method, path + query, headers=headers, answer=False, **more)[0]

        assert ask("GET", "/state") == status
        assert ask("PATCH", "/state", json={"effect": "grey"}) == status
        assert ask("GET", "/live") == (400 if status == 200 else status)
        assert (running.control.values()["effect"] == "grey") == (status == 200)
        assert running.told == [f"control page: open {running.address}/?token={TOKEN}"]


def test_a_socket_of_another_page_is_refused(here: Controlled) -> None:
    async def ask() -> int:
        async with aiohttp.ClientSession() as session:
            try:
                await session.ws_connect(here.address + "/live", origin="http://evil.example")
            except aiohttp.WSServerHandshakeError as error:
                return error.status
        return 0

    assert play(ask()) == 403
