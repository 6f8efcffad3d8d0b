"""Which of the formats of annotations some files are in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segmentation.data.coco_dataset import is_coco, read_coco
from segmentation.data.labelme_dataset import is_labelme, read_labelme
from segmentation.data.mask_folder_dataset import IMAGES, MASKS, is_mask_folder, read_mask_folder
from segmentation.data.parts.dataset import Dataset
from segmentation.data.via_dataset import is_via, read_via
from segmentation.errors import DataError

#: Name -> whether a document is in that format.
OF_JSON: dict[str, Callable[[object], bool]] = {
    "COCO": is_coco,
    "VIA": is_via,
    "LabelMe": is_labelme,
}
KNOWN = (
    "known are COCO JSON, VIA 1 and 2 JSON, a folder of LabelMe JSON, "
    f"and a folder with {IMAGES}/ and {MASKS}/"
)


def read_dataset(path: Path) -> Dataset:
    """Read photos with annotations; the format is recognised by its content.

    | format | what `path` is |
    |---|---|
    | COCO JSON | the file, or a folder with one such file |
    | VIA JSON (VGG Image Annotator 1 and 2) | the file, or a folder with one such file |
    | LabelMe JSON | a folder with one such file for each photo |
    | masks | a folder with `images/` and `masks/`; see `segmentation.data.mask_folder_dataset` |

    Every photo is decoded once and every annotation drawn once, so that what is wrong with them
    shows here and not in the middle of a training.

    Raises:
        DataError: all that is wrong with the data; also where it holds several formats, or
            several files of one.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if path.is_dir():
        dataset = _read_folder(path)
    else:
        document = _read_json(path)
        dataset = _read_files(path, _format(path, document), {path: document})
    if not dataset.photos:
        raise DataError(f"{path}: no photo is named in it")
    return dataset


def _read_folder(path: Path) -> Dataset:
    if path.name == MASKS and is_mask_folder(path.parent):
        return read_mask_folder(path.parent)
    files = sorted([*path.glob("*.json"), *path.glob("annotations/*.json")])
    documents = {file: _read_json(file) for file in files}
    formats = {file: _format(file, document) for file, document in documents.items()}
    named = [f"{file.relative_to(path)} ({name})" for file, name in formats.items()]
    if is_mask_folder(path):
        named.append(f"{MASKS}/ (masks)")
    kinds = set(formats.values())
    if not named:
        raise DataError(f"{path}: no annotations in it; {KNOWN}")
    if (kinds != {"LabelMe"} and len(named) > 1) or (len(kinds) and is_mask_folder(path)):
        listed = ", ".join(named[:5]) + (", ..." if len(named) > 5 else "")
        what = "formats are mixed in it" if len(kinds) > 1 or is_mask_folder(path) else "several"
        raise DataError(f"{path}: {what}: {listed}; name the one that counts")
    if not kinds:
        return read_mask_folder(path)
    return _read_files(path, kinds.pop(), documents)


def _read_files(path: Path, name: str, documents: dict[Path, Any]) -> Dataset:
    if name == "LabelMe":
        return read_labelme(path, documents)
    (file, document), *_ = documents.items()
    return read_coco(file, document) if name == "COCO" else read_via(file, document)


def _format(path: Path, document: Any) -> str:
    names = [name for name, is_format in OF_JSON.items() if is_format(document)]
    if len(names) > 1:
        raise DataError(f"{path}: two formats are mixed in it, {' and '.join(names)}")
    if not names:
        raise DataError(f"{path}: not a format that is known; {KNOWN}")
    return names[0]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON, or not all of it ({error})") from error
