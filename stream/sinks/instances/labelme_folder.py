"""Sink: what was found as LabelMe's files, to be corrected by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segmentation.instances import Instances
from stream.frame import Output, OutputInfo
from stream.sinks.instances.masks import Mask, at_frame_size, to_polygons
from stream.sinks.instances.object_files import ObjectFiles
from stream.sinks.instances.photo_copies import PhotoCopies
from stream.sinks.parts.options import SinkOptions

#: Of LabelMe's format, which its programs compare with their own
VERSION = "5.5.0"
#: A polygon leaves the edges of pixels by so many at most: who corrects it has fewer points to move
TOLERANCE = 1.0


class LabelMeFolder(ObjectFiles):
    """`Sink` for LabelMe (https://github.com/wkentaro/labelme): photos, and a `.json` beside each.

    Each object is a polygon of its class, its score in `description`; of several polygons, which
    share a `group_id`, where it has parts or holes. A frame of which no mask is known is left out.

    Args:
        folder: see `ObjectFiles`, likewise `options`.
        info: of the outputs to come; its `categories` by label.
        options: of all sinks.

    Raises:
        StreamError: see `ObjectFiles`.
    """

    def __init__(self, folder: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Check the folder."""
        super().__init__(folder, "labelme", info, options)
        for path in options.input_paths:
            self.check_beside_input(f"{path.stem}.json")
        self._info = info
        self._copies = PhotoCopies(self, "")

    def add(self, output: Output) -> None:
        """Bring the photo, and write its `.json`."""
        if output.instances is None:
            return
        shapes: list[dict[str, Any]] = []
        for rank, (found, mask) in enumerate(at_frame_size(output)):
            shapes += self._shapes(rank, found, mask)
        name = self._copies.bring(output.frame)
        height, width = output.frame.picture.size_hw
        document: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": name,
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        text = json.dumps(document, ensure_ascii=False, indent=2)
        # names that are no Unicode become escapes of JSON
        content = f"{text}\n".encode(errors="backslashreplace")
        self.save(f"{Path(name).stem}.json", content)

    def _shapes(self, rank: int, found: Instances, mask: Mask) -> list[dict[str, Any]]:
        outlines = [_simplified(polygon) for polygon in to_polygons(mask)]
        _, name = self._info.categories[int(found.labels[0])]
        return [
            {
                "label": name,
                "points": outline,
                "group_id": rank + 1 if len(outlines) > 1 else None,
                "description": f"{float(found.scores[0]):.2f}",
                "shape_type": "polygon",
                "flags": {},
            }
            for outline in outlines
        ]


def _simplified(polygon: list[int]) -> list[list[float]]:
    """Return corners x y of a polygon of COCO's, fewer of them; all where too few were left."""
    points = np.array(polygon, np.int32).reshape(-1, 1, 2)
    fewer = cv2.approxPolyDP(points, TOLERANCE, closed=True)
    corners = points if len(fewer) < 3 else fewer
    return [[float(x), float(y)] for x, y in corners.reshape(-1, 2)]
