"""`run.py data`: shows what of annotated photos was understood, and writes them as COCO."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stream.commands.parts.command_line import (
    CommandError,
    Parser,
    add_debug_option,
    on_disk,
    say,
)
from stream.commands.parts.data_options import add_data_options, problem_lines

if TYPE_CHECKING:
    from segmentation.data import Dataset, Photo
    from stream.photo.contact_sheet import Image

PREFIX = "dataset:"
SHEET = Path("runs/data/contact-sheet.png")
#: Photos on the contact sheet, and their longest side in pixels while objects are drawn
NUM_SHOWN, DRAWN_SIDE = 24, 800
#: Of very many annotations in a photo so many are drawn, the largest
MAX_DRAWN = 300
#: Classes without objects that are named
MAX_NAMES = 12
#: Objects below so many pixels are small, below so many medium, as COCO counts them
SMALL, MEDIUM = 32**2, 96**2
DESCRIPTION = """Show what of annotated photos is understood: how many objects of each class and
size, what is wrong, and on a contact sheet the annotations drawn on photos."""
EXAMPLES = """\
PATH: COCO JSON, VIA JSON, a folder of LabelMe JSON, YOLO's data.yaml or its folder, masks of VOC
or CVAT, a folder with images/ and masks/; or a folder with train/, valid/ and test/ of these.

examples:
  run.py data photos/
  run.py data photos/ -o sheet.png
  run.py data export/data.yaml -o dataset:coco/
"""


def run(arguments: Sequence[str]) -> int:
    """Run `data`; returns the exit code, 1 where too much is wrong to be trained on."""
    options = command_parser().parse_args(arguments)
    sheet, folder = _outputs(options.output)
    from segmentation.data.coco_writer import write_coco
    from segmentation.data.dataset_formats import understand
    from segmentation.errors import DataError
    from stream.files.outputs import check_free, make_folder, writing

    if folder is not None and folder.exists():
        raise CommandError(f"{folder}: is there already; name another folder")
    if sheet != SHEET:
        check_free(sheet, overwrite=True, input_paths=[options.path])
    dataset, problems = understand(options.path, options.crowds)
    print("\n".join(overview(dataset)))
    for line in (*dataset.remarks, *problem_lines(dataset.problems)):
        print(line)
    _save_sheet(dataset, sheet)
    try:
        problems.check(strict=options.strict)
    except DataError as error:
        raise DataError(str(error).partition("\n")[0]) from error
    if folder is not None:
        make_folder(folder.parent)
        with writing(folder):
            write_coco(dataset, folder)
        say(f"data set: {folder}")
    return 0


def command_parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        "data",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("path", type=on_disk, metavar="PATH", help="annotated photos (see below)")
    add(
        "-o",
        "--output",
        action="append",
        default=[],
        metavar="OUTPUT",
        help=f"dataset:FOLDER/ writes COCO; FILE.png the contact sheet; default: {SHEET}",
    )
    add_data_options(parser)
    add_debug_option(parser)
    return parser


def _outputs(texts: Sequence[str]) -> tuple[Path, Path | None]:
    """Return where the contact sheet goes, and the data set."""
    sheet, folder = SHEET, None
    for text in texts:
        if text.startswith(PREFIX) and text != PREFIX:
            folder = Path(text.removeprefix(PREFIX))
        elif text.lower().endswith(".png"):
            sheet = Path(text)
        else:
            raise CommandError(f"-o: dataset:FOLDER/ or FILE.png, got {text!r}")
    return sheet, folder


def overview(dataset: Dataset) -> list[str]:
    """Return the lines of a table: photos, and objects by class and size."""
    from segmentation.data.parts.data_problems import printable

    photos = dataset.photos
    splits = {split: [each for each in photos if each.split == split] for split in _splits(photos)}
    told = ", ".join(f"{len(part)} {split or 'of no part'}" for split, part in splits.items())
    empty = sum(not photo.annotations for photo in photos)
    sides = sorted(max(photo.size_hw) for photo in photos)
    lines = [f"{len(photos)} photos" + (f" ({told})" if len(splits) > 1 else "")]
    lines[0] += f", {empty} of them without objects" if empty else ""
    lines[0] += f", long side {sides[0]} to {sides[-1]} pixels"
    heads = ("objects", "small", "medium", "large", "ignored", "photos")
    counts = [_counts(dataset, label) for label in range(len(dataset.classes))]
    names = [printable(name) for name, row in zip(dataset.classes, counts, strict=True) if any(row)]
    without = [name for name, row in zip(dataset.classes, counts, strict=True) if not any(row)]
    counts = [row for row in counts if any(row)]
    width = max(len(name) for name in (*names, "class"))
    lines.append(f"{'class':<{width}}" + "".join(f"{head:>9}" for head in heads))
    rows = list(zip(names, counts, strict=True))
    if len(names) > 1:
        total = np.sum(counts, axis=0).tolist()
        rows.append(("all", [*total[:5], len(photos) - empty]))
    lines += [
        f"{name:<{width}}" + "".join(f"{count:>9}" for count in numbers) for name, numbers in rows
    ]
    if without:
        more = f" and {len(without) - MAX_NAMES} more" if len(without) > MAX_NAMES else ""
        lines.append(f"nothing of: {', '.join(map(printable, without[:MAX_NAMES]))}{more}")
    return lines


def _splits(photos: Sequence[Photo]) -> list[str]:
    return list(dict.fromkeys(photo.split for photo in photos))


def _counts(dataset: Dataset, label: int) -> list[int]:
    """Return numbers of a class: all objects, by size, to be ignored, and photos with any."""
    found = [
        [each for each in photo.annotations if each.label == label] for photo in dataset.photos
    ]
    areas = np.array([each.area for part in found for each in part if not each.is_crowd])
    num_small, num_medium = int((areas < SMALL).sum()), int((areas < MEDIUM).sum())
    sizes = [num_small, num_medium - num_small, len(areas) - num_medium]
    ignored = sum(each.is_crowd for part in found for each in part)
    return [len(areas), *sizes, ignored, sum(map(bool, found))]


# === Contact sheet ===


def _save_sheet(dataset: Dataset, path: Path) -> None:
    import cv2

    from stream.files.outputs import make_folder, save
    from stream.photo.contact_sheet import contact_sheet

    shown = [photo for photo in dataset.photos if photo.annotations] or list(dataset.photos)
    # evenly over all of them: photos that follow each other often look alike
    places = np.linspace(0, len(shown) - 1, min(NUM_SHOWN, len(shown))).round().astype(int)
    sheet = contact_sheet([draw(shown[place], dataset.classes) for place in places.tolist()])
    make_folder(path.parent)
    save(cv2.imencode(".png", sheet[..., ::-1])[1].tobytes(), path)
    say(f"contact sheet: {path}")


def draw(photo: Photo, classes: Sequence[str]) -> Image:
    """Return a photo with its annotations, `MAX_DRAWN` at most, those to be ignored in grey."""
    from effects import draw_instances
    from stream.live.hud import distinct_colour

    if len(photo.annotations) > MAX_DRAWN:
        by_size = sorted(photo.annotations, key=lambda each: -each.area)
        photo = replace(photo, annotations=tuple(by_size[:MAX_DRAWN]))
    image = photo.image(DRAWN_SIDE)
    scale = image.shape[1] / photo.size_hw[1]
    boxes = np.array([each.box for each in photo.annotations], np.float32).reshape(-1, 4) * scale
    texts = ["ignored" if each.is_crowd else classes[each.label] for each in photo.annotations]
    colours = [
        (150, 150, 150) if each.is_crowd else distinct_colour(number)
        for number, each in enumerate(photo.annotations)
    ]
    return draw_instances(
        image,
        np.asarray(boxes, np.float32),
        photo.masks(DRAWN_SIDE) * np.uint8(255),
        texts,
        np.array(colours, np.uint8).reshape(-1, 3),
    )
