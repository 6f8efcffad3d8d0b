"""A microphone that is there, is lost, comes back, or is silent."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from stream.errors import StreamError
from stream.microphone import microphone as module
from stream.microphone.microphone import Microphone
from stream.microphone.option import Wanted
from stream.microphone.timeline import RATE
from tests.stand_ins.devices.fake_microphone import FakeCapture, Samples, tone

pytestmark = pytest.mark.usefixtures("nothing_left_over")

CHUNK = 480


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Pauses, "next_s", lambda pauses: 0.0)


def chunks(sound: Samples) -> list[tuple[Samples, float]]:
    """Samples as they come, the last of them now."""
    num = len(sound) // CHUNK
    began_s = time.monotonic() - num * CHUNK / RATE
    return [
        (sound[n * CHUNK : (n + 1) * CHUNK], began_s + (n + 1) * CHUNK / RATE) for n in range(num)
    ]


class Openings:
    """Gives what each opening of a microphone finds, the last one again and again."""

    def __init__(self, *found: FakeCapture | Exception) -> None:
        self._found, self.names = list(found), list[str]()

    def __call__(self, name: str) -> FakeCapture:
        self.names.append(name)
        found = self._found.pop(0) if len(self._found) > 1 else self._found[0]
        if isinstance(found, Exception):
            raise found
        return found


class Told(list[str]):
    """Messages; one can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def tell(self, text: str) -> None:
        with self._changed:
            self.append(text)
            self._changed.notify_all()

    def wait_for(self, num: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self) >= num, 30), self


@pytest.fixture
def told() -> Told:
    return Told()


def test_what_is_heard_is_on_the_clock_of_the_picture(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = FakeCapture(chunks(tone(2 * RATE)), waits=True)
    microphone = Microphone(Wanted("fake"), told.tell, openings := Openings(capture))
    shift_s = time.monotonic() - 50.0
    for before_s in (0.6, 0.0):
        came_s = time.monotonic() - before_s
        with monkeypatch.context() as patch:
            patch.setattr(module.time, "monotonic", lambda came_s=came_s: came_s)
            microphone.see(came_s - shift_s)
    microphone.open()
    now = round((time.monotonic() - shift_s) * RATE)
    microphone.timeline.wait_for(now - RATE // 2, 30)
    assert microphone.is_on
    microphone.close()
    microphone.close()
    assert told == ["microphone Fake: is on, outputs have its sound"]
    assert (openings.names, capture.is_closed) == (["fake"], True)
    found = microphone.timeline.between(now - RATE, now - RATE // 2)
    assert np.abs(found).max() == pytest.approx(12_000, abs=100)


def test_one_that_is_not_there_is_told_once_and_taken_when_it_is(told: Told) -> None:
    missing = StreamError("is not there; there are Line In")
    there = FakeCapture(chunks(tone(RATE)), waits=True)
    microphone = Microphone(Wanted("yeti"), told.tell, Openings(missing, missing, there))
    microphone.open()
    told.wait_for(2)
    microphone.close()
    first = "microphone yeti: is not there; there are Line In; trying again, "
    assert told == [f"{first}until then there is silence", "microphone Fake: is back"]


def test_one_that_is_taken_away_comes_back(told: Told) -> None:
    capture = FakeCapture(chunks(tone(RATE)))
    back = FakeCapture(chunks(tone(RATE)), waits=True)
    gone = StreamError("none is there; plug one in")
    microphone = Microphone(Wanted(), told.tell, Openings(capture, gone, back))
    microphone.open()
    told.wait_for(3)
    microphone.close()
    assert told == [
        "microphone Fake: is on, outputs have its sound",
        "microphone: lost (unplugged); trying again, until then there is silence",
        "microphone Fake: is back",
    ]
    assert capture.is_closed


def test_digital_silence_is_told_and_so_is_its_end(told: Told) -> None:
    sound = np.concatenate([tone(RATE), np.zeros((12 * RATE, 2), np.int16), tone(RATE)])
    capture = FakeCapture(chunks(sound), waits=True)
    microphone = Microphone(Wanted(), told.tell, Openings(capture))
    microphone.open()
    told.wait_for(3)
    microphone.close()
    assert told[1:] == [
        "microphone Fake: gives silence; is it muted?",
        "microphone Fake: is heard again",
    ]


def test_faint_noise_is_no_silence(told: Told) -> None:
    noise = np.random.default_rng(1).integers(-3, 4, (12 * RATE, 2)).astype(np.int16)
    microphone = Microphone(Wanted(), told.tell, Openings(FakeCapture(chunks(noise))))
    microphone.open()
    told.wait_for(2)  # it is lost at its end
    microphone.close()
    assert "silence" not in told[0]
    assert "lost" in told[1]


def test_sound_that_is_put_earlier_is_known_later() -> None:
    assert Microphone(Wanted("", -0.5), print).timeline.late_s == 0.5
    assert Microphone(Wanted("", 0.5), print).timeline.late_s == 0.0


def test_whatever_fails_here_is_told_and_tried_again(told: Told) -> None:
    broken = FakeCapture([(np.zeros((3, 5), np.int16), 0.0)])
    back = FakeCapture(chunks(tone(RATE)), waits=True)
    microphone = Microphone(Wanted(), told.tell, Openings(broken, back))
    microphone.open()
    told.wait_for(3)
    microphone.close()
    assert told[1].startswith("microphone: lost (ValueError: ")
    assert told[2] == "microphone Fake: is back"


def test_what_cannot_even_be_looked_for_is_tried_again(told: Told) -> None:
    garbled = UnicodeDecodeError("utf-8", b"\xfc", 0, 1, "as a program has printed it")
    there = FakeCapture(chunks(tone(RATE)), waits=True)
    microphone = Microphone(Wanted(), told.tell, Openings(garbled, there))
    microphone.open()
    told.wait_for(2)
    microphone.close()
    assert told[0].startswith("microphone: UnicodeDecodeError: ")
    assert told[1] == "microphone Fake: is back"
