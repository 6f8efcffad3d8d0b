"""An ffmpeg that pretends to have hardware: what is asked of that is done by x264 and x265."""

from __future__ import annotations

import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

SCRIPT = """#!{python}
import os, sys
arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(arguments) + "\\n")
for name, real in {encoders!r}.items():
    if name in arguments and "-encoders" not in arguments:
        at = arguments.index(name)
        arguments[at] = real
        for option in ("-rc", "-cq", "-tune", "-preset"):
            if option in arguments[at:]:
                where = arguments.index(option, at)
                del arguments[where : where + 2]
os.execv({ffmpeg!r}, [{ffmpeg!r}, *arguments])
"""


def pretend(
    monkeypatch: pytest.MonkeyPatch, folder: Path, encoders: dict[str, str] | None = None
) -> Path:
    """Use that ffmpeg; returns a log with a line for each run.

    Args:
        monkeypatch: of the test.
        folder: for the program and its log.
        encoders: by their names those that do their work; a Linux ffmpeg must know both.
    """
    given = {"h264_nvenc": "libx264", "hevc_nvenc": "libx265"} if encoders is None else encoders
    script, log = folder / "ffmpeg", folder / "ffmpeg.log"
    log.touch()
    real = imageio_ffmpeg.get_ffmpeg_exe()
    values = {"python": sys.executable, "log": str(log), "encoders": given, "ffmpeg": real}
    script.write_text(SCRIPT.format(**values))
    script.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script))
    return log
