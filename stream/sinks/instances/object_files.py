"""Folders of files about the objects of frames, which appear together once all are written."""

from __future__ import annotations

import contextlib
import os
import re
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from segmentation.data.coco_writer import IMAGES
from segmentation.instances import Instances
from segmentation.unfinished import Unfinished
from stream.errors import StreamError
from stream.files.outputs import check_folder, check_free, delete_empty, make_folder, writing
from stream.files.recorded_files import whole
from stream.files.recording import Recording, readable
from stream.files.recovery import clear_up
from stream.files.whole_folders import put_all_in_place
from stream.frame import Output, OutputInfo, Sink
from stream.sinks.parts.options import SinkOptions


class ObjectFiles(Sink):
    """`Sink` for a folder of files; subclasses say in `add` what is written of an output.

    The files are written into a hidden folder inside and get their names in `finish`. Where one of
    these is taken by then and must not be replaced, all are in a folder inside, which is told. Of
    what will not come again, where it does not come to that, what was written is kept in such a
    folder.

    Args:
        folder: made if absent.
        name: of the folder inside, after what is in it.
        info: of the outputs to come.
        options: see `SinkOptions`; files of other names stay, and so does JSON beside the photos of
            the input: somebody may have made it by hand.

    Raises:
        StreamError: the folder is a file, or is not empty and `overwrite` is not set.
    """

    def __init__(self, folder: Path, name: str, info: OutputInfo, options: SinkOptions) -> None:
        """Check the folder."""
        check_folder(folder, overwrite=options.overwrite)
        self.folder: Path = folder
        live, inside = info.stream.live, folder / name
        self._recording = (
            Recording(inside, overwrite=False, wanted=options.output_paths) if live else None
        )
        self._part = self._recording or Unfinished(
            inside, replaces=False, wanted=options.output_paths
        )
        self._made: list[Path] = []
        self._options = options
        self._error: Exception | None = None  # since which files are missing
        self._inputs = {os.path.realpath(path.parent) for path in options.input_paths}
        # data sets have their photos in a folder of this name, and JSON around it
        self._inputs |= {os.path.dirname(x) for x in self._inputs if os.path.basename(x) == IMAGES}

    def open(self) -> None:
        """Make the folder, and the hidden one in it."""
        self._made = make_folder(self.folder)
        clear_up(self._part.target, self._options.on_message, wanted=self._options.output_paths)
        with writing(self.folder):
            self._part.hold_folder()

    def _follow(self) -> None:
        """Go with the folder where that was moved meanwhile, and say so."""
        if self._part.follow():
            before, self.folder = self.folder, self._part.path.parent
            self._made = []
            self._options.on_message(f"{before}: was moved to {self.folder}")

    def close(self) -> None:
        """Delete what is unfinished, but for what will not come again."""
        if self._recording is not None and not (self._is_finished or self._error):
            if kept := self._keep(self._recording):
                self._options.on_message(f"{self.folder}: not finished; {kept}")
        self._follow()
        self._part.discard()
        delete_empty(self._made)

    def write(self, output: Output) -> None:
        """Write what there is of one output; see `Sink`."""
        if self._error is not None:
            raise self._error
        self._follow()
        try:
            self.add(output)
        except Exception as error:  # of whatever kind: the files are not whole
            kept = None if self._recording is None else self._keep(self._recording)
            reason = str(error) or type(error).__name__
            self._error = error if kept is None else StreamError(f"{reason}; {kept}")
            raise self._error from error.__cause__

    @abstractmethod
    def add(self, output: Output) -> None:
        """Write the files of an output with `save`."""

    def add_last(self) -> None:
        """Write what tells of all outputs."""

    def save(self, name: str, data: bytes) -> None:
        """Write a file.

        Args:
            name: in the folder, at most one folder deeper.
            data: its content.

        Raises:
            StreamError: it cannot be written, or an input has its name.
        """
        with writing(self.folder / name):
            with whole(self.place(name)) as half:
                half.write_bytes(data)

    def place(self, name: str, *, is_itself: bool = False) -> Path:
        """Return where a file is to be written, in a folder that is there; see `save`.

        Args:
            name: see `save`.
            is_itself: what is there is what will be written.
        """
        target, hidden = self.folder / name, self._part.path / name
        self.check_beside_input(name)
        if self._options.overwrite and target.exists():  # else nothing is replaced, see `complete`
            paths = () if is_itself else self._options.input_paths
            check_free(target, overwrite=True, input_paths=paths)
        hidden.parent.mkdir(exist_ok=True)
        return hidden

    def check_beside_input(self, name: str) -> None:
        """Raise `StreamError` where a file of that name is there and belongs to the input.

        Args:
            name: see `save`.
        """
        target = self.folder / name
        if target.suffix != ".json" or os.path.realpath(target.parent) not in self._inputs:
            return
        if target.exists():
            raise StreamError(
                f"{target}: is beside the photos of the input, and not replaced; name another "
                "folder, or move it away"
            )

    def complete(self, *, cut_short: bool) -> None:
        """Give the files their names; see `Sink.finish`."""
        if self._error is not None:
            raise self._error
        self._follow()
        self.add_last()
        with writing(self.folder):
            try:
                put_all_in_place(self._part.path, self.folder, replaces=self._options.overwrite)
            except FileExistsError as error:
                if self._options.overwrite:
                    raise
                self._part.finish()
                came = Path(error.filename).relative_to(self.folder)
                self._options.on_message(
                    f"{self.folder}: {came} exists; all is written to {self._part.target}"
                )
        self._part.discard()
        self._made = []  # also an empty one stays

    def _keep(self, recording: Recording) -> str | None:
        """Give what there is of a recording a name; returns what to say, `None` of nothing."""
        self._follow()
        if not recording.path.is_dir():
            return None
        try:
            length = readable(recording.path)
            if length is None:
                return None
            with contextlib.suppress(Exception):
                self.add_last()
            recording.keep()
        except OSError:
            return f"what there is stays in {recording.path}"
        verb = "is" if length == "1 file" else "are"
        return f"the first {length} {verb} kept in {recording.target}"


class ObjectNames:
    """Names of files of one object each, by the name of its frame: `dog_0-person-0.98.png`.

    What is no letter or digit in a class's name becomes `_`.

    Args:
        info: its `categories` by label.
        ending: of the files.
    """

    def __init__(self, info: OutputInfo, ending: str) -> None:
        """Make the classes fit for file names."""
        self._ending = ending
        self._classes: Sequence[str] = [re.sub(r"\W+", "_", name) for _, name in info.categories]
        longest = max(map(len, map(os.fsencode, self._classes)), default=0)
        #: the most that is added to the name of a frame
        self.num_bytes = longest + len("_000-") + len("-0.00") + len(ending)

    def name(self, stem: str, rank: int, found: Instances) -> str:
        """Return the name of the one object `found`, which is number `rank` in its frame."""
        category = self._classes[int(found.labels[0])]
        return f"{stem}_{rank}-{category}-{float(found.scores[0]):.2f}{self._ending}"
