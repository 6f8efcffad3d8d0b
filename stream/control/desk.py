"""A run under control: what it is asked, one after the other, and what is seen of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stream.control.preview import Pictures
from stream.control.state import Sight, State, figures_of, state_of
from stream.errors import StreamError
from stream.live.control import LiveControl
from stream.live.preview import Preview
from stream.serve.site.limits import Refusal

T = TypeVar("T")

#: Pictures a second at most, for all who look on.
MAX_FPS = 12
#: Between two looks at a run that nobody asks for pictures.
TICK_S = 1 / MAX_FPS
ENDED = "the run has ended"
#: How long a camera may take that is on for whoever looks on.
WAKING_S = 10.0


class Desk:
    """Belongs to one event loop, which waits for nothing that takes its time: threads do it.

    Args:
        control: of the run.
        preview: of the run.
    """

    def __init__(self, control: LiveControl, preview: Preview) -> None:
        """Look at nothing yet."""
        self._control, self._preview = control, preview
        self._pictures = Pictures(control, preview)
        # one each: what is asked comes in its order, and who looks on waits for none of it
        self._doing = ThreadPoolExecutor(1, "control page")
        self._looking = ThreadPoolExecutor(1, "control page preview")
        self._sight = Sight()
        self._has_failed = self._is_closed = False
        self._news = asyncio.Condition()
        self._watching: asyncio.Task[None] | None = None

    async def set(self, wishes: Mapping[str, object]) -> State:
        """Do what is asked, as keys would; returns how the run stands then.

        Args:
            wishes: by name of the action. All are looked at before the first is done.

        Raises:
            Refusal: it cannot be done.
        """

        def do() -> State:
            for name, wish in wishes.items():
                self._control.check(name, wish)
            for name, wish in wishes.items():
                self._control.ask(name, wish)
            return state_of(self._control)

        return await self._done(do)

    async def add_background(self, name: str, photo: NDArray[np.uint8]) -> State:
        """Put a photo, (h, w, 3) uint8 RGB, behind the people; returns how the run stands then."""

        def do() -> State:
            self._control.add_background(name, photo)
            return state_of(self._control)

        return await self._done(do)

    def state(self) -> State:
        """Return how the run stands, `state_of` and `figures_of`."""
        return {**state_of(self._control), **figures_of(self._control)}

    async def picture(self) -> bytes:
        """Return the newest picture as a JPEG.

        Where a camera rests, as nobody looks on, it is waited for.

        Raises:
            Refusal: there is none yet, or the run has ended.
        """
        self._check()
        self._preview.come()
        try:
            await self._woken()
            sight = await self._look()
        finally:
            self._preview.go()
        if sight.jpeg is None:
            raise Refusal(503, "no picture has come yet")
        return sight.jpeg

    async def sights(self) -> Sight:
        """Return what is seen at the next look; for those who are between `come` and `go`."""
        async with self._news:
            await self._news.wait()
            return self._sight

    def come(self) -> None:
        """Begin to look on, of which the run is told: a camera that rests is on then."""
        self._preview.come()
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    def go(self) -> None:
        """End what `come` has begun."""
        self._preview.go()

    async def close(self) -> None:
        """Look no more, and wait for what is being done."""
        self._is_closed = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        loop = asyncio.get_running_loop()
        for pool in (self._doing, self._looking):
            pool.shutdown(wait=False, cancel_futures=True)
        await loop.run_in_executor(None, lambda: self._doing.shutdown(wait=True))
        await loop.run_in_executor(None, lambda: self._looking.shutdown(wait=True))

    async def _watch(self) -> None:
        """Look again and again while somebody looks on."""
        try:
            while self._preview.num_viewers > 0:
                began_s = time.monotonic()
                try:
                    self._sight = await self._look()
                except Exception as error:  # whoever waits hears from the next one
                    self._tell_once("no news", error)
                async with self._news:
                    self._news.notify_all()
                await asyncio.sleep(max(0.0, began_s + TICK_S - time.monotonic()))
        finally:
            self._watching = None

    async def _look(self) -> Sight:
        def look() -> Sight:
            self._make_picture()
            state, figures = state_of(self._control), figures_of(self._control)
            return Sight(state, figures, self._pictures.jpeg, self._pictures.number)

        return await asyncio.get_running_loop().run_in_executor(self._looking, look)

    def _make_picture(self) -> None:
        """Make the picture; where that fails, all else goes on, and it is told once."""
        try:
            self._pictures.look()
        except Exception as error:
            self._tell_once("no preview", error)

    def _tell_once(self, what: str, error: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._control.tell(f"{what}: {type(error).__name__}: {error}")

    async def _woken(self) -> None:
        """Wait until a camera that rests gives pictures again.

        Raises:
            Refusal: it does not.
        """
        if not self._control.rests:
            return
        before, ends_s = self._preview.num_written, time.monotonic() + WAKING_S
        while self._control.rests or self._preview.num_written == before:
            if time.monotonic() > ends_s:
                raise Refusal(503, "the camera was off, and has given no picture since")
            await asyncio.sleep(TICK_S)

    def _check(self) -> None:
        if self._is_closed:
            raise Refusal(503, ENDED)

    async def _done(self, do: Callable[[], T]) -> T:
        self._check()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._doing, do)
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        except StreamError as error:
            raise Refusal(500, str(error)) from error
