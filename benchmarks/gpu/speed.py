"""How long a network takes on the device, and how much memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu.machine import memory
from benchmarks.gpu.networks import Loaded, in_batches, inputs_of, keras_network
from benchmarks.gpu.parts import Part
from segmentation.runtime.keras_network import KerasNetwork

#: pixels by which each image of a batch is moved against the one before
STEP_PX = 7


def speed(part: Part, loaded: Loaded, turns: int) -> dict[str, Any]:
    """Return what a call with `part.batch` images takes; see `benchmarks.gpu`."""
    segmenter: Any = loaded.network(part.network, part.precision)
    photo = loaded.photo(part.network)
    images = np.stack([np.roll(photo, STEP_PX * index, axis=1) for index in range(part.batch)])
    network = keras_network(segmenter)
    inputs = inputs_of(segmenter, list(images))
    before = network.num_compiled
    began = time.perf_counter()
    network(*inputs)
    compile_s = time.perf_counter() - began
    ms = _median_ms(lambda: network(*inputs), turns)
    with in_batches(segmenter, part.batch):
        segmenter.segment(images)
        segment_ms = _median_ms(lambda: segmenter.segment(images), turns)
    return {
        "on": segmenter.device,
        "photo_hw": photo.shape[:2],
        "ms": round(ms, 3),
        "frames_s": round(1e3 * part.batch / ms, 1),
        "device_ms": round(_device_ms(network, inputs, turns), 3),
        "segment_ms": round(segment_ms, 3),
        "compile_s": round(compile_s, 2) if network.num_compiled > before else None,
        "programs": network.num_compiled,
        **memory(loaded.device),
    }


def _median_ms(call: Callable[[], object], turns: int) -> float:
    taken = []
    for _ in range(turns):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return 1e3 * statistics.median(taken)


def _device_ms(network: KerasNetwork, inputs: list[Any], turns: int) -> float:
    """Return the time of a run where all begin at once and nothing is copied."""
    from keras import ops

    with network.scope():
        there = [ops.convert_to_tensor(array) for array in inputs]

    def wait(outputs: list[Any]) -> None:
        ops.convert_to_numpy(min(outputs, key=lambda x: int(np.prod(x.shape))))

    wait(network.start(*there))
    began = time.perf_counter()
    for _ in range(turns):
        outputs = network.start(*there)
    wait(outputs)
    return 1e3 * (time.perf_counter() - began) / turns
