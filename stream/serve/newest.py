"""Frames between tasks: whoever is slow gets the newest one."""

from __future__ import annotations

import asyncio
import time
from typing import Generic, TypeVar

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

T = TypeVar("T")


class Newest(Generic[T]):
    """Holds one thing; a newer one takes its place.

    Attributes:
        num_dropped: so many were replaced before anybody took them.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self._item: T | None = None
        self._there = asyncio.Event()
        self.num_dropped = 0

    def put(self, item: T) -> None:
        """Hold `item` from now on."""
        self.num_dropped += self._item is not None
        self._item = item
        self._there.set()

    async def wait(self) -> None:
        """Wait until there is something; it stays."""
        await self._there.wait()

    async def take(self) -> T:
        """Wait for the next thing and let go of it."""
        await self.wait()
        self._there.clear()
        item, self._item = self._item, None
        assert item is not None
        return item


class MaskedTrack(MediaStreamTrack):
    """What goes back to a visitor: the newest masked frame whenever the encoder is free.

    Attributes:
        took_s: of each frame, from its arrival until it was encoded and sent, in seconds;
            emptied by whoever counts.
    """

    kind = "video"

    def __init__(self) -> None:
        """Begin without a frame."""
        super().__init__()
        self._newest: Newest[tuple[av.VideoFrame, float]] = Newest()
        self._sending_since: float | None = None
        self.took_s: list[float] = []

    def put(self, frame: av.VideoFrame, arrived_at: float) -> None:
        """Show this frame next."""
        self._newest.put((frame, arrived_at))

    async def recv(self) -> av.VideoFrame:
        """Return the next frame to encode; see `MediaStreamTrack`."""
        if self.readyState != "live":
            raise MediaStreamError
        if self._sending_since is not None:  # whoever comes for the next has sent the last
            self.took_s.append(time.perf_counter() - self._sending_since)
        frame, self._sending_since = await self._newest.take()
        return frame

    @property
    def num_dropped(self) -> int:
        """Masked frames that a newer one replaced before they were encoded."""
        return self._newest.num_dropped
