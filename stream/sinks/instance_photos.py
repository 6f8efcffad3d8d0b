"""Sink: a folder with one black and white PNG for each instance found."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from stream.errors import StreamError
from stream.frame import Frame, Output, OutputInfo, Sink
from stream.output_files import check_folder, check_free, save
from stream.sinks.instance_masks import at_frame_size


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
        overwrite: replace files that are there; those of other names stay.
        input_paths: files that must never be overwritten.

    Raises:
        StreamError: the folder is a file, or is not empty and `overwrite` is not set.
    """

    main_thread = False

    def __init__(
        self,
        folder: Path,
        info: OutputInfo,
        *,
        overwrite: bool,
        input_paths: Sequence[Path] = (),
    ) -> None:
        """Check the folder."""
        check_folder(folder, overwrite=overwrite)
        self._folder = folder
        self._part = folder / f".{secrets.token_hex(4)}.part"
        self._is_new = not folder.exists()
        self._overwrite = overwrite
        self._input_paths = input_paths
        self._classes = [re.sub(r"\W+", "_", name) for _, name in info.categories]
        self._stems: set[str] = set()

    def __enter__(self) -> Self:
        """Make the folder."""
        try:
            self._part.mkdir(parents=True)
        except OSError as error:
            raise StreamError(f"{self._folder}: cannot be made ({error.strerror})") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Delete what is unfinished."""
        shutil.rmtree(self._part, ignore_errors=True)
        if self._is_new:
            with contextlib.suppress(OSError):
                self._folder.rmdir()  # which only an empty one lets happen

    def write(self, output: Output) -> None:
        """Write one PNG for each instance; see `Sink`."""
        stem = self._stem(output.frame)
        for rank, (found, mask) in enumerate(at_frame_size(output)):
            category = self._classes[int(found.labels[0])]
            name = f"{stem}_{rank}-{category}-{float(found.scores[0]):.2f}.png"
            path = self._folder / name
            if path.exists():
                check_free(path, overwrite=self._overwrite, input_paths=self._input_paths)
            data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1]
            save(bytes(data), self._part / name)

    def finish(self, *, cut_short: bool) -> None:
        """Give the files their names; see `Sink`."""
        self._is_new = False
        try:
            for path in self._part.iterdir():
                os.replace(path, self._folder / path.name)
        except OSError as error:
            raise StreamError(f"{self._folder}: cannot be written ({error.strerror})") from error

    def _stem(self, frame: Frame) -> str:
        if frame.name is None:
            return f"{frame.index:06d}"
        stem = Path(frame.name).stem
        while stem in self._stems:
            stem = f"{stem}_{frame.index:06d}"
        self._stems.add(stem)
        return stem
