"""`run.py train`: trains a network on photos of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stream.commands import CommandError, positive, say, train_mask_rcnn


def run(arguments: Sequence[str]) -> int:
    """Run `train NETWORK`; returns the exit code."""
    if arguments[:1] == ["mask-rcnn"]:
        return train_mask_rcnn.run(arguments[1:])
    parser = argparse.ArgumentParser(
        prog="run.py train",
        description="Train a network; goes on where it was interrupted. mask-rcnn has options "
        "of its own: run.py train mask-rcnn --help.",
    )
    parser.add_argument("network", choices=("portrait", "mask-rcnn", "mask-rcnn-person"))
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        nargs="+",
        help="folders with annotations.json (COCO) and images/",
    )
    parser.add_argument("--start", type=Path, help="weights to begin with, the .npz of a run")
    parser.add_argument(
        "--run", type=Path, help="folder of checkpoints and log; default: runs/NETWORK"
    )
    parser.add_argument(
        "--steps", type=positive, help="batches of 32 photos, for mask-rcnn-person of 8"
    )
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    options = parser.parse_args(arguments)
    try:
        train, schedule = _training(options.network)
    except ImportError as error:
        raise CommandError(
            f"train needs more packages ({error}): pip install '.[train]'"
        ) from error
    weights = train(
        options.data,
        options.run or Path("runs") / options.network,
        schedule(num_steps=options.steps) if options.steps else schedule(),
        lambda line: say(str(line)),
        options.start,
    )
    say(f"weights: {weights}")
    return 0


def _training(network: str) -> tuple[Callable[..., Path], Callable[..., Any]]:
    """Return the function that trains a network and what describes its schedule."""
    from segmentation.runtime import import_keras

    import_keras()
    if network == "portrait":
        from segmentation.training.train_portrait import Schedule, train_portrait

        return train_portrait, Schedule
    from segmentation.training import train_person

    return train_person.train_person, train_person.Schedule
