"""`run.py train`: trains a network on photos of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segmentation.errors import PictureError
from segmentation.pip_command import install_extra
from stream.commands import train_mask_rcnn
from stream.commands.parts.command_line import (
    CommandError,
    Parser,
    add_debug_option,
    learning_rate,
    on_disk,
    positive,
    say,
)
from stream.errors import StreamError

EXAMPLES = """\
Each network has options of its own: run.py train NETWORK --help.

examples:
  run.py train mask-rcnn --data balloons/
  run.py train portrait --data photos/ --run runs/portrait
"""


def run(arguments: Sequence[str]) -> int:
    """Run `train NETWORK`; returns the exit code."""
    options = command_parser().parse_args(arguments)
    _check_inputs(options)
    try:
        from segmentation.runtime.keras_network import import_keras

        import_keras()
        told: str = options.train(options)
    except KeyboardInterrupt:
        say(f"interrupted; {_next(options.run)}")
        raise
    except PictureError as error:
        raise StreamError(f"{error}; once it is there again, {_next(options.run)}") from error
    except OSError as error:
        what = str(error.strerror or error).splitlines()[0]
        raise StreamError(
            f"{error.filename or options.run}: {what}; once that is put right, {_next(options.run)}"
        ) from error
    except ImportError as error:
        raise CommandError(
            f"train needs more packages ({error}): {install_extra('train')}"
        ) from error
    say(told)
    return 0


def _next(run: Path) -> str:
    """Return what the same command does after a training that was cut short."""
    if any((run / name).is_dir() for name in ("checkpoint", "checkpoint.old")):
        return f"the same command goes on from the last checkpoint in {run}"
    return "there is no checkpoint yet, so the same command begins anew"


def _check_inputs(options: argparse.Namespace) -> None:
    """Look for data and weights first: TensorFlow takes many seconds to come."""
    data = options.data if isinstance(options.data, list) else [options.data]
    more = [getattr(options, name, None) for name in ("val_data", "start")]
    for path in [*data, *(each for each in more if each is not None)]:
        if not path.exists():
            raise StreamError(f"{path}: there is no such file or folder")
    weights = getattr(options, "weights", None)
    if weights in train_mask_rcnn.PUBLISHED:
        from segmentation.weights.presets import IMAGENET_RESNET50, PRESETS
        from segmentation.weights.store import locate

        locate(PRESETS["mask-rcnn"] if weights == "coco" else IMAGENET_RESNET50)
    elif weights not in (None, *train_mask_rcnn.WITHIN) and not Path(weights).exists():
        names = ", ".join((*train_mask_rcnn.PUBLISHED, *train_mask_rcnn.WITHIN))
        raise StreamError(f"{weights}: there is no such file of weights; name one, or {names}")


def command_parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        "train",
        description="Train a network; goes on where it was interrupted.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    networks = parser.add_subparsers(
        title="networks", dest="network", metavar="NETWORK", required=True
    )
    portrait = networks.add_parser(
        "portrait",
        help="the default: all people as one, in the package",
        description="Train the portrait network anew, on photos of people.",
    )
    _add_options(portrait, "portrait", "--steps", "batches of 32")
    portrait.add_argument(
        "--teacher",
        nargs="+",
        default=(),
        metavar="MODEL",
        help="networks whose masks are learned from too, as --model takes them; default: none",
    )
    portrait.set_defaults(train=_train_portrait)
    train_mask_rcnn.add_parser(networks.add_parser)
    person = networks.add_parser(
        "mask-rcnn-person",
        help="people one by one, in the package",
        description="Train mask-rcnn-person anew, on photos of people.",
    )
    _add_options(person, "mask-rcnn-person", "--epochs", "passes over the photos")
    person.set_defaults(train=_train_person)
    return parser


def _add_options(parser: Parser, network: str, length: str, unit: str) -> None:
    """Add the options of a network in the package, of which `length` says how long, in `unit`."""
    add = parser.add_argument
    add(
        "--data",
        type=on_disk,
        required=True,
        nargs="+",
        metavar="FOLDER",
        help="folders with annotations.json (COCO) and images/",
    )
    add("--start", type=on_disk, metavar="FILE", help="weights to begin with, the .npz of a run")
    folder = Path("runs") / network
    add(
        "--run",
        type=on_disk,
        default=folder,
        metavar="FOLDER",
        help=f"for checkpoints, logs and weights; default: {folder}",
    )
    add(length, type=positive, metavar="N", help=unit)
    add("--learning-rate", type=learning_rate, metavar="RATE", help="at its peak")
    add_debug_option(parser)


def _train_portrait(options: argparse.Namespace) -> str:
    from segmentation.training.bundled.portrait_schedule import Schedule
    from segmentation.training.bundled.train_portrait import train_portrait

    schedule = Schedule(teachers=tuple(options.teacher))
    if options.steps:
        schedule = replace(schedule, num_steps=options.steps)
    if options.learning_rate:
        schedule = replace(schedule, learning_rate=options.learning_rate)
    weights = train_portrait(options.data, options.run, schedule, say, options.start)
    return f"weights: {weights}"


def _train_person(options: argparse.Namespace) -> str:
    from segmentation.training.bundled.train_person import SETTINGS, train_person

    settings = SETTINGS
    if options.start:
        settings = replace(settings, start=str(options.start))
    if options.epochs:
        settings = replace(settings, epochs=options.epochs)
    if options.learning_rate:
        settings = replace(settings, learning_rate=options.learning_rate)
    weights = train_person(options.data, options.run, settings, say, train_mask_rcnn.draw)
    return f"weights: {weights}"
