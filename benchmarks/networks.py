"""Milliseconds and memory an image of each network, backend and input size, one thread.

python -m benchmarks.networks PHOTO [--networks mask-rcnn yolact-base] [--backends openvino]
    [--weights mask_rcnn_coco.h5] [--sizes 320 512]

The last two are for Mask R-CNN, of which several sizes are run. Weights of the others, and its own
where none are given, are those on disk (`run.py models`).

Prints one JSON object for each. `ms` is the median of `--turns` images after the first, which
compiles; `peak_memory_mb` is that of the process, a fresh one for each line. Masks and objects
count: a photo in which more is found takes longer.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path

from segmentation.segmenter import LOADERS, Options, load
from stream.photos import read_photo
from stream.stats import peak_memory_mb


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--networks", nargs="+", default=["portrait", "mask-rcnn"], choices=LOADERS)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[320, 512, 1024])
    parser.add_argument("--backends", nargs="+", default=["openvino", "keras"])
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    runs = []
    for name, backend in itertools.product(options.networks, options.backends):
        if name == "mask-rcnn":
            chosen = Options(weights=options.weights, backend=backend)
            runs += [(name, replace(chosen, size=size)) for size in options.sizes]
        else:
            runs.append((name, Options(backend=backend)))
    fresh = multiprocessing.get_context("spawn")
    for name, chosen in runs:
        process = fresh.Process(target=measure, args=(name, chosen, options.photo, options.turns))
        process.start()
        process.join()


def measure(name: str, options: Options, photo: Path, turns: int) -> None:
    """Print one line; in a process of its own, held to one processor."""
    if hasattr(os, "sched_setaffinity"):
        # TensorFlow takes its number of threads from here
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    segmenter = load(name, options)
    image = read_photo(photo)[None]
    started = time.perf_counter()
    (found,) = segmenter.segment(image)
    first_s = time.perf_counter() - started
    times = []
    for _ in range(turns):
        started = time.perf_counter()
        segmenter.segment(image)
        times.append(time.perf_counter() - started)
    line = {
        "network": name,
        "backend": options.backend,
        "device": segmenter.device,
        "size": options.size,
        "ms": round(statistics.median(times) * 1e3, 1),
        "first_s": round(first_s, 2),
        "objects": len(found),
        "peak_memory_mb": peak_memory_mb(),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
