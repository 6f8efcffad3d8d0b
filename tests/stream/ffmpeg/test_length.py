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
    let_say(
        monkeypatch,
        "#tb 0: 1/90000",
        "0,     244800,     244800,     3600,       15, 0x190d0431, F=0x0",
        f"{before}0,     248400,     252000,     3600,       15, 0x1cd30511, F=0x0",
        "[verbose] EOF while reading input",
    )
    assert length.end_s(Path("film.mp4"), 0, 0.0) == pytest.approx(255_600 / 90_000)


def test_a_length_needs_no_number_of_frames_which_not_every_ffmpeg_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_say(
        monkeypatch,
        "#tb 0: 1/1000",
        "0,       1000,       1040,       40,       15, 0x190d0431",
        "out_time_us=1080000",
        "progress=end",
    )
    assert length.length_s(Path("film.mkv")) == pytest.approx(2 * 1.08)  # read twice
    let_say(monkeypatch, "#tb 0: 1/1000", "out_time_us=1080000", "progress=end")
    assert length.length_s(Path("film.mkv")) is None


def let_say(monkeypatch: pytest.MonkeyPatch, *said: str) -> None:
    """Let every ffmpeg that is started log these lines."""

    class Ffmpeg:
        def __init__(self, arguments: Sequence[str], on_line: Callable[[str | None], None]) -> None:
            for line in (*said, None):
                on_line(line)

        def wait(self) -> int:
            return 0

        def close(self) -> None:
            pass

    monkeypatch.setattr(length, "Ffmpeg", Ffmpeg)
