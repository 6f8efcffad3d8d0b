"""Weight files of a Mask R-CNN trained here: Matterport's layout, and what the network knows.

Matterport's program reads those of a ResNet by layer name as it reads its own. Attributes of the
file say more: `classes`, the names without background as a JSON list; `size`, the side in pixels of
the input that the network was trained for; `backbone`, see `segmentation.mask_rcnn.published`;
`category_ids`, the numbers of the classes in the data as a JSON list, where they had such.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.segmenter import composed
from segmentation.weights.hdf5_weights import DAMAGE, read_attribute

#: layers that are one model of their own in Matterport's program, and its name
_RPN_LAYERS, _RPN_GROUP = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"), "rpn_model"

#: Side of the largest input in pixels that a file may ask for
MAX_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Description:
    """What a weight file says about its network.

    Attributes:
        classes: names without background, `None` where it does not say.
        size: side of the input in pixels, likewise.
        backbone: its name, likewise.
        category_ids: numbers of the classes in the data trained on, likewise.
    """

    classes: tuple[str, ...] | None = None
    size: int | None = None
    backbone: str | None = None
    category_ids: tuple[int, ...] | None = None


def save_trained(
    path: Path,
    tensors: Mapping[str, NDArray[Any]],
    classes: Sequence[str],
    *,
    size: int,
    backbone: str,
    category_ids: Sequence[int] | None = None,
) -> None:
    """Write a weight file.

    Args:
        path: of the file.
        tensors: by "layer/tensor".
        classes: names without background, in the network's order.
        size: side of the network's input in pixels.
        backbone: its name.
        category_ids: numbers of the classes in the data.

    Raises:
        OSError: the file cannot be written.
    """
    import h5py

    names: dict[str, list[bytes]] = {}
    # in memory first: where a disk is full, the library says so in pages and leaves the file open
    whole = io.BytesIO()
    with h5py.File(whole, "w") as file:
        for name, values in tensors.items():
            layer = name.split("/")[0]
            group = _RPN_GROUP if layer in _RPN_LAYERS else layer
            file.require_group(group)[f"{name}:0"] = np.asarray(values, np.float32)
            names.setdefault(group, []).append(f"{name}:0".encode())
        for group, weight_names in names.items():
            file[group].attrs["weight_names"] = weight_names
        file.attrs["layer_names"] = [group.encode() for group in names]
        file.attrs["classes"] = json.dumps(list(classes))
        file.attrs["size"] = size
        file.attrs["backbone"] = backbone
        if category_ids is not None:
            file.attrs["category_ids"] = json.dumps(list(category_ids))
    path.write_bytes(whole.getbuffer())


def read_description(path: Path) -> Description:
    """Return what a weight file says about its network.

    Raises:
        WeightsError: it cannot be read, or says something that makes no sense.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            classes, size, backbone, category_ids = (
                read_attribute(file, name, set())
                for name in ("classes", "size", "backbone", "category_ids")
            )
        names = None if classes is None else json.loads(classes)
        numbers = None if category_ids is None else json.loads(category_ids)
        side = None if size is None else int(size)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    except DAMAGE as error:
        raise WeightsError(
            f"{path}: not a readable HDF5 file of weights ({error}); get it again"
        ) from error
    if side is not None and not 0 < side <= MAX_SIZE:
        raise WeightsError(
            f"{path}: its attribute size, {side}, is no side of a network's input (1 to {MAX_SIZE} "
            "pixels); get it again"
        )
    told = Description(size=side, backbone=None if backbone is None else str(backbone))
    if names is None:
        return told
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise WeightsError(f"{path}: its attribute classes is no list of names; get it again")
    return replace(
        told,
        classes=tuple(map(composed, names)),
        category_ids=_category_ids(path, numbers, len(names)),
    )


def _category_ids(path: Path, numbers: Any, num_classes: int) -> tuple[int, ...] | None:
    """Return the numbers of the classes as the file has them, each another one."""
    if numbers is None:
        return None
    is_list = isinstance(numbers, list) and all(type(number) is int for number in numbers)
    if not is_list or not len(set(numbers)) == len(numbers) == num_classes:
        raise WeightsError(
            f"{path}: its attribute category_ids is no list of a number for each class; get it "
            "again"
        )
    return tuple(numbers)
