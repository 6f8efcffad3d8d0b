"""One network for all visitors of the page, which remembers each of them by themselves."""

from __future__ import annotations

import asyncio
import threading
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("av")

import av

from segmentation.instances import Instances
from segmentation.segmenter import Memory
from stream.serve.masking import Masking
from stream.serve.shared_networks import SharedNetworks
from tests.stand_ins.fakes import square
from tests.stand_ins.recurrent import Remembers, num_remembered


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
