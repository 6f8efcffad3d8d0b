"""Which of the formats of annotations some files are in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segmentation.coco_dataset import is_coco, read_coco
from segmentation.dataset import DataError, Dataset


def read(path: Path) -> Dataset:
    """Return what `path` holds; see `segmentation.dataset.read_dataset`."""
    documents = {file: read_json(file) for file in _files(path)}
    (file, document), *_ = documents.items()
    if is_coco(document):
        return read_coco(file, document)
    raise DataError(f"{file}: not a format that is known")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.json"))
    return [path]


def read_json(path: Path) -> Any:
    """Return the document of a JSON file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from error
