"""What holds for every sink of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from stream.ffmpeg.encoding.encoders import (
    ENCODERS,
    MAX_CRF,
    SOFTWARE_ENCODER,
    VIDEO_CODECS,
    X264_PRESETS,
)
from stream.microphone.microphone import Microphone


class Writing(TypedDict, total=False):
    """How files and streams are written, as whoever opens a run may say it; see `SinkOptions`."""

    codec: str | None
    encoder: str
    preset: str
    crf: int
    polygons: bool
    keep_location: bool
    renames: bool


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """How outputs are written; a sink takes what concerns it.

    Attributes:
        overwrite: replace what is there, or comes while an output is made.
        renames: an output whose name is taken meanwhile gets one beside it; else it fails.
        input_paths: files that must never be overwritten.
        output_paths: of all outputs of the run; no recording that is kept gets such a name.
        codec: of video files, one of `VIDEO_CODECS`; `None` for that which the container has
            unless told otherwise.
        encoder: of videos and streams, one of `ENCODERS`.
        preset: of the video encoder, one of `X264_PRESETS`.
        crf: its constant rate factor, 0 (lossless) to 51, smaller is better.
        polygons: instances are written as outlines, not as RLE.
        keep_location: outputs say where their source was taken, if it says so.
        sound: what is heard, which goes into videos and streams of a live source; `None` for
            silence.
        is_private: nobody else may read recordings.
        on_message: told, in one line, what happens to an output while it runs.

    Raises:
        ValueError: there is no such codec, encoder, preset or factor.
    """

    overwrite: bool = False
    renames: bool = True
    input_paths: Sequence[Path] = ()
    output_paths: Sequence[Path] = ()
    codec: str | None = None
    encoder: str = SOFTWARE_ENCODER
    preset: str = "medium"
    crf: int = 20
    polygons: bool = False
    keep_location: bool = False
    sound: Microphone | None = None
    is_private: bool = False
    on_message: Callable[[str], None] = lambda text: None

    @property
    def wanted(self) -> Sequence[Path] | None:
        """Names that no other output gets; see `Unfinished`."""
        return self.output_paths if self.renames else None

    def __post_init__(self) -> None:
        """Check what the encoder is told."""
        if self.codec is not None and self.codec not in VIDEO_CODECS:
            raise ValueError(f"codec must be one of {', '.join(VIDEO_CODECS)}, got {self.codec!r}")
        if self.encoder not in ENCODERS:
            raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}, got {self.encoder!r}")
        if self.preset not in X264_PRESETS:
            raise ValueError(
                f"preset must be one of {', '.join(X264_PRESETS)}, got {self.preset!r}"
            )
        if not isinstance(self.crf, int) or not 0 <= self.crf <= MAX_CRF:
            raise ValueError(f"crf must be a whole number from 0 to {MAX_CRF}, got {self.crf!r}")
