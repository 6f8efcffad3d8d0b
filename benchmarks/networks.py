"""Milliseconds and memory an image of each network, backend and input size, one thread.

python -m benchmarks.networks PHOTO [--networks mask-rcnn yolact-base] [--backends openvino]
    [--weights mask_rcnn_coco.h5] [--sizes 320 512] [--precision bfloat16] [--stages]
    [--weights-in FOLDER]

`--sizes`, `--precision` and `--stages` are for Mask R-CNN, of which several sizes are run.
`--weights` is for one network, `--weights-in` for many: NAME.h5 or NAME.pth there; without them
they are those on disk (`run.py models`). A network may be FILE.onnx.

Prints one JSON object for each. `ms` is the median of `--turns` images after the first, which
compiles (`first_s`); where a network is another one for photos, those of a video's frames, and
those of photos in `as_for_photos`. `cpu_ms` counts the processor's time alone, which others on the
machine disturb less. `load_s` is long where the network is exported first. `peak_memory_mb` is that
of the process, a fresh one for each line. Masks and objects count: a photo in which more is found
takes longer.
`--stages` adds the milliseconds of each stage, from a second run on OpenVINO. On a GPU: --backends
keras --device gpu. With `--backends openvino rfdetr` RF-DETR runs by its authors' package as well,
where that is installed (`benchmarks.common.rfdetr_package`), from the same file of weights.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.command import run_command
from benchmarks.common.rfdetr_package import CLASSES, RFDETRPackage
from benchmarks.stages import stage_times_ms
from segmentation.loading import load
from segmentation.mask_rcnn.published import PUBLISHED_SIZE
from segmentation.segmenter import DetailedSegmenter, Options, Segmenter, TwofoldSegmenter
from segmentation.weights.presets import PRESETS
from segmentation.weights.store import locate
from stream.commands.parts.model_options import network
from stream.files.photos import read_photo
from stream.stats import peak_memory_mb

#: the backend that is RF-DETR's own program
PACKAGE = "rfdetr"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--networks", nargs="+", default=["portrait", "mask-rcnn"], type=network)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--weights-in", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[320, 512, 1024])
    parser.add_argument("--backends", nargs="+", default=["openvino", "keras"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    runs = []
    for name, backend in itertools.product(options.networks, options.backends):
        weights = options.weights or found_in(options.weights_in, name)
        if name == "mask-rcnn":
            chosen = Options(
                weights=weights,
                backend=backend,
                device=options.device,
                precision=options.precision,
            )
            runs += [(name, replace(chosen, size=size)) for size in options.sizes]
        else:
            more = {"weights": weights, "device": options.device}
            runs.append((name, Options(backend=backend, **more)))
    fresh = multiprocessing.get_context("spawn")
    failed = False
    for name, chosen in runs:
        stages = options.stages and name == "mask-rcnn" and chosen.backend == "openvino"
        arguments = (name, chosen, options.photo, options.turns, stages)
        process = fresh.Process(target=run_command, args=(partial(measure, *arguments),))
        process.start()
        process.join()
        failed |= process.exitcode != 0
    sys.exit(int(failed))


def found_in(folder: Path | None, name: str) -> Path | None:
    """Return the weights of a network in a folder, `None` where it has none."""
    paths = [folder / f"{name}{ending}" for ending in (".h5", ".pth")] if folder else []
    return next((path for path in paths if path.exists()), None)


def measure(name: str, options: Options, photo: Path, turns: int, stages: bool) -> None:
    """Print one line; in a process of its own, held to one processor."""
    if hasattr(os, "sched_setaffinity"):
        # TensorFlow takes its number of threads from here
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    started = time.perf_counter()
    segmenter = loaded(name, options)
    load_s = time.perf_counter() - started
    image = read_photo(photo)[None]
    line = {
        "network": name,
        "backend": options.backend,
        "device": segmenter.device,
        "size": options.size,
        "load_s": round(load_s, 2),
    }
    in_video = segmenter
    if isinstance(segmenter, TwofoldSegmenter):
        in_video = segmenter.for_video()
    elif isinstance(segmenter, DetailedSegmenter):
        in_video = segmenter.for_frames()
    if in_video is not segmenter:
        line["as_for_photos"] = times(segmenter, image, turns)
    segmenter = in_video
    line |= times(segmenter, image, turns) | {"peak_memory_mb": peak_memory_mb()}
    if stages:
        weights = options.weights or locate(PRESETS["mask-rcnn"])
        size = options.size or PUBLISHED_SIZE
        line["stages_ms"] = stage_times_ms(image[0], weights, size, turns)
    print(json.dumps(line), flush=True)


def loaded(name: str, options: Options) -> Segmenter | RFDETRPackage:
    """Return a network ready to run."""
    if options.backend != PACKAGE:
        return load(name, options)
    if name not in CLASSES:
        raise ValueError(f"{name}: the package {PACKAGE} has RF-DETR alone")
    return RFDETRPackage(name, options.weights or locate(PRESETS[name]))


def times(
    segmenter: Segmenter | RFDETRPackage, image: NDArray[np.uint8], turns: int
) -> dict[str, Any]:
    """Return what the first run takes and the others, whose median counts."""
    started = time.perf_counter()
    (found,) = segmenter.segment(image)
    first_s = time.perf_counter() - started
    taken, cpu_taken = [], []
    for _ in range(turns):
        started, cpu_started = time.perf_counter(), time.process_time()
        segmenter.segment(image)
        taken.append(time.perf_counter() - started)
        cpu_taken.append(time.process_time() - cpu_started)
    return {
        "ms": round(statistics.median(taken) * 1e3, 1),
        "cpu_ms": round(statistics.median(cpu_taken) * 1e3, 1),
        "first_s": round(first_s, 2),
        "objects": len(found),
    }


if __name__ == "__main__":
    run_command(main)
