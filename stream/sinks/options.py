"""What holds for every sink of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """How outputs are written; a sink takes what concerns it.

    Attributes:
        overwrite: replace what is there.
        input_paths: files that must never be overwritten.
        preset: of the video encoder, in x264's names, "ultrafast" to "veryslow".
        crf: its constant rate factor, 0 (lossless) to 51, smaller is better.
        polygons: instances are written as outlines, not as RLE.
        on_message: told, in one line, what happens to an output while it runs.
    """

    overwrite: bool = False
    input_paths: Sequence[Path] = ()
    preset: str = "medium"
    crf: int = 20
    polygons: bool = False
    on_message: Callable[[str], None] = lambda text: None
