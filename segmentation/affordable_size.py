"""How large the image may be that a network sees of a camera, on the machine that it runs on."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from segmentation.segmenter import RecurrentSegmenter, ScalableSegmenter

#: Of the time from a camera's frame to the next that the network may take; effect, encoder and
#: window need the rest.
SHARE = 0.6
#: Runs of which the fastest counts: the first one compiles, another may have been disturbed.
NUM_RUNS = 3


def affordable(
    network: ScalableSegmenter,
    size_hw: tuple[int, int],
    fps: float,
    on_message: Callable[[str], None],
) -> ScalableSegmenter:
    """Return the network at the largest of its sizes that keeps up with a camera.

    It is run at one after the other and timed; where none keeps up, at the smallest.

    Args:
        network: as it was loaded.
        size_hw: height and width of the camera's frames, in pixels.
        fps: how many of them come a second.
        on_message: told, in one line, where it is not the published size.
    """
    if not network.sizes:
        return network
    chosen, took_s = network, 0.0
    for size in network.sizes:
        chosen = network.at_size(size)
        took_s = seconds_a_frame(chosen, size_hw)
        if took_s <= SHARE / fps:
            break
    if size != network.sizes[0]:
        on_message(
            f"{network.name} sees frames at {size} pixels, {1000 * took_s:.0f} ms each, since this "
            f"machine is too slow for its {network.sizes[0]}; --size {network.sizes[0]} to have "
            "that all the same, with fewer frames"
        )
    return chosen


def seconds_a_frame(network: RecurrentSegmenter, size_hw: tuple[int, int]) -> float:
    """Return how long a network takes for a frame of a stream, compiled for that size."""
    frame = np.zeros((*size_hw, 3), np.uint8)
    memory, times = None, []
    for _ in range(NUM_RUNS):
        start = time.perf_counter()
        _, memory = network.follow(frame, memory)
        times.append(time.perf_counter() - start)
    return min(times)
