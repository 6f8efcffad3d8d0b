"""One network for all visitors of the page, which remembers each of them by themselves."""

from __future__ import annotations

import asyncio
import threading
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("av")
pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import av

from segmentation.instances import Instances
from segmentation.segmenter import Memory
from stream.serve.masking import Masking
from stream.serve.shared_networks import SharedNetworks
from tests.stand_ins.fakes import square
from tests.stand_ins.recurrent import Remembers, num_remembered
from tests.users.serving import WAIT_S, Finds


class Noted(Remembers):
    """Knows where the person is, and notes how often it has met them and in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[int] = []
        self.threads: set[str] = set()

    def follow(self, image: NDArray[np.uint8], memory: Memory | None) -> tuple[Instances, Memory]:
        found, after = super().follow(square(0), memory)
        self.known.append(num_remembered(found))
        self.threads.add(threading.current_thread().name)
        return found, after


def frame(index: int) -> av.VideoFrame:
    shown = av.VideoFrame.from_ndarray(square(index), format="rgb24").reformat(format="yuv420p")
    shown.pts, shown.time_base = index, Fraction(1, 25)
    return shown


def test_visitors_share_a_network_and_no_memory() -> None:
    network = Noted()
    networks = SharedNetworks([network])

    async def visits() -> list[bool]:
        one, other = Masking(networks), Masking(networks)
        covered = []
        for visitor in (one, one, other, one, other):
            await visitor.apply(frame(len(network.known)))
            covered.append(visitor.covered)
        return covered

    try:
        assert asyncio.run(visits()) == [False] * 5
    finally:
        networks.close()
    assert network.known == [0, 1, 0, 2, 1]
    assert network.threads == {"network"}, "each in turn: it holds up nobody else's effect"


class Patient(Noted):
    """Looks at photos for longer than visitors are willing to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.of_frames = Noted()

    def for_frames(self) -> Noted:
        return self.of_frames


def test_visitors_get_the_network_as_it_looks_at_frames() -> None:
    network = Patient()
    networks = SharedNetworks([network])
    try:
        assert not asyncio.run(_covered(Masking(networks)))
    finally:
        networks.close()
    assert (network.known, network.of_frames.known) == ([], [0])


async def _covered(masking: Masking) -> bool:
    await masking.apply(frame(0))
    return masking.covered


class Held(Finds):
    """A slow network that takes until `go` is set; `seen` are widths of what it looked at."""

    def __init__(self, name: str, seen: list[int]) -> None:
        super().__init__(name, fast=False)
        self.seen, self.go, self.began = seen, threading.Event(), threading.Semaphore(0)

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        self.seen.append(images.shape[2])
        self.began.release()
        assert self.go.wait(WAIT_S)
        return super().segment(images)


def of_width(width: int) -> av.VideoFrame:
    shown = av.VideoFrame.from_ndarray(np.zeros((72, width), np.uint8), format="yuv420p")
    shown.pts, shown.time_base = 0, Fraction(1, 25)
    return shown


async def begins(network: Held) -> None:
    assert await asyncio.to_thread(network.began.acquire, timeout=WAIT_S)


@pytest.mark.parametrize("changes", ["size", "model"])
def test_who_begins_anew_all_the_time_has_one_run(changes: str) -> None:
    seen: list[int] = []
    slow, other = Held("slow", seen), Held("other", seen)
    networks = SharedNetworks([slow, other])

    async def visits() -> None:
        bad, good = Masking(networks), Masking(networks)
        await bad.apply(of_width(64))
        await begins(slow)
        for num in range(1, 9):
            if changes == "model":
                bad.choose_model(("slow", "other")[num % 2])
            await bad.apply(of_width(64 + 2 * num))
        await good.apply(of_width(32))
        slow.go.set()
        other.go.set()
        await begins(slow)
        await begins(slow)

    try:
        asyncio.run(visits())
    finally:
        slow.go.set()
        other.go.set()
        networks.close()
    assert seen == [64, 32, 80], "their first, that of whoever came then, and their newest"


def test_who_leaves_or_takes_another_network_leaves_no_run_behind() -> None:
    slow, fast = Held("slow", []), Finds("fast")
    networks = SharedNetworks([slow, fast])

    async def visits() -> None:
        busy, leaving, changing, last = (Masking(networks) for _ in range(4))
        for num, visitor in enumerate((busy, leaving, changing)):
            await visitor.apply(of_width(32 + 2 * num))
        await begins(slow)
        leaving.background = np.zeros((2, 2, 3), np.uint8)
        leaving.end()
        assert leaving.background is None
        await leaving.apply(of_width(62))  # it was in work as they left
        changing.choose_model("fast")
        await changing.apply(of_width(64))
        assert not changing.covered, "a fast network does not wait for a slow one"
        await last.apply(of_width(66))
        slow.go.set()
        await begins(slow)

    try:
        asyncio.run(visits())
    finally:
        slow.go.set()
        networks.close()
    assert slow.seen == [32, 66]
