"""The size that a network of video has for a camera."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation import affordable_size
from segmentation.affordable_size import affordable, seconds_a_frame
from segmentation.instances import Instances
from segmentation.segmenter import Memory
from stream.opening import open_run
from stream.running.loop import play
from stream.tracking import Keyframes
from tests.stand_ins.fakes import ListSink, MovingSquare
from tests.stand_ins.recurrent import Remembers

SIZES = (512, 384, 256)


class Scalable(Remembers):
    """`ScalableSegmenter` that remembers at which of its sizes it saw how many frames."""

    def __init__(self, sizes: tuple[int, ...] = SIZES, size: int = 512) -> None:
        super().__init__()
        self.sizes, self.size = sizes, size
        self.num_seen: dict[int, int] = {}

    def at_size(self, size: int) -> Scalable:
        smaller = Scalable((), size)
        smaller.num_seen = self.num_seen
        return smaller

    def follow(self, image: NDArray[np.uint8], memory: Memory | None) -> tuple[Instances, Memory]:
        self.num_seen[self.size] = self.num_seen.get(self.size, 0) + 1
        return super().follow(image, memory)


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, float]], None]:
    """Say how many seconds a frame takes at each size."""

    def say(seconds: dict[int, float]) -> None:
        monkeypatch.setattr(
            affordable_size, "seconds_a_frame", lambda network, _: seconds[network.size]
        )

    return say


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({512: 0.01}, 512),
        ({512: 0.2, 384: 0.05, 256: 0.02}, 256),
        ({512: 0.2, 384: 0.02}, 384),
        ({512: 0.9, 384: 0.8, 256: 0.7}, 256),
    ],
)
def test_the_largest_size_that_keeps_up(
    takes: Callable[[dict[int, float]], None], seconds: dict[int, float], chosen: int
) -> None:
    takes(seconds)
    told: list[str] = []
    found = affordable(Scalable(), (48, 64), 25, told.append)
    assert found.size == chosen
    assert found.sizes == ()
    if chosen == 512:
        assert told == []
    else:
        (line,) = told
        assert f"at {chosen} pixels, {1000 * seconds[chosen]:.0f} ms each" in line
        assert "--size 512" in line


def test_a_size_that_was_asked_for_stays() -> None:
    asked = Scalable((), 384)
    assert affordable(asked, (48, 64), 25, pytest.fail) is asked
    assert asked.num_seen == {}


def test_it_is_timed_as_in_a_stream() -> None:
    network = Scalable()
    assert 0 < seconds_a_frame(network, (48, 64)) < 60
    assert network.num_seen == {512: 3}


@pytest.mark.parametrize(
    ("live", "keyframes", "size"),
    [(True, None, 256), (True, Keyframes(3), 512), (False, None, 512)],
)
def test_cameras_that_wait_for_it_alone(
    takes: Callable[[dict[int, float]], None],
    live: bool,
    keyframes: Keyframes | None,
    size: int,
) -> None:
    takes({512: 0.2, 384: 0.2, 256: 0.001})
    network, told, sink = Scalable(), [], ListSink()
    with open_run(
        MovingSquare(20, live=live),
        sink,
        segmenter=network,
        keyframes=keyframes,
        effect="mask",
        on_message=told.append,
    ) as run:
        assert play(run)
    assert sink.indices[-1] == 19  # a camera may lose some
    assert set(network.num_seen) == {size}
    assert len(told) == (size == 256)
