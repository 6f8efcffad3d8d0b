"""A film with frames at irregular times, B-frames, sound, a chapter and a subtitle."""

from __future__ import annotations

from pathlib import Path

from tests import ffmpeg_reference as reference

DURATION_S = 4.0


def write_film(path: Path, *, size: str = "64x48") -> Path:
    """Write it; the ending says into which container."""
    picture = f"testsrc2=size={size}:rate=25:duration={DURATION_S:g}"
    tags, text = path.with_suffix(".tags"), path.with_suffix(".srt")
    tags.write_text(
        ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=3\ntitle=One\n"
    )
    text.write_text("1\n00:00:01,000 --> 00:00:02,000\nwords\n")
    irregular = "select=not(eq(mod(n\\,7)\\,3)),setpts=PTS+0.011*mod(N\\,3)/TB"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi"),
        *("-i", f"sine=frequency=440:duration={DURATION_S:g}"),
        *("-f", "ffmetadata", "-i", tags, "-i", text, "-map", "0:v", "-map", "1:a", "-map", "3:s"),
        *("-map_metadata", "2", "-map_chapters", "2", "-vf", irregular, "-fps_mode", "passthrough"),
        *("-enc_time_base", "1/90000", "-c:v", "libx264", "-preset", "veryfast", "-bf", "2"),
        *("-g", "40", "-c:a", "aac", "-c:s", "mov_text" if path.suffix == ".mp4" else "subrip"),
        path,
    )
    tags.unlink()
    text.unlink()
    return path
