"""Sink: boxes, scores and masks of what was found, as COCO's results."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from segmentation.instances import Instances
from segmentation.pip_command import pip_install
from segmentation.unfinished import Unfinished
from stream.errors import StreamError
from stream.files.outputs import check_free, writing
from stream.files.recording import Recording, readable
from stream.files.records import LINES, LIST
from stream.files.recovery import clear_up
from stream.frame import Output, OutputInfo, Sink
from stream.sinks.instances.image_ids import ImageIds
from stream.sinks.instances.masks import Mask, at_frame_size, to_polygons, to_rle
from stream.sinks.parts.options import SinkOptions

#: Of the files this sink writes.
ENDINGS = (LIST, LINES)


class InstancesJSON(Sink):
    """`Sink` for what was found, in COCO's format of results (https://cocodataset.org).

    A `.json` is one list of all instances, which `COCO.loadRes` of pycocotools takes as it is.
    A frame without instances leaves no trace there, whether nothing was found or no mask is known.
    A `.jsonl` has one line for each frame, with its `instances`: `[]` where nothing was found,
    `null` where no mask is known. Both are written as the frames come.

    The keys of a frame, which in a `.json` every instance carries itself:

    - `image_id`: see `ImageIds`.
    - `file_name`: of a photo.
    - `time_s`: of a frame of a video or camera, in seconds.

    Those of an instance:

    - `category_id` as the data numbered it that the network was trained on, and `category_name`.
    - `bbox`: [x, y, width, height] in pixels of the frame.
    - `score`: 0 to 1.
    - `segmentation`: compressed RLE of the frame's size. With `options.polygons` a list of
      polygons, see `to_polygons`; an instance that has a box but no pixel inside has RLE all the
      same.
    - `track_id`: the same for the same object in every frame; absent where nothing is tracked.

    The file is written beside its final name, which it gets in `finish`. Of what will not come
    again each frame's are there to stay as soon as they are written, and all that was written is
    kept, see `VideoSink`: to the last whole record.

    Args:
        path: of the file; `.jsonl` means one line a frame.
        info: of the outputs to come; its `categories` by label.
        options: see `SinkOptions`.

    Raises:
        StreamError: the path is taken or an input, or pycocotools is not installed.
    """

    def __init__(self, path: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Check all that can be checked before the first frame."""
        check_free(path, overwrite=options.overwrite, input_paths=options.input_paths)
        if importlib.util.find_spec("pycocotools") is None:
            remedy = pip_install("pycocotools")
            raise StreamError(f"{path}: needs pycocotools; install it: {remedy}")
        self._path, self.folder = path, path.parent
        self._options = options
        overwrite, wanted, live = options.overwrite, options.output_paths, info.stream.live
        self._recording = Recording(path, overwrite=overwrite, wanted=wanted) if live else None
        self._part = self._recording or Unfinished(path, replaces=overwrite, wanted=options.wanted)
        self._info = info
        self._polygons = options.polygons
        self._line_per_frame = path.suffix.lower() == ".jsonl"
        self._file: TextIO | None = None
        self._error: Exception | None = None  # since which the file is not whole
        self._separator = "[\n"
        self._image_ids = ImageIds(info)

    def open(self) -> None:
        """Open the file beside the final one."""
        clear_up(self._path, self._options.on_message, wanted=self._options.output_paths)
        buffering = -1 if self._recording is None else 1  # which is each line at once
        with writing(self._path):
            self._part.hold()
            self._file = self._part.path.open("w", buffering, encoding="ascii", newline="\n")

    def close(self) -> None:
        """Close the file; delete what is unfinished, but for what will not come again."""
        self._close_file()
        if self._recording is not None and not (self._is_finished or self._error):
            if kept := self._keep(self._recording):
                self._options.on_message(f"{self._path}: not finished; {kept}")
        self._part.discard()

    def write(self, output: Output) -> None:
        """Write what was found in one frame; see `Sink`."""
        try:
            self._write(output)
        except Exception as error:  # of whatever kind: the file is not whole
            self._error = self._error or self._failed(error)
            raise self._error from error.__cause__

    def _write(self, output: Output) -> None:
        keys = self._image_ids.keys(output.frame)
        records = (self._record(found, mask) for found, mask in at_frame_size(output))
        if self._line_per_frame:
            known = output.instances is not None
            self._append(_dumps({**keys, "instances": list(records) if known else None}) + "\n")
            return
        for record in records:
            self._append(self._separator + _dumps({**keys, **record}))
            self._separator = ",\n"

    def complete(self, *, cut_short: bool) -> None:
        """Complete the file and give it its name; see `Sink.finish`."""
        if self._error is not None:
            raise self._error
        if not self._line_per_frame:
            self._append("[]\n" if self._separator == "[\n" else "\n]\n")
        asked = self._part.target
        with writing(self._path):
            if self._file is not None:
                self._file.close()
            self._part.finish()
        if self._part.target != asked:
            self._options.on_message(f"{self._path}: exists; written as {self._part.target.name}")

    def _append(self, text: str) -> None:
        if self._file is None:
            raise ValueError("expected an entered context, got a sink that is not open")
        if self._error is not None:
            raise self._error
        try:
            with writing(self._path):
                self._file.write(text)
        except StreamError as error:
            self._error = self._failed(error)
            raise self._error from error.__cause__

    def _close_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def _failed(self, error: Exception) -> Exception:
        """Return why the file could not be written; what there is of a recording is kept."""
        self._close_file()
        kept = None if self._recording is None else self._keep(self._recording)
        reason = str(error) or type(error).__name__
        return error if kept is None else StreamError(f"{reason}; {kept}")

    def _keep(self, recording: Recording) -> str | None:
        """Give what there is of a recording a name; returns what to say, `None` of nothing."""
        try:
            length = readable(recording.path)
            if length is None:
                return None
            recording.keep()
        except FileNotFoundError:  # it was never begun, or has its name
            return None
        except OSError:
            return f"what there is stays in {recording.path}"
        under = "" if recording.target == self._path else f" as {recording.target.name}"
        verb = "is" if length == "1 line" else "are"
        return f"the first {length} {verb} kept{under}"

    def _record(self, found: Instances, mask: Mask) -> dict[str, Any]:
        category_id, category_name = self._info.categories[int(found.labels[0])]
        x1, y1, x2, y2 = found.boxes[0].astype(np.float64)
        polygons = to_polygons(mask) if self._polygons else []
        record = {
            "category_id": category_id,
            "category_name": category_name,
            "bbox": [round(float(value), 2) for value in (x1, y1, x2 - x1, y2 - y1)],
            "score": round(float(found.scores[0]), 6),
            "segmentation": polygons or to_rle(mask),
        }
        if found.ids[0] >= 0:
            record["track_id"] = int(found.ids[0])
        return record


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
