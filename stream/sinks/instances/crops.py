"""Sink: a folder with one cut-out for each instance found."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.placing import square_hw, squared
from stream.frame import Output, OutputInfo
from stream.photo.encoding import encode
from stream.sinks.instances.masks import at_frame_size
from stream.sinks.instances.object_files import ObjectFiles, ObjectNames
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.photo_names import PhotoNames


class Crops(ObjectFiles):
    """`Sink` for cut-outs: the frame's pixels around an object, transparent outside of its mask.

    PNG of RGBA in sRGB, as large as the object, of square pixels, named as by `InstancePhotos`;
    their alpha is 0 or 255, that part of the mask which `InstancePhotos` writes. An object without
    any pixel inside leaves no file, and is counted all the same.

    Args:
        folder: see `ObjectFiles`, likewise `options`.
        info: of the outputs to come; its `categories` by label.
        options: of all sinks.

    Raises:
        StreamError: see `ObjectFiles`.
    """

    def __init__(self, folder: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Check the folder."""
        super().__init__(folder, "crops", info, options)
        self._names = ObjectNames(info, ".png")
        self._stems = PhotoNames(self._names.num_bytes)

    def add(self, output: Output) -> None:
        """Write one PNG for each instance."""
        stem = self._stems.name(output.frame)
        photo = output.frame.photo
        for rank, (found, mask) in enumerate(at_frame_size(output)):
            x, y, width, height = cv2.boundingRect(mask)
            if not width:
                continue
            part = (slice(y, y + height), slice(x, x + width))
            colours = np.ascontiguousarray(output.frame.image[part])
            if photo is not None:
                colours = photo.to_srgb(colours)
            aspect = output.frame.pixel_aspect
            inside = _stretched(mask[part], square_hw((height, width), aspect))
            data, _ = encode(np.dstack([squared(colours, aspect), inside]), ".png", None)
            self.save(self._names.name(stem, rank, found), data)


def _stretched(mask: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a mask at another size, still either inside or outside."""
    return np.asarray(cv2.resize(mask, size_hw[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
