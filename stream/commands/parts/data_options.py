"""The options of commands that read annotated photos, and what they say of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stream.commands.parts.command_line import Parser, say

if TYPE_CHECKING:
    from segmentation.data import Dataset
    from segmentation.data.parts.data_problems import Problem

#: Rows of the table that are shown
MAX_ROWS = 40


def add_data_options(parser: Parser) -> None:
    """Add what is the same wherever annotated photos are read."""
    add = parser.add_argument
    add("--strict", action="store_true", help="refuse data with which anything is wrong")
    add(
        "--crowds",
        choices=("objects", "ignore"),
        help="what iscrowd of COCO marks; default: regions to ignore, of CVAT's exports objects",
    )


def read_data(path: Path, options: argparse.Namespace) -> Dataset:
    """Read annotated photos as the options say, and tell what is left out.

    Raises:
        DataError: see `read_dataset`.
    """
    from segmentation.data import read_dataset

    dataset = read_dataset(path, strict=options.strict, crowds=options.crowds)
    for remark in dataset.remarks:
        say(remark)
    if dataset.problems:
        say("\n".join(problem_lines(dataset.problems)))
    return dataset


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """Return the lines of the table of what is wrong, none where nothing is."""
    from segmentation.data.parts.data_problems import table

    if not problems:
        return []
    lines = ["left out or mended, the first of each kind:"]
    lines += [f"  {line}" for line in table(problems[:MAX_ROWS])]
    if len(problems) > MAX_ROWS:
        lines.append(f"  ... and {len(problems) - MAX_ROWS} more kinds")
    return lines
