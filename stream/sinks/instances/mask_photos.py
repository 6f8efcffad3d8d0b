"""Sink: a folder with one black and white PNG for each instance found."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2

from segmentation.unfinished import Unfinished, discard_left_behind, put_all_in_place
from stream.errors import StreamError
from stream.files.outputs import (
    check_folder,
    check_free,
    delete_empty,
    make_folder,
    writing,
)
from stream.frame import Output, OutputInfo, Sink
from stream.sinks.instances.masks import at_frame_size
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.photo_names import PhotoNames


class InstancePhotos(Sink):
    """`Sink` for the masks of what was found: greyscale PNG of the frame's size, 0 or 255.

    They are named by photo, or number of the frame, then rank in it from 0 (the best), class and
    score: `dog_0-person-0.98.png`, `000007_1-traffic_light-0.75.png`. What is no letter or digit
    in a class's name becomes `_`. Photos that share a name differ in the number added to it. A
    frame in which nothing was found, or of which no mask is known, leaves no file.

    The files are written into a hidden folder inside and get their names in `finish`.

    Args:
        folder: made if absent.
        info: of the outputs to come; its `categories` by label.
        options: see `SinkOptions`; files of other names stay.

    Raises:
        StreamError: the folder is a file, or is not empty and `overwrite` is not set.
    """

    def __init__(self, folder: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Check the folder."""
        check_folder(folder, overwrite=options.overwrite)
        self._folder = self.folder = folder
        self._part = Unfinished(folder / "instances")
        self._made: list[Path] = []
        self._options = options
        self._classes = [re.sub(r"\W+", "_", name) for _, name in info.categories]
        longest = max(map(len, map(os.fsencode, self._classes)), default=0)
        self._names = PhotoNames(longest + len("_000-") + len("-0.00.png"))
        self._error: StreamError | None = None  # since which files are missing

    def open(self) -> None:
        """Make the folder, and the hidden one in it."""
        self._made = make_folder(self._folder)
        discard_left_behind(self._part.target)
        with writing(self._folder):
            self._part.hold_folder()

    def close(self) -> None:
        """Delete what is unfinished."""
        self._part.discard()
        delete_empty(self._made)

    def write(self, output: Output) -> None:
        """Write one PNG for each instance; see `Sink`."""
        try:
            self._write_masks(output)
        except StreamError as error:
            self._error = error
            raise

    def _write_masks(self, output: Output) -> None:
        stem = self._names.name(output.frame)
        for rank, (found, mask) in enumerate(at_frame_size(output)):
            category = self._classes[int(found.labels[0])]
            name = f"{stem}_{rank}-{category}-{float(found.scores[0]):.2f}.png"
            path = self._folder / name
            if path.exists():
                options = self._options
                check_free(path, overwrite=options.overwrite, input_paths=options.input_paths)
            data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1]
            with writing(path):
                (self._part.path / name).write_bytes(bytes(data))

    def complete(self, *, cut_short: bool) -> None:
        """Give the files their names; see `Sink.finish`."""
        if self._error is not None:
            raise self._error
        with writing(self._folder):
            put_all_in_place(self._part.path, self._folder)
        self._part.discard()
        self._made = []  # also an empty one stays
