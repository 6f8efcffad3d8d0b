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
from stream.errors import StreamError
from stream.files.outputs import check_free, writing
from stream.files.recording import readable
from stream.files.records import LINES, LIST
from stream.frame import Output, OutputInfo, Sink
from stream.sinks.instances.image_ids import ImageIds
from stream.sinks.instances.masks import Mask, at_frame_size, to_polygons, to_rle
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.output_file import OutputFile

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
        self.folder, self._options = path.parent, options
        self._output = OutputFile(path, options, is_recording=info.stream.live)
        self._info = info
        self._polygons = options.polygons
        self._line_per_frame = path.suffix.lower() == ".jsonl"
        self._file: TextIO | None = None
        self._error: Exception | None = None  # since which the file is not whole
        self._separator = "[\n"
        self._image_ids = ImageIds(info)

    def open(self) -> None:
        """Open the file beside the final one."""
        self._output.open()
        buffering = -1 if self._output.recording is None else 1  # which is each line at once
        with writing(self._output.path):
            part = self._output.whole.path
            self._file = part.open("w", buffering, encoding="ascii", newline="\n")

    def close(self) -> None:
        """Close the file; delete what is unfinished, but for what will not come again."""
        self._close_file()
        if not (self._is_finished or self._error) and (kept := self._output.keep(readable)):
            self._options.on_message(f"{self._output.path}: not finished; {kept}")
        self._output.follow()
        self._output.whole.discard()

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
        with writing(self._output.path):
            if self._file is not None:
                self._file.close()
        self._output.finish()

    def _append(self, text: str) -> None:
        if self._file is None:
            raise ValueError("expected an entered context, got a sink that is not open")
        if self._error is not None:
            raise self._error
        try:
            with writing(self._output.path):
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
        kept = self._output.keep(readable)
        reason = str(error) or type(error).__name__
        return error if kept is None else StreamError(f"{reason}; {kept}")

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
