"""When a video ends, of which ffmpeg tells in the middle of its log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stream.ffmpeg import length


@pytest.mark.parametrize("before", ["", "[in#0/mov,mp4 @ 0x5628] ", "[verbose] "])
def test_what_comes_into_a_line_of_the_log_counts(
    monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    said = [
        "#tb 0: 1/90000",
        "0,     244800,     244800,     3600,       15, 0x190d0431, F=0x0",
        f"{before}0,     248400,     252000,     3600,       15, 0x1cd30511, F=0x0",
        "[verbose] EOF while reading input",
    ]

    class Ffmpeg:
        def __init__(self, arguments: Sequence[str], on_line: Callable[[str | None], None]) -> None:
            for line in (*said, None):
                on_line(line)

        def wait(self) -> int:
            return 0

        def close(self) -> None:
            pass

    monkeypatch.setattr(length, "Ffmpeg", Ffmpeg)
    assert length.end_s(Path("film.mp4"), 0, 0.0) == pytest.approx(255_600 / 90_000)
