"""Sink: a folder of label maps, pictures whose values are classes and objects, and their legend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from stream.errors import StreamError
from stream.frame import Output, OutputInfo
from stream.sinks.instances.image_ids import ImageIds
from stream.sinks.instances.masks import at_frame_size
from stream.sinks.instances.object_files import ObjectFiles
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.photo_names import PhotoNames

LEGEND = "legend.json"
MAX_VALUE = 65535  # of 16 bits


class LabelMaps(ObjectFiles):
    """`Sink` for label maps: which class, and which object, each pixel of a frame belongs to.

    `classes/NAME.png`, greyscale of 8 bits, of 16 where a class has a number above 255: values are
    category ids, or where one of these is no number from 1 to 65535, those of the classes in their
    order, from 1 on. `instances/NAME.png`, greyscale of 16 bits: values are the objects of the
    frame from 1 (the best) on, of what is tracked its id plus 1. 0 is no object; where objects
    overlap the better one lies on top. `legend.json` says what the values mean:

    - `classes`: `value`, `category_id` and `name` of each.
    - `images`: `image_id` and `file_name` as in COCO's results, the names of both maps and
      `objects`, each with its `value`, `class_value`, `category_id`, `category_name`, `score`, and
      `track_id` where it is tracked.

    A frame of which no mask is known has no maps, and `null` for its names and objects.

    Args:
        folder: see `ObjectFiles`, likewise `options`.
        info: of the outputs to come; its `categories` by label.
        options: of all sinks.

    Raises:
        StreamError: see `ObjectFiles`.
    """

    def __init__(self, folder: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Check the folder."""
        super().__init__(folder, "labels", info, options)
        self._info = info
        self._stems = PhotoNames(len(".png"))
        self._image_ids = ImageIds(info)
        ids = [number for number, _ in info.categories]
        fits = all(1 <= number <= MAX_VALUE for number in ids)
        self._values = ids if fits else list(range(1, len(ids) + 1))
        self._depth: type[np.uint8 | np.uint16] = (
            np.uint16 if max(self._values, default=0) > 255 else np.uint8
        )
        self._images: list[dict[str, Any]] = []

    def add(self, output: Output) -> None:
        """Write both maps of a frame."""
        stem = self._stems.name(output.frame)
        row = self._image_ids.keys(output.frame)
        if output.instances is None:
            self._images.append({**row, "classes": None, "instances": None, "objects": None})
            return
        size_hw = output.frame.picture.size_hw
        maps: dict[str, NDArray[Any]] = {
            "classes": np.zeros(size_hw, self._depth),
            "instances": np.zeros(size_hw, np.uint16),
        }
        objects = []
        for rank, (found, mask) in enumerate(at_frame_size(output)):
            told = self._object(rank, found)
            free = (mask != 0) & (maps["instances"] == 0)  # the best come first
            maps["classes"][free] = told["class_value"]
            maps["instances"][free] = told["value"]
            objects.append(told)
        for kind, values in maps.items():
            data = cv2.imencode(".png", values, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1]
            row[kind] = f"{kind}/{stem}.png"
            self.save(row[kind], bytes(data))
        self._images.append({**row, "objects": objects})

    def _object(self, rank: int, found: Instances) -> dict[str, Any]:
        label, track = int(found.labels[0]), int(found.ids[0])
        value = (rank if track < 0 else track) + 1
        if value > MAX_VALUE:
            raise StreamError(
                f"{self.folder}: more than {MAX_VALUE} objects do not fit into 16 bits; write a "
                ".jsonl instead"
            )
        category_id, name = self._info.categories[label]
        told = {
            "value": value,
            "class_value": self._values[label],
            "category_id": category_id,
            "category_name": name,
            "score": round(float(found.scores[0]), 6),
        }
        return told if track < 0 else {**told, "track_id": track}

    def add_last(self) -> None:
        """Write the legend."""
        classes = [
            {"value": value, "category_id": number, "name": name}
            for value, (number, name) in zip(self._values, self._info.categories, strict=True)
        ]
        legend = {"classes": classes, "images": self._images}
        self.save(LEGEND, (json.dumps(legend, indent=1) + "\n").encode("ascii"))
