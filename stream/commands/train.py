"""`run.py train`: trains a network on photos of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segmentation.pip_command import install_extra
from stream.commands import CommandError, Parser, learning_rate, positive, say, train_mask_rcnn


def run(arguments: Sequence[str]) -> int:
    """Run `train NETWORK`; returns the exit code."""
    if arguments[:1] == ["mask-rcnn"]:
        return train_mask_rcnn.run(arguments[1:])
    options = _parser().parse_args(arguments)
    if options.network == "mask-rcnn":
        raise CommandError("mask-rcnn has options of its own; name it first: train mask-rcnn ...")
    if options.network == "portrait" and options.epochs:
        raise CommandError("--epochs: of mask-rcnn-person; give --steps")
    if options.network != "portrait" and options.steps:
        raise CommandError("--steps: of portrait; give --epochs")
    try:
        from segmentation.runtime.keras_network import import_keras

        import_keras()
        train = _train_portrait if options.network == "portrait" else _train_person
        weights = train(options, options.run or Path("runs") / options.network)
    except ImportError as error:
        raise CommandError(
            f"train needs more packages ({error}): {install_extra('train')}"
        ) from error
    say(f"weights: {weights}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "train",
        description="Train a network; goes on where it was interrupted. mask-rcnn has options "
        "of its own: run.py train mask-rcnn --help.",
    )
    add = parser.add_argument
    add("network", choices=("portrait", "mask-rcnn", "mask-rcnn-person"))
    add(
        "--data",
        type=Path,
        required=True,
        nargs="+",
        help="folders with annotations.json (COCO) and images/",
    )
    add("--start", type=Path, help="weights to begin with, the .npz of a run")
    add("--run", type=Path, help="for checkpoints, logs and weights; runs/NETWORK without it")
    add("--steps", type=positive, help="of portrait: batches of 32")
    add("--learning-rate", type=learning_rate, metavar="RATE", help="at its peak")
    add("--epochs", type=positive, help="of mask-rcnn-person: passes over the photos")
    add("--debug", action="store_true", help="show where an error comes from")
    return parser


def _train_portrait(options: argparse.Namespace, run: Path) -> Path:
    from segmentation.training.bundled.portrait_schedule import Schedule
    from segmentation.training.bundled.train_portrait import train_portrait

    schedule = Schedule()
    if options.steps:
        schedule = replace(schedule, num_steps=options.steps)
    if options.learning_rate:
        schedule = replace(schedule, learning_rate=options.learning_rate)
    return train_portrait(options.data, run, schedule, say, options.start)


def _train_person(options: argparse.Namespace, run: Path) -> Path:
    from segmentation.training.bundled.train_person import SETTINGS, train_person

    settings = SETTINGS
    if options.start:
        settings = replace(settings, start=str(options.start))
    if options.epochs:
        settings = replace(settings, epochs=options.epochs)
    if options.learning_rate:
        settings = replace(settings, learning_rate=options.learning_rate)
    return train_person(options.data, run, settings, say, train_mask_rcnn.draw)
