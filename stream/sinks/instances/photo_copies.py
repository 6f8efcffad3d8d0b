"""The photos of a data set: the files themselves where other programs see the same in them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from segmentation.picture import PHOTO_ENDINGS
from stream.errors import StreamError
from stream.files.outputs import writing
from stream.files.photos import encode_photo
from stream.frame import Frame
from stream.photo.formats.kinds import photo_header
from stream.sinks.instances.object_files import ObjectFiles
from stream.sinks.parts.photo_names import PhotoNames


class PhotoCopies:
    """Puts the photo of each frame into a sink's folder, linked to where that can be, else copied.

    One that EXIF turns, which some programs heed and others do not, one of a kind that few read,
    and the frame of a video become a PNG of the pixels that masks were found in.

    Args:
        sink: whose folder it is.
        folder: within that, "" or a name that ends in "/".
    """

    def __init__(self, sink: ObjectFiles, folder: str) -> None:
        """Bring nothing yet."""
        self._sink, self._folder = sink, folder
        self._stems = PhotoNames(len(".jpeg"))

    def bring(self, frame: Frame) -> str:
        """Write the photo of a frame; returns its name without `folder`.

        Raises:
            StreamError: it cannot be written, or read any more.
        """
        stem = self._stems.name(frame)
        path = frame.path
        if path is None or not _is_seen_by_all(path, frame.picture.size_hw):
            name = f"{stem}.png"
            data, _ = encode_photo(frame.picture, Path(name), frame.photo)
            self._sink.save(self._folder + name, data)
            return name
        name = f"{stem}{path.suffix}"
        target = self._sink.folder / self._folder / name
        is_there = target.exists() and target.samefile(path)
        hidden = self._sink.place(self._folder + name, is_itself=is_there)
        _link_or_copy(path, hidden, target)
        return name


def _is_seen_by_all(path: Path, size_hw: tuple[int, int]) -> bool:
    """Return whether every program sees pixels of this size in a file, the right way up."""
    if path.suffix.lower() not in PHOTO_ENDINGS:
        return False
    try:
        header = photo_header(path.read_bytes())
    except OSError as error:
        raise StreamError(f"{path}: cannot be read any more ({error.strerror})") from error
    if header is None or header.orientation != 1 or header.shows_several:
        return False
    return (header.height, header.width) == size_hw


def _link_or_copy(path: Path, hidden: Path, target: Path) -> None:
    try:
        os.link(path.resolve(), hidden)
        return
    except OSError:  # on another disk, or on one without links
        pass
    with writing(target):
        shutil.copyfile(path, hidden)
