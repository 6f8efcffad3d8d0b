"""Parity and speed of all families on a GPU, in parts, as JSON lines.

python -m benchmarks.gpu [--resume gpu.jsonl] [--minutes 9] [--networks rvm-mobilenet ...]
    [--precisions float32 tf32 bfloat16] [--batches 1 4 8] [--kinds parity speed video film]
    [--device cpu --small]

Lines go to stdout and are appended to the file of `--resume`; parts that are in it are left out, so
the same command goes on where it ended. After `--minutes` no part is begun, and one that would
probably take longer than what is left isn't either; the last line says which are left. The parts,
in this order, of each network and precision:

- `parity`: what is found in a photo, held against the original program's numbers in tests/golden;
  of the networks in the package, which have no other original, against what the CPU computes.
- `speed`: `ms` and `frames_s` from bytes on the host to results on the host, `device_ms` of runs
  one after the other without copies, `segment_ms` with masks brought to the photo, `compile_s`,
  `programs` compiled, `memory_mb` and `peak_memory_mb` of the process so far.
- `video`: frames in memory through network, tracker, refiner and effect, as a run has them.
- `film`, if it is among `--kinds`: the same from a file into a file, which takes ffmpeg.

Weights are made by the recipe of the tests, nothing is fetched. It needs Keras, optree and h5py
beside JAX or TensorFlow, and runs from the checkout; OpenVINO, ffmpeg and scikit-image may be
absent. Without scikit-image the photo is given: --photo astronaut.png, 512x512, the one it carries.
"""

from __future__ import annotations

import argparse
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.common.command import run_command
from benchmarks.gpu.machine import choose_backend, machine
from benchmarks.gpu.networks import NETWORKS, SMALL_NETWORKS, Loaded
from benchmarks.gpu.parity import parity
from benchmarks.gpu.parts import KINDS, Part, parts_of
from benchmarks.gpu.results import Results
from benchmarks.gpu.speed import speed
from benchmarks.gpu.video import film, video

#: guessed before any part has been run
FIRST_PART_S = 45.0
PRECISIONS = ("float32", "tf32", "bfloat16")


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    started = time.monotonic()
    options = _parser().parse_args(arguments)
    choose_backend()
    given = Given(options)
    results = Results(options.resume)
    results.add({"part": "machine", **machine(options.device)})
    waiting = [part for part in given.parts if str(part) not in results.done]
    longest_s, ends = FIRST_PART_S, started + 60 * options.minutes
    with Loaded(options.device, given.small, options.weights_in, options.photo) as loaded:
        while waiting and time.monotonic() + longest_s < ends:
            part, began = waiting.pop(0), time.monotonic()
            results.add(_measured(part, loaded, options.turns))
            taken = time.monotonic() - began
            longest_s = max(taken, longest_s if results.num_added > 2 else 0.0)
    results.tell({"left": [str(part) for part in waiting], "of": len(given.parts)})


class Given:
    """What the options ask for.

    Attributes:
        small: everything is as small as it can be, to see whether it runs.
        parts: in the order of their importance.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        """Take apart what was given."""
        self.small: bool = options.small
        known = SMALL_NETWORKS if self.small else NETWORKS
        names = options.networks or list(known)
        if unknown := set(names) - set(known):
            raise ValueError(f"{', '.join(sorted(unknown))}: known are {', '.join(known)}")
        on_gpu = options.device == "gpu"
        precisions = options.precisions or (PRECISIONS if on_gpu else ("float32", "bfloat16"))
        batches = options.batches or ((1, 2) if self.small else (1, 4, 8))
        parts = parts_of(names, precisions, batches, options.kinds)
        # those without an original are held against a processor
        self.parts = [
            part
            for part in parts
            if on_gpu or part.kind != "parity" or NETWORKS[part.network].golden is not None
        ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--resume", type=Path, default=Path("gpu.jsonl"), help="file of results")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--networks", nargs="+")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS)
    parser.add_argument("--batches", nargs="+", type=int)
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--small", action="store_true", help="two networks, small inputs")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS[:3])
    parser.add_argument("--turns", type=int, default=20, help="runs that are timed")
    parser.add_argument("--weights-in", type=Path, help="folder where weights are made and kept")
    parser.add_argument("--photo", type=Path, help="scikit-image's astronaut.png")
    return parser


def _measured(part: Part, loaded: Loaded, turns: int) -> dict[str, Any]:
    """Return the line of a part; where it fails, why, and the others go on."""
    measure = dict(zip(KINDS, (parity, speed, video, film), strict=True))[part.kind]
    began = time.monotonic()
    try:
        line = measure(part, loaded, turns)
    except Exception as error:  # whatever a backend raises
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        line = {"error": said, "at": f"{Path(where.filename).name}:{where.lineno}"}
    return {"part": str(part), **line, "took_s": round(time.monotonic() - began, 1)}


if __name__ == "__main__":
    run_command(main)
