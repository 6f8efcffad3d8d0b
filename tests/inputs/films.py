"""A film that holds all that a video file can hold beside its picture."""

from __future__ import annotations

from pathlib import Path

from stream.frame import Output, OutputInfo
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=1")
SOUND = ("-f", "lavfi", "-i", "sine=duration=1")
ENDINGS = (".mp4", ".mov", ".mkv", ".webm")


def copied(
    clip: Path | str,
    path: Path,
    *,
    keep_location: bool = False,
    until: int = 1000,
    preset: str = "ultrafast",
    codec: str | None = None,
) -> list[str]:
    """Write a clip's frames as they are; returns what is told."""
    told: list[str] = []
    options = SinkOptions(
        codec=codec,
        preset=preset,
        keep_location=keep_location,
        on_message=told.append,
        overwrite=True,
    )
    with VideoSource(str(clip), told.append) as source:
        with VideoSink(path, OutputInfo(source.info), options) as sink:
            for frame in source:
                if frame.index >= until:
                    break
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=until < 1000)
    return told


def everything(folder: Path) -> Path:
    """A film with two languages, subtitles, chapters, tags, a place and a cover."""
    (folder / "s.srt").write_text("1\n00:00:00,100 --> 00:00:00,600\nHello\n")
    (folder / "m.txt").write_text(
        ";FFMETADATA1\ntitle=My\\=film\ndate=2024-05-06\ncreation_time=2024-05-06T10:11:12Z\n"
        "make=Lens\nmodel=One\nlocation=+47.1000+008.5000/\nserial=SECRET-1\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=First\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=400\nEND=1000\ntitle=Second\n"
    )
    reference.ffmpeg(
        *("-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1", folder / "cover.jpg")
    )
    path = folder / "film.mkv"
    reference.ffmpeg(
        *(*PICTURE, *SOUND, "-i", folder / "s.srt", "-i", folder / "m.txt"),
        *("-map", "0", "-map", "1", "-map", "1", "-map", "2", "-map_metadata", "3"),
        *("-map_chapters", "3", "-c:a", "aac", "-c:s", "srt"),
        *("-attach", folder / "cover.jpg", "-metadata:s:t", "mimetype=image/jpeg"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:0", "title=Commentary"),
        *("-metadata:s:a:1", "language=spa", "-metadata:s:s:0", "language=ita"),
        *("-disposition:a:0", "0", "-disposition:a:1", "default", path),
    )
    return path
