"""A link or a server that stands still for a while: nobody is thrown out, and it goes on."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

from tests.folders import ROOT
from tests.users.serving import Client, Served, play, scene

#: Frames of so many seconds are far more than are taken within one.
PAUSE_S = 5.0


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address."""
    command = [sys.executable, "run.py", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.match(r"open http://localhost:(\d+)/", line):
                break
        try:
            yield process, f"http://127.0.0.1:{found[1]}"  # type: ignore[index]
        finally:
            process.kill()


async def goes_on(client: Client) -> None:
    before = client.num_seen
    await client.until(lambda: client.num_seen > before + 10)
    assert client.last("ended") is None


def test_a_server_that_stands_still() -> None:
    """For longer than a visitor may be without video."""

    async def visit(process: subprocess.Popen[str], address: str) -> None:
        async with Client(address, scene) as client:
            await client.visit()
            await goes_on(client)
            for _ in range(2):
                process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(PAUSE_S)
                process.send_signal(signal.SIGCONT)
                await goes_on(client)

    with serving("--idle", "3") as (process, address):
        play(visit(process, address))


@pytest.mark.parametrize("is_lost", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_link_that_stands_still(here: Served, is_lost: bool) -> None:
    """What was sent meanwhile comes all at once, or never."""

    async def pause(id: str) -> None:
        held: list[tuple[Any, Any, Any]] = []
        peer: Any = here.server.visitors[id]._peer
        protocols = peer.getReceivers()[0].transport.transport._connection._protocols
        receivers = [protocol.datagram_received for protocol in protocols]
        for protocol, receive in zip(protocols, receivers, strict=True):
            protocol.datagram_received = lambda data, sender, receive=receive: held.append(
                (receive, data, sender)
            )
        await asyncio.sleep(PAUSE_S)
        for protocol, receive in zip(protocols, receivers, strict=True):
            protocol.datagram_received = receive
        for receive, data, sender in [] if is_lost else held:
            receive(data, sender)

    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            await goes_on(client)
            paused = asyncio.run_coroutine_threadsafe(pause(client.id), here.loop)
            await asyncio.wrap_future(paused)
            await goes_on(client)
            client.tell(effect="grey")
            await client.until(lambda: client.last("effect") == "grey")
            assert list(here.server.visitors) == [client.id]

    play(visit())
