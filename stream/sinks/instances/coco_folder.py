"""Sink: a data set of COCO's format with what was found, photos included."""

from __future__ import annotations

from pathlib import Path

from segmentation.data.coco_writer import ANNOTATIONS, IMAGES, CocoDocument
from segmentation.data.parts.dataset import Annotation
from stream.frame import Output, OutputInfo
from stream.sinks.instances.image_ids import ImageIds
from stream.sinks.instances.masks import at_frame_size
from stream.sinks.instances.object_files import ObjectFiles
from stream.sinks.instances.photo_copies import PhotoCopies
from stream.sinks.parts.options import SinkOptions


class CocoFolder(ObjectFiles):
    """`Sink` for a data set: `images/`, see `PhotoCopies`, and `annotations.json` as COCO has it.

    Image ids and category ids are those of COCO's results of the same run. A photo in which
    nothing was found is one that shows nothing; one of which no mask is known is left out, as is
    an object without any pixel inside.

    Args:
        folder: see `ObjectFiles`, likewise `options`.
        info: of the outputs to come; its `categories` by label.
        options: of all sinks.

    Raises:
        StreamError: see `ObjectFiles`.
    """

    def __init__(self, folder: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Check the folder."""
        super().__init__(folder, "dataset", info, options)
        self.check_beside_input(ANNOTATIONS)
        names = [name for _, name in info.categories]
        self._document = CocoDocument(names, [number for number, _ in info.categories])
        self._image_ids = ImageIds(info)
        self._copies = PhotoCopies(self, f"{IMAGES}/")

    def add(self, output: Output) -> None:
        """Bring the photo, and note what was found in it."""
        image_id = int(self._image_ids.keys(output.frame)["image_id"])
        if output.instances is None:
            return
        annotations = [
            Annotation.from_mask(int(found.labels[0]), mask)
            for found, mask in at_frame_size(output)
            if mask.any()
        ]
        name = self._copies.bring(output.frame)
        self._document.add(name, output.frame.picture.size_hw, annotations, image_id)

    def add_last(self) -> None:
        """Write the annotations."""
        self.save(ANNOTATIONS, self._document.content())
