"""The microphone of a run."""

from __future__ import annotations

import pytest

from stream.errors import StreamError
from stream.microphone.microphone import Microphone
from stream.opening import open_run
from stream.running.loop import play
from stream.sinks.null import Null
from tests.stand_ins.devices.fake_microphone import FakeCapture
from tests.stand_ins.fakes import MovingSquare, Oracle

pytestmark = pytest.mark.usefixtures("no_file_left_over")


def test_a_microphone_sees_every_frame_come_and_ends_with_the_run(monkeypatch, tmp_path):
    seen, capture = [], FakeCapture([], waits=True)

    class Watched(Microphone):
        def __init__(self, wanted, on_message):
            super().__init__(wanted, on_message, lambda name: capture)

        def see(self, time_s):
            seen.append(time_s)

    monkeypatch.setattr("stream.microphone.opening.Microphone", Watched)
    monkeypatch.setattr("stream.microphone.opening.ways", tuple)
    source = MovingSquare(20, live=True, pause_s=0.01)
    with open_run(source, tmp_path / "out.mkv", segmenter=Oracle(), sound="mic") as run:
        play(run)
    assert seen == [index / 25 for index in range(20)]
    assert capture.is_closed


@pytest.mark.parametrize("sound", ["mic", "mic:yeti,delay=40"])
def test_a_file_has_its_own_sound(square_clip, tmp_path, sound):
    with (
        pytest.raises(StreamError, match=f"--sound {sound}: is for cameras, the screen"),
        open_run(square_clip, tmp_path / "out.mp4", segmenter=Oracle(), sound=sound),
    ):
        pass
    assert not list(tmp_path.glob("out*"))


def test_what_is_no_microphone_is_a_wrong_call(square_clip):
    with (
        pytest.raises(ValueError, match="sound: mic, mic:PART-OF-ITS-NAME"),
        open_run(square_clip, Null(), segmenter=Oracle(), sound="line"),
    ):
        pass
