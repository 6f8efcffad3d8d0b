"""`run.py train`: trains a network on photos of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from stream.commands import CommandError, say


def run(arguments: Sequence[str]) -> int:
    """Run `train NETWORK`; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="run.py train", description="Train a network; goes on where it was interrupted."
    )
    parser.add_argument("network", choices=("portrait",))
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        nargs="+",
        help="folders with annotations.json (COCO) and images/",
    )
    parser.add_argument("--start", type=Path, help="weights to begin with, the .npz of a run")
    parser.add_argument("--run", type=Path, default=Path("runs/portrait"), help="checkpoints, log")
    parser.add_argument("--steps", type=int, default=10_000, help="batches of 32; default 10000")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    options = parser.parse_args(arguments)
    try:
        from segmentation.train_portrait import Schedule, train_portrait
    except ImportError as error:
        raise CommandError(
            f"train needs more packages ({error}): pip install '.[train]'"
        ) from error
    weights = train_portrait(
        options.data,
        options.run,
        Schedule(num_steps=options.steps),
        lambda line: say(str(line)),
        options.start,
    )
    say(f"weights: {weights}")
    return 0
