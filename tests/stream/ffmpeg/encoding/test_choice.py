"""Which codec and encoder an output gets, and what is said where it cannot have them."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from stream.errors import StreamError
from stream.ffmpeg.encoding.choice import choose, failure
from stream.ffmpeg.encoding.codecs import CODECS, Encoding
from stream.ffmpeg.encoding.encoders import AUTO, HARDWARE, VIDEO_CODECS
from stream.ffmpeg.encoding.formats import FORMATS
from stream.ffmpeg.process import listing
from tests.stand_ins.devices.hardware_encoders import pretend

SIZE = (120, 160)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a script takes ffmpeg's place")


def test_every_container_has_its_own_codec() -> None:
    for ending, kind in FORMATS.items():
        assert choose("out", ending, SIZE).codec.name == kind.codec
        for codec in CODECS.values():
            assert (ending in codec.alpha_endings) == (kind.alpha_codec == codec.name)
    for name in VIDEO_CODECS:
        assert CODECS[name].endings


@pytest.mark.parametrize("codec", VIDEO_CODECS)
@pytest.mark.parametrize("ending", FORMATS)
def test_what_a_container_cannot_hold_is_said(codec: str, ending: str) -> None:
    endings = CODECS[codec].endings
    if ending in endings:
        assert choose("out", ending, SIZE, codec=codec).codec.name == codec
        return
    said = f"^a{ending}: {ending} cannot hold .*; --codec {codec} is for {' '.join(endings)}$"
    with pytest.raises(StreamError, match=said):
        choose(f"a{ending}", ending, SIZE, codec=codec)


def test_a_codec_without_transparency_is_said() -> None:
    with pytest.raises(StreamError, match=r"^a.mov: HEVC in .mov holds no transparency; leave out"):
        choose("a.mov", ".mov", SIZE, codec="hevc", has_alpha=True)


@pytest.mark.parametrize("kind", HARDWARE)
def test_hardware_that_is_not_there_is_never_software(kind: str) -> None:
    """Machines that run tests have none; one that had would encode."""
    codec = next(iter(HARDWARE[kind]))
    encoding = Encoding(CODECS[codec], HARDWARE[kind][codec])
    why = failure(encoding, SIZE)
    if not why:
        assert choose("a.mp4", ".mp4", SIZE, encoder=kind).encoder is encoding.encoder
        return
    said = re.escape(f"a.mp4: --encoder {kind} cannot be used here ({why}); use --encoder auto")
    with pytest.raises(StreamError, match=said):
        choose("a.mp4", ".mp4", SIZE, codec=codec, encoder=kind)


@pytest.mark.parametrize(
    ("kind", "codec", "ending"),
    [("nvenc", "vp9", ".webm"), ("amf", "prores", ".mov"), ("videotoolbox", "av1", ".mp4")],
)
def test_hardware_without_the_codec_is_said(kind: str, codec: str, ending: str) -> None:
    said = f"{kind} does not encode {CODECS[codec].title}, but --codec h264"
    with pytest.raises(StreamError, match=said):
        choose("a", ending, SIZE, codec=codec, encoder=kind)


def test_hardware_without_transparency_is_said() -> None:
    with pytest.raises(StreamError, match="nvenc does not encode ProRes with transparency"):
        choose("a.mov", ".mov", SIZE, encoder="nvenc", has_alpha=True)


@LINUX
def test_hardware_that_works_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, tmp_path)
    assert choose("a.mp4", ".mp4", SIZE, encoder="nvenc").encoder.name == "h264_nvenc"
    assert choose("a.mp4", ".mp4", SIZE, codec="hevc", encoder="nvenc", depth=10).pixels == "p010le"
    with pytest.raises(StreamError, match=r"nvenc does not encode H\.264 of 10 bits"):
        choose("a.mp4", ".mp4", SIZE, encoder="nvenc", depth=10)


@LINUX
def test_auto_says_what_it_took(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, tmp_path, {"h264_amf": "libx264"})
    told: list[str] = []
    found = choose("a.mp4", ".mp4", SIZE, encoder=AUTO, on_message=told.append)
    assert found.encoder.name == "h264_amf"
    found = choose("b.mp4", ".mp4", SIZE, codec="vp9", encoder=AUTO, on_message=told.append)
    assert found.in_software
    assert told == [
        "a.mp4: encoded by h264_amf",
        "b.mp4: encoded by libvpx-vp9, in software; no hardware that works here encodes VP9",
    ]


@LINUX
def test_each_is_tried_once_at_the_size_of_the_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = pretend(monkeypatch, tmp_path)
    for _ in range(3):
        choose("a.mp4", ".mp4", (480, 640), encoder="nvenc")
    choose("a.mp4", ".mp4", SIZE, encoder="nvenc")
    tried = [line for line in log.read_text().splitlines() if "h264_nvenc" in line]
    assert [re.findall(r"size=(\w+)", line) for line in tried] == [["640x480"], ["160x120"]]


@LINUX
def test_a_driver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, tmp_path)
    script = Path(os.environ["IMAGEIO_FFMPEG_EXE"])
    hangs = 'if "h264_nvenc" in sys.argv:\n    os.execvp("sleep", ["sleep", "600"])\n'
    script.write_text(script.read_text().replace("arguments = sys", f"{hangs}arguments = sys", 1))
    monkeypatch.setattr("stream.ffmpeg.encoding.choice.TRIAL_S", 0.3)
    with pytest.raises(StreamError, match=r"cannot be used here \(ffmpeg was ended by SIGKILL\)"):
        choose("a.mp4", ".mp4", SIZE, encoder="nvenc")


def test_hardware_is_told_what_ffmpeg_knows() -> None:
    """Names and ranges of options can be checked without the hardware."""
    built = set(re.findall(r"^ V\S{5} (\S+)", listing("-encoders"), re.MULTILINE))
    rows = [encoder for row in HARDWARE.values() for encoder in row.values()]
    known = [encoder for encoder in rows if encoder.name in built]
    assert known, "an ffmpeg without any hardware encoder"
    for encoder in known:
        text = listing("-h", f"encoder={encoder.name}")
        for preset, crf in (("ultrafast", 0), ("medium", 20), ("veryslow", 51)):
            arguments = [*encoder.quality(preset, crf), *encoder.low_delay]
            for option, value in zip(arguments[::2], arguments[1::2], strict=True):
                check_option(text, option, value)


def check_option(text: str, option: str, value: str) -> None:
    """Fail where the help of an encoder has no such option, or not that value of it."""
    if option in ("-b:v", "-global_quality", "-q:v", "-bf"):  # of all encoders
        return
    listed = re.search(rf"^  {option} +<(\w+)>.*(?:\n     .*)*", text, re.MULTILINE)
    assert listed, option
    if not value.isdigit():
        assert re.search(rf"^     {value} ", listed[0], re.MULTILINE), (option, value)
    elif limits := re.search(r"\(from (-?\d+) to (\d+)\)", listed[0]):
        assert int(limits[1]) <= int(value) <= int(limits[2]), (option, value)


def test_pictures_too_large_for_a_codec_are_said() -> None:
    said = (
        r"^a.mp4: H.264 has at most 16384 pixels a side here, .* 17000x90; use --codec hevc or vp9$"
    )
    with pytest.raises(StreamError, match=said):
        choose("a.mp4", ".mp4", (90, 17000))
    assert choose("a.mp4", ".mp4", (90, 17000), codec="hevc").codec.name == "hevc"
