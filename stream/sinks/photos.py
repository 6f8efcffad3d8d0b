"""Photos as a sink: one file, or a folder of PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from stream.errors import StreamError
from stream.frame import Output, Sink
from stream.output_files import check_folder, check_free, save
from stream.photo_files import encode_photo


class PhotoFile(Sink):
    """`Sink` for one photo: the first output, under the path given.

    Args:
        path: its ending decides the format.
        overwrite: replace a file that is there.
        input_paths: files that must never be overwritten.

    Raises:
        StreamError: the path is taken, or an input.
    """

    main_thread = False

    def __init__(self, path: Path, *, overwrite: bool, input_paths: Sequence[Path] = ()) -> None:
        """Check the path."""
        check_free(path, overwrite=overwrite, input_paths=input_paths)
        self._path = path
        self._data: bytes | None = None

    def write(self, output: Output) -> None:
        """Keep the first output; see `Sink`.

        Raises:
            StreamError: there is a second one.
        """
        if self._data is not None:
            raise StreamError(
                f"{self._path}: one photo cannot hold several frames; name a folder/ or a video"
            )
        self._data = encode_photo(output.image, self._path, output.frame.profile)

    def finish(self, *, cut_short: bool) -> None:
        """Write the file; see `Sink`."""
        if self._data is not None:
            save(self._data, self._path)


class PhotoFolder(Sink):
    """`Sink` for a folder of PNG: `NNNNNN.png` for frames, for photos their own names.

    Each file appears when it is whole; an interrupted run leaves the ones that are done.

    Args:
        folder: made if absent.
        overwrite: replace files that are there.
        input_paths: files that must never be overwritten.

    Raises:
        StreamError: the folder cannot be made, or is not empty and `overwrite` is not set.
    """

    main_thread = False

    def __init__(self, folder: Path, *, overwrite: bool, input_paths: Sequence[Path] = ()) -> None:
        """Check the folder."""
        check_folder(folder, overwrite=overwrite)
        self._folder = folder
        self._overwrite = overwrite
        self._input_paths = input_paths
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        """Make the folder."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StreamError(f"{self._folder}: cannot be made ({error.strerror})") from error
        return self

    def write(self, output: Output) -> None:
        """Write one PNG; see `Sink`."""
        name = output.frame.name
        stem = f"{output.frame.index:06d}" if name is None else Path(name).stem
        if stem in self._names:
            stem = f"{stem}_{output.frame.index:06d}"
        self._names.add(stem)
        path = self._folder / f"{stem}.png"
        check_free(path, overwrite=self._overwrite, input_paths=self._input_paths)
        save(encode_photo(output.image, path, output.frame.profile), path)
