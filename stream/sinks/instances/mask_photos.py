"""Sink: a folder with one black and white PNG for each instance found."""

from __future__ import annotations

from pathlib import Path

import cv2

from stream.frame import Output, OutputInfo
from stream.sinks.instances.masks import at_frame_size
from stream.sinks.instances.object_files import ObjectFiles, ObjectNames
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.photo_names import PhotoNames


class InstancePhotos(ObjectFiles):
    """`Sink` for the masks of what was found: greyscale PNG of the frame's size, 0 or 255.

    They are named by photo, or number of the frame, then rank in it from 0 (the best), class and
    score: `dog_0-person-0.98.png`, `000007_1-traffic_light-0.75.png`. Photos that share a name
    differ in the number added to it. A frame in which nothing was found, or of which no mask is
    known, leaves no file.

    Args:
        folder: see `ObjectFiles`, likewise `options`.
        info: of the outputs to come; its `categories` by label.
        options: of all sinks.

    Raises:
        StreamError: see `ObjectFiles`.
    """

    def __init__(self, folder: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Check the folder."""
        super().__init__(folder, "instances", info, options)
        self._names = ObjectNames(info, ".png")
        self._stems = PhotoNames(self._names.num_bytes)

    def add(self, output: Output) -> None:
        """Write one PNG for each instance."""
        stem = self._stems.name(output.frame)
        for rank, (found, mask) in enumerate(at_frame_size(output)):
            data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1]
            self.save(self._names.name(stem, rank, found), bytes(data))
