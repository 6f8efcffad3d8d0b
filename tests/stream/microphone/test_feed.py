"""What was heard of late, and what of it an encoder is given."""

from __future__ import annotations

import time

import numpy as np
import pytest

from stream.microphone.feed import SoundFeed
from stream.microphone.timeline import RATE, Timeline
from tests.stand_ins.devices.fake_microphone import tone


def given(packets: object) -> tuple[list[int], np.ndarray]:
    found = [(number, np.frombuffer(data, "<i2").reshape(-1, 2)) for number, data in packets]
    parts = [samples for _, samples in found]
    return [number for number, _ in found], np.concatenate([np.zeros((0, 2), np.int16), *parts])


def test_sound_comes_in_step_with_the_frames_and_without_a_gap() -> None:
    timeline, sound = Timeline(), tone(2 * RATE)
    timeline.put(5 * RATE, sound)
    feed = SoundFeed(timeline)
    feed.start(5.25)
    numbers, parts = [], []
    for frame in range(20):
        found, samples = given(feed.until(5.25 + frame / 25))
        assert sum(map(len, [*parts, samples])) == round(frame / 25 * RATE)
        numbers += found
        parts.append(samples)
    assert numbers[:2] == [0, RATE // 25]
    assert (np.concatenate(parts) == sound[RATE // 4 :][: 19 * RATE // 25]).all()


def test_what_does_not_come_in_time_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    timeline = Timeline()
    feed = SoundFeed(timeline)
    feed.start(10.0)
    assert given(feed.until(11.0))[0] == [], "however far the frames are: they may be of the past"
    assert given(feed.until(11.5))[0] == []
    now[0] += 0.5
    assert given(feed.until(12.0))[0] == []
    now[0] += 0.4
    _, samples = given(feed.until(12.4))
    assert len(samples) == 1.5 * RATE
    assert not samples.any()
    timeline.put(11 * RATE, tone(RATE))  # which comes too late, but for its second half
    _, samples = given(feed.until(12.0))
    assert (samples == tone(RATE)[RATE // 2 :]).all()


def test_what_is_put_earlier_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    timeline = Timeline(late_s=2.0)
    feed = SoundFeed(timeline)
    feed.start(0.0)
    assert given(feed.until(1.0))[0] == []
    now[0] += 2.1
    assert given(feed.until(1.0))[0] == []
    timeline.put(0, tone(RATE))
    assert (given(feed.until(1.0))[1] == tone(RATE)).all()


def test_the_end_is_waited_for_and_then_silent() -> None:
    timeline = Timeline()
    timeline.put(0, tone(RATE))
    feed = SoundFeed(timeline)
    feed.start(0.0)
    _, samples = given(feed.rest(1.2))
    assert len(samples) == 1.2 * RATE
    assert (samples[:RATE] == tone(RATE)).all()
    assert not samples[RATE:].any()


def test_a_gap_is_silence_and_what_is_known_stays() -> None:
    timeline, sound = Timeline(), tone(RATE)
    timeline.put(100, sound[:100])
    timeline.put(300, sound[200:300])
    timeline.put(350, sound[250:400])
    expected = np.concatenate([sound[:100], np.zeros((100, 2)), sound[200:400]])
    assert (timeline.between(100, 500) == expected).all()
    assert timeline.end == 500


def test_a_minute_is_kept() -> None:
    timeline, sound = Timeline(), tone(RATE)
    for second in range(90):
        timeline.put(second * RATE, sound + second)
    assert (timeline.between(89 * RATE, 90 * RATE) == sound + 89).all()
    assert (timeline.between(30 * RATE, 31 * RATE) == sound + 30).all()
    assert not timeline.between(29 * RATE, 30 * RATE).any()
    timeline.settle(200 * RATE)
    assert not timeline.between(0, 200 * RATE).any()
    assert len(timeline.between(199 * RATE, 201 * RATE)) == 2 * RATE
