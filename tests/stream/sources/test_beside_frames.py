"""What goes with the frames themselves: captions, HDR10+, where chroma lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.frame import StreamInfo
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.inputs.films import PICTURE, copied
from tests.inputs.messages import CAPTIONS, hdr10_plus, with_message

pytestmark = pytest.mark.usefixtures("nothing_left_over")


def info_of(path: Path) -> StreamInfo:
    with VideoSource(str(path)) as source:
        return source.info


@pytest.mark.parametrize(
    ("codec", "message", "named"),
    [
        ("libx264", CAPTIONS, "captions inside the picture (EIA-608/708)"),
        ("libx265", hdr10_plus(), "HDR10+ (what it says of each scene)"),
    ],
)
def test_what_frames_carry_is_named(tmp_path: Path, codec: str, message: bytes, named: str) -> None:
    kind = "hevc" if codec == "libx265" else "h264"
    silent, raw, path = tmp_path / f"silent.{kind}", tmp_path / f"raw.{kind}", tmp_path / "clip.ts"
    reference.ffmpeg(*PICTURE, "-frames:v", "3", "-c:v", codec, "-preset", "ultrafast", silent)
    raw.write_bytes(with_message(silent.read_bytes(), message, hevc=kind == "hevc"))
    for stream, wanted in ((silent, ()), (raw, (named,))):
        reference.ffmpeg("-i", stream, "-c", "copy", "-bsf:v", "setts=ts=N/25/TB", path)
        contents = info_of(path).contents
        assert contents is not None
        assert contents.others == wanted


@pytest.mark.parametrize(("codec", "ending"), [("h264", ".mp4"), ("hevc", ".mp4"), ("vp9", ".mkv")])
def test_chroma_stays_where_it_lies(tmp_path: Path, codec: str, ending: str) -> None:
    clip, path = tmp_path / "clip.mp4", tmp_path / f"out{ending}"
    picture = (*PICTURE, "-frames:v", "2", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    reference.ffmpeg(*picture, "-chroma_sample_location", "topleft", clip)
    assert info_of(clip).colour.chroma_location == "topleft"
    copied(clip, path, codec=codec)
    listed = reference.log("-v", "verbose", "-i", path, "-frames:v", "1", "-f", "null", "-")
    assert "topleft" in listed.partition("Output #0")[0]


def test_where_chroma_usually_lies_is_not_said(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    reference.ffmpeg(*PICTURE, "-frames:v", "2", "-c:v", "libx264", "-pix_fmt", "yuv420p", clip)
    assert info_of(clip).colour.chroma_location is None
