"""Where the time of Mask R-CNN goes: milliseconds of each stage, from OpenVINO's own counters."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.mask_rcnn.molding import molded_inputs
from segmentation.mask_rcnn.segmenter import origin, unmold
from segmentation.runtime.compiling import exported
from segmentation.runtime.winograd import use_winograd
from segmentation.segmenter import Options

#: how the names of a stage's layers begin -> the stage, in the order they are run in
STAGES = {
    "": "backbone and FPN",
    "rpn_": "RPN",
    "proposals": "proposals",
    "roi_align_classifier": "RoIAlign",
    "mrcnn_": "box head",
    "detections": "detections",
    "masks": "RoIAlign and mask head of the detections",
}


def stage_times_ms(
    image: NDArray[np.uint8], weights: Path, size: int, turns: int
) -> dict[str, float]:
    """Return the median time of each stage for one image, on one thread.

    Args:
        image: (H, W, 3) uint8 RGB.
        weights: of Matterport's program.
        size: of the network's input, in pixels.
        turns: images to run, after a first one.
    """
    import openvino

    def build() -> Any:
        from segmentation.mask_rcnn.by_backbone import load_network

        return load_network(weights, size)

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERF_COUNT": True,
    }
    core = openvino.Core()
    model = core.read_model(exported(build, origin(weights, size), Options()))
    use_winograd(model)
    compiled = core.compile_model(model, "CPU", settings)
    stages = _stages(compiled.get_runtime_model())
    request = compiled.create_infer_request()
    least = np.full((1, compiled.input(2).shape[1]), 0.7, np.float32)
    least[:, 0] = 2
    turns_ms: list[dict[str, float]] = []
    before = dict.fromkeys(STAGES.values(), 0.0)
    for turn in range(1, turns + 2):
        around_ms, network_ms = _run(image, size, least, request)
        # the counters are means over all turns so far
        total = {stage: turn * mean for stage, mean in _counted_ms(request, stages).items()}
        layers_ms = {stage: total[stage] - before[stage] for stage in total}
        before = total
        between_ms = network_ms - sum(layers_ms.values())
        turns_ms.append(around_ms | layers_ms | {"between layers": between_ms})
    return {
        stage: round(statistics.median(turn[stage] for turn in turns_ms[1:]), 1)
        for stage in turns_ms[0]
    }


def _run(
    image: NDArray[np.uint8], size: int, least: NDArray[np.float32], request: Any
) -> tuple[dict[str, float], float]:
    """Run one image; returns the times around the network, and that of the network."""
    started = time.perf_counter()
    inputs = molded_inputs(image[None], size)
    molded = time.perf_counter()
    outputs = [np.array(x) for x in request.infer([*inputs, least]).values()]
    found = time.perf_counter()
    unmold(*(x[0] for x in outputs), window=inputs[1][0], size_hw=image.shape[:2])
    done = time.perf_counter()
    around = {"molding": 1e3 * (molded - started), "mask pasting": 1e3 * (done - found)}
    return around, 1e3 * (found - molded)


def _counted_ms(request: Any, stages: dict[str, str]) -> dict[str, float]:
    """Return what OpenVINO counted so far for each stage, a mean over all calls."""
    times_ms = dict.fromkeys(STAGES.values(), 0.0)
    for layer in request.profiling_info:
        stage = stages.get(layer.node_name, STAGES[""])
        times_ms[stage] += layer.real_time.total_seconds() * 1e3
    return times_ms


def _stages(model: Any) -> dict[str, str]:
    """Return the stage of every layer of a compiled network, by name.

    Fused layers have lost their names. They belong to the stage of what they read; of those that
    read the backbone, the ones that boxes and masks cannot see are the RPN's.
    """
    order = list(STAGES)
    layers = [node for node in model.get_ordered_ops() if "Const" not in node.get_type_name()]
    sources: dict[str, list[str]] = defaultdict(list)
    rank: dict[str, int] = {}
    for node in layers:
        name = node.get_friendly_name()
        sources[name] = [
            port.get_source_output().get_node().get_friendly_name() for port in node.inputs()
        ]
        begins = max((key for key in order if name.startswith(key)), key=len)
        rank[name] = order.index(begins) or max((rank.get(x, 0) for x in sources[name]), default=0)
    seen: set[str] = set()
    waiting = [x for name, place in rank.items() if place > 2 for x in sources[name]]
    while waiting:
        name = waiting.pop()
        if rank.get(name) == 0 and name not in seen:
            seen.add(name)
            waiting += sources[name]
    return {
        name: STAGES[order[place]] if place or name in seen else STAGES["rpn_"]
        for name, place in rank.items()
    }
