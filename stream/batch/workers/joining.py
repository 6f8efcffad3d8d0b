"""Parts of a film become one file again, without being encoded anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from segmentation.unfinished import Unfinished
from stream.batch.jobs.job import Edges
from stream.batch.workers import taken
from stream.errors import StreamError
from stream.ffmpeg.encoding.codecs import CODECS
from stream.ffmpeg.encoding.formats import DEFAULT_FPS, FORMATS
from stream.ffmpeg.length import durations_until
from stream.ffmpeg.process import Ffmpeg
from stream.ffmpeg.tracks import muxer_options
from stream.files.outputs import check_free, writing
from stream.frame import StreamInfo
from stream.sinks.parts.beside import Beside
from stream.sinks.parts.options import SinkOptions

#: Encoders count the times of packets from the first frame back, at each part anew, so that those
#: of two parts may overlap. Those of frames stay.
_RISING = "max(DTS\\,PREV_OUTDTS+1)"
_MUXED = re.compile(r" Output stream #0:0 \(video\): .*\b(\d+) packets muxed")


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part of a film.

    Attributes:
        path: a video that begins with its first frame; empty where it has none.
        edges: where it begins and ends in the film.
        num_frames: that it has.
    """

    path: Path
    edges: Edges
    num_frames: int


def why_apart(parts: Sequence[WrittenPart]) -> str | None:
    """Say where parts do not follow each other frame by frame, `None` where they do."""
    last_s: float | None = None
    after_s: float | None = None
    for part in parts:
        edges = part.edges
        if edges.before_s is not None and edges.before_s != last_s:
            return f"its frames around {edges.before_s:.3f} s are not the same in two parts"
        if edges.first_s is None:
            continue
        if after_s is not None and after_s != edges.first_s:
            return f"its frames around {after_s:.3f} s are not the same in two parts"
        last_s, after_s = edges.last_s, edges.after_s
    return "nothing of it can be decoded" if last_s is None else None


def _check_free(path: Path, options: SinkOptions) -> None:
    """Raise `StreamError` where a file may not be written; one taken meanwhile costs no part."""
    if not options.overwrite:
        taken.check_free(path)
    check_free(path, overwrite=options.overwrite, input_paths=options.input_paths)


def join(path: Path, parts: Sequence[WrittenPart], stream: StreamInfo, options: SinkOptions) -> int:
    """Write a file of parts, each at the time that it has in the film, and what goes beside them.

    Args:
        path: of the file.
        parts: in order, with at least one frame; see `why_apart`.
        stream: of the film.
        options: see `SinkOptions`.

    Returns:
        The number of frames.

    Raises:
        StreamError: it cannot be written.
    """
    _check_free(path, options)
    parts = [part for part in parts if part.num_frames]
    ending, first_s = path.suffix.lower(), parts[0].edges.first_s or 0.0
    whole = Unfinished(path, replaces=options.overwrite, wanted=options.wanted)
    num_muxed = 0
    assert stream.contents is not None
    beside = Beside(path, stream.contents, options)
    inputs, maps, further = beside.arguments(0.0)
    arguments = ["-copyts", "-itsoffset", f"{first_s:.6f}", "-f", "concat", "-safe", "0"]
    arguments += ["-protocol_whitelist", "file,pipe", "-i", "pipe:0", *inputs, "-map", "0:v:0"]
    arguments += [*maps, "-c:v", "copy", "-bsf:v", _times(parts, stream, FORMATS[ending].muxer)]
    arguments += _tag(ending, options.codec)
    arguments += muxer_options(FORMATS[ending].muxer_options, ending, stream.contents)
    arguments += ["-f", FORMATS[ending].muxer, "-y", f"file:{whole.path}", *further]

    def take(line: str | None) -> None:
        nonlocal num_muxed
        beside.take_line(line)
        if line is not None and (match := _MUXED.search(line)):
            num_muxed = int(match[1])

    try:
        with writing(path):
            held = whole.hold()
        process = Ffmpeg(arguments, pipe_in=True, has_more=True, on_line=take, holds=[held])
        with closing(process):
            process.write(_listed(parts))
            if process.wait() != 0:
                raise StreamError(f"{path}: could not be written ({process.failure()})")
        num_frames = sum(part.num_frames for part in parts)
        if num_muxed != num_frames:
            raise StreamError(f"{path}: {num_muxed} of {num_frames} frames could be joined")
        beside.tell_silent()
        with writing(path):
            whole.finish()
    finally:
        whole.discard()
    return num_frames


def _times(parts: Sequence[WrittenPart], stream: StreamInfo, muxer: str) -> str:
    """Return the filter that gives packets their times; the last frame ends as it does in the film.

    What the containers of the parts say of that counts from packets that are not there any more.
    """
    edges = parts[-1].edges
    assert edges.last_s is not None
    end_s = edges.end_s or edges.last_s + float(1 / (stream.fps or DEFAULT_FPS))
    durations = durations_until(end_s, edges.last_s, muxer, dts=_RISING)
    return f"setts=pts=PTS:dts={_RISING}:duration={durations}"


def _tag(ending: str, codec: str | None) -> list[str]:
    tag = "" if codec is None or ending not in (".mp4", ".m4v", ".mov") else CODECS[codec].tag
    return ["-tag:v", tag] if tag else []


def _listed(parts: Sequence[WrittenPart]) -> bytes:
    """Return the parts in the format of ffmpeg's `concat`, each to last until the next begins.

    By their own lengths, which no container knows exactly, later ones would move.
    """
    starts = [round((part.edges.first_s or 0.0) * 1e6) for part in parts]
    lines = ["ffconcat version 1.0"]
    for part, start, following in zip(parts, starts, [*starts[1:], None], strict=True):
        name = str(part.path.absolute()).replace("'", "'\\''")
        lines.append(f"file 'file:{name}'")
        if following is not None:
            lines.append(f"duration {(following - start) / 1e6:.6f}")
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
