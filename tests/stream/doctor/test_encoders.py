"""Encoders: what doctor says of them is what they could do a moment ago."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stream.doctor.encoders import encoder_findings
from stream.ffmpeg.encoding.encoders import HARDWARE, VIDEO_CODECS
from tests.stand_ins.devices.hardware_encoders import pretend

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a script takes ffmpeg's place")


def test_what_works_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, tmp_path)
    found = {finding.text: finding.state for finding in encoder_findings()}
    assert set(found.values()) == {"ok"}
    assert "libx264, for --codec h264, .mp4 .m4v .mov .mkv" in found
    assert "libx265, for --codec hevc" in found
    assert "libopus, for sound of .webm" in found
    assert "--encoder nvenc can encode h264, hevc" in found
    assert "--encoder videotoolbox cannot be used here (this ffmpeg was built without it)" in found
    assert len(found) == len(VIDEO_CODECS) + 2 + len(HARDWARE)


def test_what_is_listed_and_cannot_be_opened_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend(monkeypatch, tmp_path)
    script = Path(os.environ["IMAGEIO_FFMPEG_EXE"])
    fails = 'if {"libx264", "libx265", "libopus"} & {*sys.argv} and "-encoders" not in sys.argv:\n'
    fails += '    sys.exit("[error] no licence")\n'
    script.write_text(script.read_text().replace("arguments = sys", f"{fails}arguments = sys", 1))
    found = {finding.text: finding for finding in encoder_findings()}
    wrong = found["libx264, for --codec h264, .mp4 .m4v .mov .mkv (no licence)"]
    assert wrong.state == found["libopus, for sound of .webm (no licence)"].state == "wrong"
    assert "imageio-ffmpeg" in wrong.remedy
    assert found["libx265, for --codec hevc (no licence)"].state == "missing"
