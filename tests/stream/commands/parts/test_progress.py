"""What a person sees of how far a run is."""

from __future__ import annotations

from fractions import Fraction

import pytest

from stream.commands.parts import progress
from stream.frame import StreamInfo
from stream.stats import Stats


# the last one is later than was announced
@pytest.mark.parametrize(("time_s", "share"), [(5.0, " 50%|"), (12.0, "100%|")])
def test_progress_of_a_video_goes_by_time(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    time_s: float,
    share: str,
) -> None:
    monkeypatch.setattr(progress, "_at_terminal", lambda: True)
    info, stats = StreamInfo(64, 48, Fraction(25), duration_s=10.0), Stats()
    with progress.progress(info, "out.mp4", stats):
        stats.shown(time_s)  # one frame, in a video that has few
    assert share in capsys.readouterr().err
