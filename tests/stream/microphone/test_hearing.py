"""From the samples of a microphone to those of the picture's time."""

from __future__ import annotations

import numpy as np
import pytest

from stream.microphone.clock import ArrivalClock
from stream.microphone.hearing import Hearing
from stream.microphone.resampling import REACH, Resampler
from stream.microphone.timeline import RATE, Timeline
from tests.stand_ins.devices.fake_microphone import tone
from tests.stand_ins.devices.pulse_server import beeps

CHUNK = 480
BEGAN_S = 100.0


def timeline_of(
    seconds: int,
    *,
    fast: float = 0.0,
    picture_fast: float = 0.0,
    delay_s: float = 0.0,
    lost_at_s: float = 1e9,
) -> Timeline:
    """Return what is heard of beeps at each full second of ours, as a microphone counts them."""
    rng = np.random.default_rng(2)
    timeline, picture, hearing = Timeline(), ArrivalClock(), Hearing(delay_s)
    rate = RATE * (1 + fast)
    lost = 0
    heard = beeps(BEGAN_S + np.arange((seconds + 1) * RATE) / rate)
    for first in range(0, seconds * RATE, CHUNK):
        if lost == 0 and first / rate > lost_at_s:
            lost = RATE // 5  # samples that nobody got
        number = first + lost
        came_s = BEGAN_S + (number + CHUNK) / rate
        picture.note((came_s - BEGAN_S) * (1 + picture_fast), came_s)
        hearing.push(heard[number : number + CHUNK], came_s + rng.exponential(0.002))
        hearing.put_into(timeline, picture)
    return timeline


def beeps_s(timeline: Timeline, from_s: float, to_s: float) -> np.ndarray:
    """Return when beeps begin, by the picture's clock."""
    loud = np.abs(timeline.between(round(from_s * RATE), round(to_s * RATE))[:, 0]) > 3000
    times_s = from_s + np.flatnonzero(loud) / RATE
    return times_s[np.concatenate([[True], np.diff(times_s) > 0.5])]


@pytest.mark.parametrize(
    ("fast", "picture_fast"), [(500e-6, 0.0), (-500e-6, 0.0), (-200e-6, 400e-6)]
)
def test_beeps_stay_where_they_were_whichever_clock_is_wrong(
    fast: float, picture_fast: float
) -> None:
    begins_s = beeps_s(timeline_of(16, fast=fast, picture_fast=picture_fast), 0.5, 15.5)
    assert len(begins_s) == 15
    away_s = begins_s - np.round(begins_s) * (1 + picture_fast)
    assert np.abs(away_s).max() < 0.003


def test_delay_puts_sound_later() -> None:
    begins_s = beeps_s(timeline_of(5, delay_s=0.2), 0.5, 4.5)
    assert np.abs(begins_s % 1 - 0.2).max() < 0.003


def test_samples_that_were_lost_do_not_shift_what_follows() -> None:
    begins_s = beeps_s(timeline_of(12, lost_at_s=5.3), 0.5, 11.5)
    assert np.abs((begins_s + 0.5) % 1 - 0.5)[-3:].max() < 0.003


def test_a_tone_stays_clean_when_its_speed_changes() -> None:
    sound = tone(3 * RATE)
    resampler, step, place, parts = Resampler(), 1.0003, 0.0, []
    resampler.push(sound)
    while (part := resampler.read(place, place + 960 * step, 960)) is not None:
        parts.append(part)
        place += 960 * step
    got = np.concatenate(parts)[:, 0].astype(float)
    expected = 12_000 * np.sin(2 * np.pi * 1000 * step * np.arange(len(got)) / RATE)
    noise = (got - expected)[2 * REACH :]
    assert len(got) > 2.9 * RATE
    assert 20 * np.log10(12_000 / np.sqrt(2) / np.sqrt((noise**2).mean())) > 85


def test_what_is_off_is_made_up_for_softly_and_only_much_at_once() -> None:
    resampler = Resampler()
    resampler.push(tone(4 * RATE))
    resampler.read(100.0, 1060.0, 960)
    for number in range(1, 50):
        begin = 100.0 + 480 + 960 * number  # ten milliseconds on
        before = resampler.place
        resampler.read(begin, begin + 960, 960)
        assert resampler.place - before == pytest.approx(960, abs=1.1)
    assert resampler.num_jumps == 0
    resampler.read(100_000.0, 100_960.0, 960)
    assert (resampler.num_jumps, resampler.place) == (1, 100_960.0)


def test_what_has_not_come_is_waited_for() -> None:
    resampler = Resampler()
    resampler.push(tone(1000))
    assert resampler.read(200.0, 1160.0, 960) is None
    resampler.push(tone(500))
    assert resampler.read(200.0, 1160.0, 960) is not None


def test_while_no_picture_comes_little_is_held_and_then_heard() -> None:
    timeline, picture, hearing = Timeline(), ArrivalClock(), Hearing()
    for first in range(0, 10 * RATE, CHUNK):
        came_s = BEGAN_S + (first + CHUNK) / RATE
        if first >= 9 * RATE:
            picture.note(came_s - BEGAN_S, came_s)
        hearing.push(beeps(BEGAN_S + np.arange(first, first + CHUNK) / RATE), came_s)
        hearing.put_into(timeline, picture)
    begins_s = beeps_s(timeline, 0, 9.5)
    assert np.abs(begins_s - np.arange(5, 10)).max() < 0.003, "of five seconds"


def test_pictures_that_waited_before_they_were_read_do_not_move_the_sound() -> None:
    """Of a screen: two seconds of them come at once, and then each as it is taken."""
    timeline, picture, hearing = Timeline(), ArrivalClock(), Hearing()
    for first in range(0, 8 * RATE, CHUNK):
        came_s = BEGAN_S + (first + CHUNK) / RATE
        if came_s - BEGAN_S > 2:
            picture.note(min(came_s - BEGAN_S, 10 * (came_s - BEGAN_S - 2)), came_s)
        hearing.push(beeps(BEGAN_S + np.arange(first, first + CHUNK) / RATE), came_s)
        hearing.put_into(timeline, picture)
    begins_s = beeps_s(timeline, 0.5, 7.5)
    assert np.abs(begins_s - np.arange(1, 8)).max() < 0.003
