"""Photos as a sink: one file, or a folder of PNG."""

from __future__ import annotations

from pathlib import Path

from segmentation.unfinished import discard_left_behind
from stream.errors import StreamError
from stream.files.outputs import (
    check_folder,
    check_free,
    delete_empty,
    file_ids,
    make_folder,
    save,
)
from stream.files.photos import encode_photo
from stream.files.recovery import discard_parts
from stream.frame import Output, Sink
from stream.photo.remarks import Remarks
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.photo_names import PhotoNames

_ENDING = ".png"  # of the files in a folder


class PhotoFile(Sink):
    """`Sink` for one photo: the first output, under the path given.

    Args:
        path: its ending decides the format.
        options: see `SinkOptions`.

    Raises:
        StreamError: the path is taken, or an input.
    """

    def __init__(self, path: Path, options: SinkOptions) -> None:
        """Check the path."""
        check_free(path, overwrite=options.overwrite, input_paths=options.input_paths)
        self._path, self.folder = path, path.parent
        self._options = options
        self._data: bytes | None = None
        self._error: StreamError | None = None

    def open(self) -> None:
        """Delete what a killed program left of this file."""
        discard_left_behind(self._path)

    def write(self, output: Output) -> None:
        """Keep the first output; see `Sink`.

        Raises:
            StreamError: there is a second one.
        """
        if self._data is not None:
            self._error = StreamError(
                f"{self._path}: one photo cannot hold several frames; name a folder/ or a video"
            )
            raise self._error
        self._data, lost = encode_photo(
            output.in_square_pixels().picture,
            self._path,
            output.frame.photo,
            keep_location=self._options.keep_location,
        )
        for remark in lost:
            self._options.on_message(f"{self._path}: {remark}")

    def complete(self, *, cut_short: bool) -> None:
        """Write the file; see `Sink.finish`."""
        if self._error is not None:
            raise self._error
        if self._data is None:
            raise StreamError(f"{self._path}: not written, because there were no frames")
        options = self._options
        replaces, wanted = options.overwrite, options.wanted
        given = save(self._data, self._path, replaces=replaces, wanted=wanted)
        if given != self._path:
            options.on_message(f"{self._path}: exists; written as {given.name}")


class PhotoFolder(Sink):
    """`Sink` for a folder of PNG: `NNNNNN.png` for frames, for photos their own names.

    Each file is an output of its own: it appears when it is whole, and stays.

    Args:
        folder: made if absent.
        options: see `SinkOptions`.

    Raises:
        StreamError: the folder cannot be made, or is not empty and `overwrite` is not set.
    """

    def __init__(self, folder: Path, options: SinkOptions) -> None:
        """Check the folder."""
        check_folder(folder, overwrite=options.overwrite)
        self._folder = self.folder = folder
        self._options = options
        self._made: list[Path] = []
        self._names = PhotoNames(len(_ENDING))
        self._remarks = Remarks(options.on_message)
        self._inputs = file_ids(options.input_paths)

    def open(self) -> None:
        """Make the folder; delete what a killed program left in it of a file."""
        self._made = make_folder(self._folder)
        discard_parts(self._folder, _ENDING)

    def close(self) -> None:
        """Delete the folder if it was not there before and nothing is in it."""
        delete_empty(self._made)

    def write(self, output: Output) -> None:
        """Write one PNG; see `Sink`."""
        path = self._folder / f"{self._names.name(output.frame)}{_ENDING}"
        if self._options.overwrite:  # else nothing is replaced
            check_free(path, overwrite=True, input_paths=self._inputs)
        data, lost = encode_photo(
            output.in_square_pixels().picture,
            path,
            output.frame.photo,
            keep_location=self._options.keep_location,
        )
        given = save(data, path, replaces=self._options.overwrite)
        if given != path:
            self._remarks.tell(str(path), "exists; the picture is beside it")
        for remark in lost:
            self._remarks.tell(str(path), remark)

    def complete(self, *, cut_short: bool) -> None:
        """Let the folder stay, whatever is in it; see `Sink.finish`."""
        self._made = []
        self._remarks.finish()
