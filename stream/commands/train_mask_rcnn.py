"""`run.py train mask-rcnn`: trains a Mask R-CNN on photos annotated by the user."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stream.commands.parts.command_line import (
    CommandError,
    Parser,
    add_debug_option,
    learning_rate,
    on_disk,
    positive,
    say,
)
from stream.commands.parts.data_options import add_data_options, read_data

if TYPE_CHECKING:
    from segmentation.data import Photo
    from segmentation.instances import Instances

#: Names of weights: those to be fetched, and those that need no file
PUBLISHED, WITHIN = ("coco", "imagenet"), ("person", "portrait", "none")
#: White between annotations and result, in pixels
GAP = 8
DESCRIPTION = """Train a Mask R-CNN on your own photos. The run goes on where it was interrupted.

In the folder of the run are the best weights (best.h5), the losses of every step (steps.csv), what
each epoch reached (epochs.csv), both for TensorBoard (tensorboard/), and photos of the validation
with their annotations on the left and what was found on the right (pictures/). More --epochs go on
with a finished run."""


def train(options: argparse.Namespace) -> str:
    """Train as the options say; returns what is said at the end."""
    from segmentation.training.mask_rcnn.graph import TRAINED_LAYERS
    from segmentation.training.mask_rcnn.start_weights import KNOW_NO_OBJECTS
    from segmentation.training.mask_rcnn.train_mask_rcnn import precision_of, train_mask_rcnn
    from segmentation.training.mask_rcnn.trainer import Settings

    backbone = _backbone(options)
    if options.layers is not None and options.layers not in TRAINED_LAYERS:
        raise CommandError(f"--layers: one of {', '.join(TRAINED_LAYERS)}, got {options.layers}")
    knows_objects = options.weights not in KNOW_NO_OBJECTS
    rate = options.learning_rate or _learning_rate(options.weights, backbone)
    settings = Settings(
        start=options.weights,
        layers=options.layers or ("heads" if knows_objects else "all"),
        backbone=backbone,
        size=options.size,
        epochs=options.epochs,
        images_per_device=options.batch,
        learning_rate=rate,
        precision=precision_of(options.precision),
    )
    dataset = read_data(options.data, options)
    validation = None if options.val_data is None else read_data(options.val_data, options)
    say(f"{len(dataset.photos)} photos, classes {', '.join(dataset.classes)}")
    weights = train_mask_rcnn(dataset, options.run, settings, say, draw, validation)
    return f"weights: {weights}; use them with --model mask-rcnn --weights {weights}"


def add_parser(add_to: Callable[..., Parser]) -> None:
    """Add the options of `train mask-rcnn` to those of `train`.

    Args:
        add_to: `add_parser` of what `add_subparsers` returned.
    """
    from segmentation.mask_rcnn.published import BACKBONES

    parser = add_to(
        "mask-rcnn",
        help="objects of your own, one by one",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(train=train)
    add = parser.add_argument
    add("--data", type=on_disk, required=True, metavar="FOLDER|JSON", help="annotated photos")
    add(
        "--val-data",
        type=on_disk,
        metavar="FOLDER|JSON",
        help="to validate with; default: the part val of the data, else a fifth of the photos",
    )
    add_data_options(parser)
    add(
        "--weights",
        default="coco",
        metavar="coco|imagenet|person|portrait|FILE|none",
        help="to begin with; default: coco (run.py models fetch mask-rcnn); person and "
        "portrait are in the package",
    )
    add("--layers", metavar="heads|3+|4+|5+|all", help="what learns; default: heads, or all anew")
    add(
        "--backbone",
        choices=BACKBONES,
        help="default: that of the weights; small is that of mask-rcnn-person, for processors",
    )
    add("--epochs", type=positive, default=20, help="passes over the photos; default: 20")
    add("--size", type=_size, default=512, help="side of the network's input; default: 512")
    add("--batch", type=positive, default=2, help="images on each device in a step; default: 2")
    add("--learning-rate", type=learning_rate, metavar="RATE", help="after a warm-up; falls to 0")
    precisions = ("auto", "float32", "bfloat16")
    add("--precision", default="auto", choices=precisions, help="auto: bfloat16 on GPUs with it")
    add("--run", type=on_disk, default=Path("runs/mask-rcnn"), help="default: runs/mask-rcnn")
    add_debug_option(parser)


def _size(text: str) -> int:
    size = int(text) if text.isdecimal() else 0
    if size == 0 or size % 64:
        raise argparse.ArgumentTypeError(f"a multiple of 64 such as 512, got {text!r}")
    return size


def _backbone(options: argparse.Namespace) -> str:
    """Return the name of the backbone: as asked for, else that of the weights."""
    of_weights = {
        "coco": "resnet101",
        "imagenet": "resnet50",
        "none": "resnet50",
        "person": "small",
        "portrait": "small",
    }
    if options.backbone is not None or options.weights in of_weights:
        return str(options.backbone or of_weights[options.weights])
    from segmentation.mask_rcnn.published import backbone_of
    from segmentation.weights.hdf5_weights import read_shapes

    path = Path(options.weights)
    return "small" if path.suffix == ".npz" else backbone_of(path, read_shapes(path))


def _learning_rate(weights: str, backbone: str) -> float:
    """Return the rate that suits the optimizer and what there is to lose."""
    if weights == "none":
        return 0.0005
    return 0.0002 if backbone == "small" else 0.001


def draw(photo: Photo, found: Instances, classes: Sequence[str]) -> NDArray[np.uint8]:
    """Return a photo twice: on the left with its annotations, on the right with what was found.

    It is the `Draw` of `segmentation.training.mask_rcnn.validation`.
    """
    from stream.commands import data
    from stream.live.hud import mark_instances

    truth = data.draw(photo, classes)
    image = photo.image(data.DRAWN_SIDE)
    scaled = found.scaled_to((image.shape[0], image.shape[1]))
    marked = mark_instances(image, scaled, np.ones(len(found), np.bool_), classes)
    gap = np.full((len(image), GAP, 3), 255, np.uint8)
    return np.hstack([truth, gap, marked])
