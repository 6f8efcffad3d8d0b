"""The tables of docs/files.md say what a run makes of each track and of 10 bits."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.picture import RgbPicture
from stream.errors import StreamError
from stream.ffmpeg.encoding.encoders import VIDEO_CODECS
from stream.frame import Frame, Output, OutputInfo, StreamInfo
from stream.sinks import open_sink
from stream.sinks.animation import WRITERS
from stream.sinks.parts.options import SinkOptions
from tests import ffmpeg_reference as reference
from tests.folders import ROOT
from tests.inputs.deep_clips import HDR10, HLG, MASTERING, SDR, clip_of, ramp
from tests.inputs.films import ENDINGS, PICTURE, SOUND, copied, everything

SOUNDS = {
    **dict.fromkeys(("aac", "mp3", "ac3", "flac", "pcm_s16le", "mp2"), ""),
    **{"opus": "libopus", "vorbis": "libvorbis"},
}
SUBTITLES = {"subrip": "srt", "ass": "ass", "webvtt": "webvtt"}
PAGE = ROOT / "docs" / "files.md"


def row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def kinds(path: Path, kind: str) -> list[str]:
    listed = re.findall(rf"Stream #.*: {kind}: (\w+)", reference.description(path))
    return [str(codec) for codec in listed]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with a track of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "s.srt").write_text("1\n00:00:00,100 --> 00:00:00,600\nHello\n")
    options: list[str] = ["-map", "0"]
    for number, (codec, encoder) in enumerate(SOUNDS.items()):
        options += ["-map", "1", f"-c:a:{number}", encoder or codec]
    for number, encoder in enumerate(SUBTITLES.values()):
        options += ["-map", "2", f"-c:s:{number}", encoder]
    path = folder / "clip.mkv"
    reference.ffmpeg(*PICTURE, *SOUND, "-i", folder / "s.srt", *options, path)
    assert kinds(path, "Audio") == list(SOUNDS)
    return path


def test_each_kind_of_track(clip: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / f"out{ending}" for ending in ENDINGS]
    for path in outputs:
        assert copied(clip, path) == []
    text = PAGE.read_text("utf-8")
    for kind, codecs in (("Audio", SOUNDS), ("Subtitle", SUBTITLES)):
        found = [kinds(path, kind) for path in outputs]
        for number, codec in enumerate(codecs):
            got = [tracks[number] for tracks in found]
            name = f"{'sound' if kind == 'Audio' else 'subtitles'}, {codec}"
            assert row(name, ["copied" if each == codec else each for each in got]) in text


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("picture", {}),
        *((f"`--codec {codec}`", {"codec": codec}) for codec in VIDEO_CODECS if codec != "h264"),
        ("`--effect cutout`", {"has_alpha": True}),
    ],
)
def test_codecs(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    cells = []
    for ending in ENDINGS:
        path = tmp_path / f"out{ending}"
        has_alpha = options.get("has_alpha", False)
        info = OutputInfo(StreamInfo(64, 48, Fraction(25)), has_alpha)
        picture = RgbPicture(np.zeros((48, 64, 4 if has_alpha else 3), np.uint8))
        try:
            with open_sink(path, info, SinkOptions(codec=options.get("codec"))) as sink:
                sink.write(Output(Frame(picture, 0, 0.0), picture, None, None))
                sink.finish(cut_short=False)
        except StreamError:
            cells.append("refused")
        else:
            cells += kinds(path, "Video")
    assert row(name, cells) in PAGE.read_text("utf-8")


def test_short_clips() -> None:
    text = PAGE.read_text("utf-8")
    kinds_of = [WRITERS[ending] for ending in (".gif", ".webp", ".apng")]
    assert row("times", [f"1/{round(1 / kind.tick_s)} s" for kind in kinds_of]) in text
    rates = [str(round(1 / (kind.tick_s * kind.least_ticks))) for kind in kinds_of]
    assert row("most frames a second", rates) in text


def test_tags_and_chapters(tmp_path: Path) -> None:
    film, text = everything(tmp_path), PAGE.read_text("utf-8")
    outputs = [tmp_path / f"out{ending}" for ending in ENDINGS]
    for path in outputs:
        copied(film, path)
    names = {"chapters": "Second", "title": "My=film", "date": "2024-05-06", "camera": "Lens"}
    for name, value in {**names, "location": "47.1"}.items():
        has = [f": {value}" in reference.description(path) for path in outputs]
        assert row(name, ["kept" if each else "left out" for each in has]) in text


DEPTHS = {
    "HDR10, hevc": (HDR10, "libx265"),
    "HLG, hevc": (HLG, "libx265"),
    "HLG, prores": (HLG, "prores_ks"),
    "10 bits, hevc": (SDR, "libx265"),
    "10 bits, av1": (SDR, "libsvtav1"),
    "10 bits, vp9": (SDR, "libvpx-vp9"),
    "10 bits, prores": (SDR, "prores_ks"),
    "10 bits, h264": (SDR, "libx264"),
}


def depth_of(path: Path) -> str:
    line = next(line for line in reference.description(path).splitlines() if "Video:" in line)
    codec, bits = line.partition("Video: ")[2].split()[0], "10" if "p10le" in line else "8"
    return f"{codec.rstrip(',')}, {bits} bits"


@pytest.mark.parametrize("name", DEPTHS)
def test_depths(tmp_path: Path, name: str) -> None:
    colour, encoder = DEPTHS[name]
    light = MASTERING if name.startswith("HDR10") else None
    clip = clip_of(tmp_path / "hevc.mp4", ramp((96, 128)), colour, light=light, num_frames=2)
    if encoder != "libx265":
        source, clip = clip, tmp_path / ("clip.mov" if "prores" in encoder else "clip.mkv")
        reference.ffmpeg("-i", source, "-c:v", encoder, clip)
    outputs = [tmp_path / f"out{ending}" for ending in ENDINGS]
    for path in outputs:
        told = copied(clip, path)
        assert bool(told) == depth_of(path).endswith(" 8 bits"), told
        assert ("MaxCLL=1000" in reference.description(path)) == name.startswith("HDR10")
    assert row(name, list(map(depth_of, outputs))) in PAGE.read_text("utf-8")
