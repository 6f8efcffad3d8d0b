"""The options that say which network is used and how, the same in every command."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from stream.commands.parts.command_line import (
    CommandError,
    Parser,
    on_disk,
    positive,
    say,
)

if TYPE_CHECKING:
    from segmentation.segmenter import Options, Segmenter
    from stream.foreground import Wanted


def add_model_options(parser: Parser) -> None:
    """Add them to a command's parser."""
    from segmentation.loading import network_names

    add = partial(parser.add_argument, group="what is found")
    models = ("auto", *network_names())
    add(
        "--model",
        type=network_or_auto,
        default="auto",
        metavar="NAME|FILE.onnx",
        input_after="",
        help=f"{', '.join(models)}, or a network of others for one foreground (docs/onnx.md); "
        "default: auto, which never downloads",
    )
    add(
        "--keep",
        metavar="CLASS[:N]|#ID,...",
        help="keep only these as foreground; person:1: the best one, #3: the object with that id",
    )
    add(
        "--weights",
        type=on_disk,
        metavar="FILE",
        input_after="",
        help="a weight file of your own, or got by hand",
    )
    _add_rare_options(partial(add, is_rare=True))


def _add_rare_options(add: Callable[..., object]) -> None:
    """Add those that few people need."""
    from segmentation.loading import CHOICES

    scores = (
        "default: mask-rcnn 0.7, mask-rcnn-person 0.5, rf-detr-* 0.5, yolact-* 0.15, centermask-* 0"
    )
    add(
        "--classes",
        metavar="NAME,...",
        help=r"names of the classes in that file; a comma in one is written \,",
    )
    add(
        "--min-score", type=_share, metavar="0..1", help=f"leave out less certain objects; {scores}"
    )
    add(
        "--size",
        "--input-size",
        type=positive,
        metavar="PIXELS",
        help="side of the network's input: 1024, 512, 320",
    )
    for name, values in (("mean", "0.485,0.456,0.406"), ("std", "0.229,0.224,0.225")):
        add(
            f"--{name}",
            type=partial(_of_pixels, name),
            metavar="R,G,B",
            help=f"of FILE.onnx, if asked for: it sees (pixel / 255 - mean) / std; {values}",
        )
    told = {
        "backend": "what computes the network",
        "device": "auto: a GPU, for networks slow without one and all of backend keras",
        "precision": "auto: tf32 on a GPU, else float32",
        "detail": "of portrait and mask-rcnn-person, fine: better outlines and smaller people for "
        "three or four times the milliseconds; auto: fine for photos, live for videos",
    }
    for name, choices in CHOICES.items():
        add(f"--{name}", default="auto", choices=choices, help=told[name])


def network_or_auto(text: str) -> str:
    """Return what `network` does, or "auto"."""
    return text if text == "auto" else network(text, "auto")


def network(text: str, *others: str) -> str:
    """Return the name of a network, or the path of an ONNX file, that an option is given.

    `others` may be given too.
    """
    from segmentation.loading import is_file, network_names

    names = network_names()
    if text not in names and not is_file(text):
        known = f"one of {', '.join((*others, *names))}, or FILE.onnx"
        raise argparse.ArgumentTypeError(f"{known}; got {text!r}")
    return text


def _of_pixels(name: str, text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    is_right = all(math.isfinite(value) and (name == "mean" or value > 0) for value in values)
    if len(values) not in (1, 3) or not is_right:
        raise argparse.ArgumentTypeError(f"one number or three, as 0.485,0.456,0.406, got {text!r}")
    return values


def wanted_objects(
    options: argparse.Namespace,
    *,
    numbers_allowed: bool = True,
    objects_allowed: bool = True,
    because: str = "",
) -> Wanted | None:
    """Return what `--keep` asks for, `None` without it: the same in every command that has it.

    Args:
        options: with those of `add_model_options`.
        numbers_allowed: "person:1" makes sense here.
        objects_allowed: "#3" does.
        because: says why one of them does not.

    Raises:
        CommandError: it cannot be read, or makes no sense here.
    """
    from stream.foreground import parse_keep

    try:
        return (
            None
            if options.keep is None
            else parse_keep(
                options.keep, numbers_allowed=numbers_allowed, objects_allowed=objects_allowed
            )
        )
    except ValueError as error:
        raise CommandError(f"--keep {error}" + (f": {because}" if because else "")) from error


def prepare_segmenter(options: argparse.Namespace, stack: ExitStack) -> None:
    """Begin with what loading most networks takes longest for; whoever leaves `stack` ends it."""
    if options.backend != "keras" and options.device != "gpu":
        from segmentation.runtime.openvino_network import import_openvino_ahead

        stack.callback(import_openvino_ahead().join)


def network_options(
    options: argparse.Namespace, wanted: Wanted | None, *, min_score: float | None = None
) -> Options:
    """Return how the network is loaded that the options name; see `load_segmenter`."""
    from segmentation.segmenter import Options

    return Options(
        weights=options.weights,
        min_score=min_score if options.min_score is None else options.min_score,
        # an object asked for by its id may be of any class
        keep=None if wanted is None or wanted.ids else list(wanted.classes),
        classes=None if options.classes is None else _names(options.classes),
        size=options.size,
        mean=options.mean,
        std=options.std,
        backend=options.backend,
        device=options.device,
        precision=options.precision,
        detail=options.detail,
        on_message=say,
    )


def load_segmenter(
    options: argparse.Namespace,
    wanted: Wanted | None,
    *,
    asks_for_instances: bool,
    min_score: float | None = None,
) -> Segmenter:
    """Load the network that the options name, and say which it is and what it runs on.

    Args:
        options: with those of `add_model_options`.
        wanted: see `wanted_objects`.
        asks_for_instances: people in one mask do not suffice, if it is `auto` that decides.
        min_score: in the place of the network's own, where the options name none.

    Raises:
        ValueError: the network cannot do what the options ask for.
        WeightsError: its weights are not there or cannot be used.
    """
    from segmentation.loading import load

    loading = network_options(options, wanted, min_score=min_score)
    asks_for_instances = asks_for_instances or wanted is not None
    segmenter = load(options.model, loading, asks_for_instances=asks_for_instances)
    say(f"model: {segmenter.name} on {segmenter.device}")
    return segmenter


def _names(text: str) -> list[str]:
    from stream.foreground import as_name, split

    return [as_name(part) for part in split(text, ",")]


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"a number from 0 to 1, got {text!r}")
    return share
