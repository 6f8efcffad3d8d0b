"""The control page of a run that stands still, and programs that ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from stream.control.server import LIMITS, ControlServer
from stream.live.control import LiveControl
from stream.live.preview import Preview
from stream.serve.site.settings import Settings
from tests.stand_ins.fakes import Oracle
from tests.users.desk import Desk

SETTINGS = Settings(port=0, for_programs=True, limits=LIMITS)
WAIT_S = 60.0


class Controlled:
    """A run at a `Desk` and its server; `told` is what it said at the terminal."""

    def __init__(self, live: Desk, server: ControlServer, told: list[str]) -> None:
        self.live, self.server, self.told = live, server, told
        network = Oracle()
        network.classes = ("person", "dog", "cat")
        self.control = LiveControl(
            live.run, live.palette, network, keep=None, recorder=live.recorder
        )
        self.preview = Preview(self.control.see)
        server.attend(self.control, self.preview)

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server.settings.port}"

    def show(self, index: int = 0) -> None:
        """Show one more output."""
        self.preview.write(self.live.output(index))

    def ask(
        self, method: str, path: str, *, answer: bool = True, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        """Ask once; returns the status and the answer."""

        async def ask() -> tuple[int, dict[str, Any]]:
            async with (
                aiohttp.ClientSession() as session,
                session.request(method, self.address + path, **more) as response,
            ):
                return response.status, await response.json() if answer else {}

        return play(ask())

    def set(self, **wishes: object) -> tuple[int, dict[str, Any]]:
        return self.ask("PATCH", "/state", json=wishes)


@contextmanager
def controlled(live: Desk, settings: Settings = SETTINGS) -> Iterator[Controlled]:
    told: list[str] = []
    with ControlServer(settings, "demo:", None, told.append) as server:
        yield Controlled(live, server, told)


def guarded(token: str) -> Settings:
    return replace(SETTINGS, token=token)


def play(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, WAIT_S))


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.02)


def private(path: Path) -> bool:
    return path.stat().st_mode & 0o777 == 0o600
