"""`run.py evaluate`: measures a network on annotated photos or frames."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from stream.commands.parts.command_line import (
    Parser,
    add_debug_option,
    json_file,
    on_disk,
    say,
)
from stream.commands.parts.data_options import add_data_options, read_data
from stream.commands.parts.model_options import add_model_options, load_segmenter, wanted_objects
from stream.commands.parts.progress import picture_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segmentation.data import Dataset, Photo
    from segmentation.evaluation.average_precision import AveragePrecision
    from segmentation.evaluation.foreground_quality import Example, ForegroundQuality
    from segmentation.segmenter import Segmenter
    from stream.foreground import Wanted

COLUMNS = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_small": "small",
    "ap_medium": "medium",
    "ap_large": "large",
    "recall": "recall",
}
EXAMPLES = """\
--data: COCO JSON, VIA JSON, a folder of LabelMe JSON, YOLO's data.yaml or its folder, masks of VOC
or CVAT, a folder with images/ and masks/, or a folder of video frames as DAVIS lays them out
(JPEGImages, Annotations). Where there are parts to train on, to validate with and to test with,
the last counts.

Photos give COCO's average precision of boxes and masks, in per cent, in all, by class and by
size; objects count from a score of 0.05 on, unless --min-score is given. Frames, and photos with
--union, give the overlap (IoU, J) of the union of all masks with the true foreground, and the
agreement of the outlines (F).

examples:
  run.py evaluate --data annotations.json --model mask-rcnn
  run.py evaluate --data photos/ --model mask-rcnn --weights my.h5 --json figures.json
  run.py evaluate --data photos/ --model portrait --union
  run.py evaluate --data DAVIS/ --model mask-rcnn --keep person
"""


def run(arguments: Sequence[str]) -> int:
    """Run `evaluate`; returns the exit code."""
    options = command_parser().parse_args(arguments)
    from segmentation.data.mask_frames import has_sequences
    from stream.files.outputs import check_free, save

    if options.json is not None:
        check_free(options.json, overwrite=True, input_paths=[options.data])
    wanted = wanted_objects(
        options,
        numbers_allowed=False,
        objects_allowed=False,
        because="all of their objects count",
    )
    measure = _frames if has_sequences(options.data) else _photos
    figures = measure(options, wanted)
    if options.json is not None:
        save((json.dumps(figures, indent=2) + "\n").encode(), options.json)
    return 0


def command_parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        "evaluate",
        description="Measure a network on annotated photos or frames.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=on_disk, required=True, help="annotated photos or frames (see below)")
    add("--union", action="store_true", help="of photos: all objects together, not each")
    add("--json", type=json_file, metavar="FILE.json", help="write the figures there too, 0 to 1")
    add_data_options(parser)
    add_model_options(parser)
    add_debug_option(parser)
    return parser


def _photos(options: argparse.Namespace, wanted: Wanted | None) -> dict[str, Any]:
    from segmentation.evaluation.average_precision import MIN_SCORE
    from segmentation.loading import has_min_score

    dataset = _to_measure(read_data(options.data, options))
    has_scores = not options.union and has_min_score(options.model, options.weights)
    segmenter = load_segmenter(
        options,
        wanted,
        asks_for_instances=not options.union,
        min_score=MIN_SCORE if has_scores else None,
    )
    if not segmenter.separates_objects and not options.union:
        say(
            f"{segmenter.name} gives one mask for all objects, of which AP means nothing; "
            "--union measures it"
        )
    measure = _union_of_photos if options.union else _objects_of_photos
    keep = None if wanted is None else list(wanted.classes)
    return _head(options, segmenter) | measure(segmenter, dataset, keep)


def _to_measure(dataset: Dataset) -> Dataset:
    """Return the photos to test with; to validate with where there are none, or all."""
    num = len(dataset.photos)
    for split in ("test", "val"):
        photos = tuple(photo for photo in dataset.photos if photo.split == split)
        if photos and len(photos) < num:
            say(f"measured on the {len(photos)} photos of the part {split}, of {num}")
            return replace(dataset, photos=photos)
    return dataset


def _head(options: argparse.Namespace, segmenter: Segmenter) -> dict[str, Any]:
    """Return what the figures are of."""
    weights = None if options.weights is None else str(options.weights)
    return {"data": str(options.data), "model": segmenter.name, "weights": weights}


def _objects_of_photos(
    segmenter: Segmenter, dataset: Dataset, keep: list[str] | None
) -> dict[str, Any]:
    from segmentation.evaluation.average_precision import evaluate

    with picture_bar(len(dataset.photos)) as advance:
        result = evaluate(segmenter, dataset, lambda photo, found: advance(), keep, as_seen)
    if result.left_out:
        say(f"left out, {segmenter.name} does not look for them: {', '.join(result.left_out)}")
    print("\n".join(table(result)))
    return result.as_dict()


def _union_of_photos(
    segmenter: Segmenter, dataset: Dataset, keep: list[str] | None
) -> dict[str, Any]:
    from segmentation.evaluation.average_precision import shared_labels
    from segmentation.evaluation.foreground_quality import evaluate_foreground, photo_examples

    labels = shared_labels(segmenter.classes, dataset.classes, keep)
    with picture_bar(len(dataset.photos)) as advance:
        quality = evaluate_foreground(
            segmenter,
            _counted(photo_examples(dataset, set(labels.values()), as_seen), advance),
            set(labels),
        )
    print("\n".join(foreground_table({"photos": quality})))
    return asdict(quality)


def as_seen(photo: Photo) -> NDArray[np.uint8]:
    """Return a photo as networks see it when it is masked: in sRGB, on white where it is clear.

    Raises:
        DataError: it cannot be read any more, or has another size by now.
        StreamError: likewise.
    """
    from segmentation.data.parts.dataset import copy_inside
    from segmentation.errors import DataError
    from stream.files.photos import read_photo
    from stream.photo.decoding import decode

    if photo.path.suffix != ".json":
        image = read_photo(photo.path)
    else:  # LabelMe's, with a copy of the photo
        try:
            copy = decode(copy_inside(photo.path))
        except ValueError as error:
            raise DataError(f"{photo.path}: its imageData {error}") from error
        image = copy.to_srgb(copy.image)
    if image.shape[:2] != photo.size_hw:
        raise DataError(f"{photo.path}: changed its size since it was looked at")
    return image


def _frames(options: argparse.Namespace, wanted: Wanted | None) -> dict[str, Any]:
    from segmentation.data.mask_frames import find_sequences
    from segmentation.evaluation.foreground_quality import evaluate_foreground, frame_examples, mean
    from segmentation.segmenter import DetailedSegmenter

    sequences = find_sequences(options.data)
    segmenter = load_segmenter(options, wanted, asks_for_instances=False)
    if isinstance(segmenter, DetailedSegmenter):
        segmenter = segmenter.for_frames()
    labels = None if wanted is None else {segmenter.classes.index(name) for name in wanted.classes}
    with picture_bar(sum(len(each.frames) for each in sequences)) as advance:
        qualities = {
            each.name: evaluate_foreground(
                segmenter, _counted(frame_examples(each), advance), labels
            )
            for each in sequences
        }
    overall = mean(qualities.values())
    print("\n".join(foreground_table({**qualities, "mean": overall})))
    by_sequence = {name: asdict(quality) for name, quality in qualities.items()}
    return {**_head(options, segmenter), **asdict(overall), "by_sequence": by_sequence}


def _counted(examples: Iterable[Example], advance: Callable[[], None]) -> Iterator[Example]:
    for example in examples:
        yield example
        advance()


def table(result: AveragePrecision) -> list[str]:
    """Return the lines of a table: a row for each class that has objects, figures in per cent."""
    from segmentation.data.parts.data_problems import printable

    names = [name for name, figures in result.mask_by_class.items() if figures.ap is not None]
    width = max(len(printable(name)) for name in (*names, f"{result.num_objects} objects"))
    lines = []
    for kind, overall, by_class in (
        ("boxes", result.box, result.box_by_class),
        ("masks", result.mask, result.mask_by_class),
    ):
        heads = "".join(f"{head:>8}" for head in COLUMNS.values())
        lines.append(f"{kind:<{width}}{heads}")
        rows = [(f"{result.num_objects} objects", overall)]
        rows += [(name, by_class[name]) for name in names] if len(names) > 1 else []
        for name, figures in rows:
            values = (getattr(figures, key) for key in COLUMNS)
            told = ("-" if value is None else f"{100 * value:.1f}" for value in values)
            lines.append(f"{printable(name):<{width}}" + "".join(f"{text:>8}" for text in told))
    return lines


def foreground_table(qualities: Mapping[str, ForegroundQuality]) -> list[str]:
    """Return the lines of a table: a row for each name, figures in per cent."""
    from segmentation.data.parts.data_problems import printable

    qualities = {printable(name): each for name, each in qualities.items()}
    width = max(len(name) for name in qualities)
    lines = [f"{'':<{width}}{'pictures':>10}{'IoU (J)':>10}{'F':>8}{'J&F':>8}"]
    for name, each in qualities.items():
        values = (each.iou, each.boundary_f, (each.iou + each.boundary_f) / 2)
        figures = [f"{100 * value:.1f}" for value in values]
        lines.append(f"{name:<{width}}{each.num_images:>10}{figures[0]:>10}")
        lines[-1] += "".join(f"{text:>8}" for text in figures[1:])
    return lines
