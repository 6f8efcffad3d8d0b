"""What is said of a recording that misses something."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from stream.frame import Output, Sink
from stream.running import loop
from stream.running.gaps import Gaps
from stream.stats import Stats
from tests.stand_ins.fakes import ListSink, MovingSquare
from tests.stream.running.test_loop import pipeline

LONG = "a.mkv: 3.0 s from 1:04.9 on are missing: could not be written as fast as they came"

SLOW = ("overtake", 2)


def told_of(*events: tuple[str, float]) -> list[str]:
    """Return what is said of pictures: "lose" and "overtake", how many, and "write", when."""
    told: list[str] = []
    gaps = Gaps("a.mkv", told.append)
    for what, value in events:
        if what == "write":
            gaps.write(value)
        else:
            getattr(gaps, what)(int(value))
    gaps.tell_all()
    return told


def many(first_s: float, num: int) -> list[tuple[str, float]]:
    return [("write", first_s + k / 10) for k in range(num)]


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (many(0, 100), []),
        ([*many(0, 650), ("lose", 30), *many(67.9, 50)], [LONG]),
        # a camera that was away: nothing is thrown away
        ([*many(0, 650), *many(67.9, 50)], []),
        # a machine that is a little slow, too
        ([*many(0, 650), ("overtake", 1), ("write", 65), *many(77.9, 50)], []),
        # one picture now and then
        ([*many(0, 50), ("lose", 1), *many(5.1, 50)], []),
        (
            [*many(0, 650), ("lose", 30), *many(67.9, 50), ("lose", 20), *many(75, 50)],
            [
                LONG,
                "a.mkv: 50 of 800 pictures are missing: could not be written as fast as they came",
            ],
        ),
        (
            [event for k in range(50) for event in (("write", k / 5), ("lose", 1))],
            ["a.mkv: 50 of 100 pictures are missing: could not be written as fast as they came"],
        ),
        # the network or the effect takes too long; what came before the first is of no recording
        (
            [("overtake", 9), *(event for k in range(50) for event in (("write", k), SLOW))],
            [
                "a.mkv: 1.0 s from 0:00.0 on are missing: this machine was too slow for them",
                "a.mkv: 100 of 150 pictures are missing: this machine was too slow for them",
            ],
        ),
    ],
)
def test_what_is_missing_is_told(events: list[tuple[str, float]], told: list[str]) -> None:
    assert told_of(*events) == told


class Stalls(ListSink):
    """Takes nothing for a while, once what had waited at the start is written."""

    def write(self, output: Output) -> None:
        if len(self.outputs) == 40:
            time.sleep(1.5)
        super().write(output)


def test_a_disk_that_stands_still_is_told_of_the_recording_alone(tmp_path: Path) -> None:
    told: list[str] = []
    recording, shown, stats = Stalls(folder=tmp_path), Stalls(), Stats()
    sinks: dict[str, Sink] = {"a.mkv": recording, "window": shown}
    with MovingSquare(100, live=True, pause_s=0.04) as source:
        run = loop.Run(source, pipeline(stats), sinks, stats, on_message=told.append)
        assert loop.play(run)
    assert len(shown.outputs) < 80
    assert len(recording.outputs) < 80
    assert len(told) == 2, told
    long, in_all = told
    assert re.fullmatch(r"a\.mkv: \d\.\d s from 0:0\d\.\d on are missing: .*", long)
    num_lost = stats.counts["a.mkv dropped"] + stats.counts["dropped"]
    assert in_all.startswith(f"a.mkv: {num_lost} of ")


def test_a_machine_that_is_too_slow_is_told_of_the_recording_alone(tmp_path: Path) -> None:
    told: list[str] = []
    recording, shown, stats = ListSink(folder=tmp_path), ListSink(), Stats()
    slow = pipeline(stats)
    composite = slow.composite

    def slowly(*given: Any, **more: Any) -> Output:
        time.sleep(0.06)
        return composite(*given, **more)

    slow.composite = slowly  # type: ignore[method-assign]
    with MovingSquare(60, live=True, pause_s=0.005) as source:
        sinks: dict[str, Sink] = {"a.mkv": recording, "window": shown}
        assert loop.play(loop.Run(source, slow, sinks, stats, on_message=told.append))
    assert len(told) == 1, told
    assert re.fullmatch(
        r"a\.mkv: \d+ of 60 pictures are missing: this machine was too slow for them", told[0]
    )
