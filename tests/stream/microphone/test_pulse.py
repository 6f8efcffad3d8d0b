"""A real PulseAudio, with a microphone that is unplugged and plugged in again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stream.frame import Frame
from stream.microphone import capture
from stream.microphone.devices import find
from stream.opening import open_run
from stream.running.loop import play
from tests import ffmpeg_reference as reference
from tests.stand_ins.devices.pulse_server import (
    RATE,
    PulseServer,
    pactl,
    playing,
    pulse_server,
    why_no_pulse,
)
from tests.stand_ins.fakes import MovingSquare, Oracle

pytestmark = pytest.mark.skipif(bool(why_no_pulse()), reason=why_no_pulse())


_HEARD_FRAMES = 75  # while so many come, the microphone is heard


class Unplugging(MovingSquare):
    """A camera at which somebody unplugs the microphone, plugs in another, and ends the run.

    Args:
        server: of the microphones.
        stack: ends them.
    """

    def __init__(self, server: PulseServer, stack: ExitStack) -> None:
        super().__init__(3000, live=True, pause_s=0.02)
        self.told: list[str] = []
        self._server, self._stack = server, stack

    def __iter__(self) -> Iterator[Frame]:
        frames = ((replace(frame, time_s=time.monotonic())) for frame in super().__iter__())
        yield from self._until(frames, 1)
        yield from itertools.islice(frames, _HEARD_FRAMES)
        self._server.remove_microphones()
        yield from self._until(frames, 2)
        self.plug_in("another")
        yield from self._until(frames, 3)
        yield from itertools.islice(frames, _HEARD_FRAMES)

    def plug_in(self, name: str) -> None:
        self._stack.enter_context(playing(self._server.add_microphone(name)))

    def _until(self, frames: Iterator[Frame], num_told: int) -> Iterator[Frame]:
        """Yield frames until so many messages have come."""
        for frame in frames:
            yield frame
            if len(self.told) >= num_told:
                return
        raise AssertionError(self.told)


@pytest.mark.usefixtures("no_file_left_over")
@pytest.mark.parametrize("has_speakers", [False, True], ids=["alone", "beside loudspeakers"])
def test_a_microphone_is_recorded_lost_and_back(
    tmp_path: Path, has_speakers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where PulseAudio would go on with the loudspeakers."""
    path = tmp_path / "out.mkv"
    monkeypatch.setattr(capture, "THERE_S", 0.2)
    with pulse_server() as server, ExitStack() as stack:
        if has_speakers:
            pactl("load-module", "module-null-sink", "sink_name=speakers")
        source = Unplugging(server, stack)
        source.plug_in("first")
        assert find("fir")[1].title == "First"
        run = open_run(
            source,
            path,
            segmenter=Oracle(),
            effect="none",
            sound="mic",
            on_message=source.told.append,
        )
        with run as opened:
            assert play(opened)
    assert [text.partition(" (")[0] for text in source.told] == [
        "microphone First: is on, outputs have its sound",
        "microphone: lost",
        "microphone Another: is back",
    ]
    sound = reference.ffmpeg("-i", path, "-map", "0:a:0", "-ac", "1", "-f", "s16le", "-")
    loud = np.flatnonzero(np.abs(np.frombuffer(sound, np.int16).astype(int)) > 3000) / RATE
    beeps_s = loud[np.concatenate([[True], np.diff(loud) > 0.5])]
    assert len(beeps_s) >= 2, "of both"
    # all that beeps does so at full seconds of one clock
    away_s = (beeps_s - beeps_s[0] + 0.5) % 1 - 0.5
    assert np.abs(away_s).max() < 0.08
    end_s = reference.picture_times_s(path)[-1]
    assert len(sound) / 2 / RATE == pytest.approx(end_s, abs=0.1)
