"""Who comes in: the token, and pages of other addresses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp

from stream.serve.site.settings import Settings
from tests.users.serving import Finds, Served, play, served


@pytest.fixture
def guarded(finds: Finds) -> Iterator[Served]:
    """A server that others could reach, so that it wants a token."""
    with served(finds, settings=Settings(port=0, is_loopback=False, token="s3cret")) as running:
        yield running


@pytest.mark.parametrize(
    ("query", "headers", "status", "reason"),
    [
        ("", {}, 401, "the token is missing"),
        ("?token=wrong", {}, 403, "the token is wrong"),
        ("?token=s3cre", {}, 403, "the token is wrong"),
        ("?token=s3cret\udcff", {}, 403, "the token is wrong"),
        ("", {"Cookie": "maskcast_PORT=wrong"}, 403, "the token is wrong"),
        ("?token=s3cret", {"Origin": "http://evil.example"}, 403, "another page"),
        ("?token=s3cret", {"Origin": "null"}, 403, "another page"),
    ],
)
def test_without_the_token_nothing_is_told(
    guarded: Served, query: str, headers: dict[str, str], status: int, reason: str
) -> None:
    port = str(guarded.server.settings.port)
    headers = {name: value.replace("PORT", port) for name, value in headers.items()}

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            for path in ("/", "/page.js", "/settings", "/nothing"):
                address = guarded.address + path + query.replace("\udcff", "%FF")
                async with session.get(address, headers=headers) as response:
                    assert response.status == status
                    assert reason in (await response.json())["error"]
                    assert "Set-Cookie" not in response.headers

    play(ask())


def test_the_token_is_kept_where_scripts_do_not_see_it(guarded: Served) -> None:
    async def ask() -> None:
        jar = aiohttp.CookieJar(unsafe=True)  # of an address without a name
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            async with session.get(guarded.address + "/?token=s3cret") as response:
                assert response.status == 200
                assert "HttpOnly" in response.headers["Set-Cookie"]
                assert "SameSite=Strict" in response.headers["Set-Cookie"]
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert "s3cret" not in await response.text()
            async with session.get(guarded.address + "/page.js") as response:
                assert response.status == 200

    play(ask())


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "does not say which page"),
        ({"Origin": "http://evil.example"}, "another page"),
        ({"Host": "evil.example"}, "localhost only"),  # a name that was made to point here
        ({"Host": "127.0.0.1.evil.example:80", "Origin": "http://x"}, "localhost only"),
    ],
)
def test_other_pages_may_not_use_this_one(
    here: Served, headers: dict[str, str], reason: str
) -> None:
    async def ask() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{here.address}/visits", json={"sdp": ""}, headers=headers) as response,
        ):
            assert response.status == 403
            assert reason in (await response.json())["error"]

    play(ask())
