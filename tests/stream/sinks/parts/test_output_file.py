"""Files of all kinds on their way to their names: what becomes of them is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from segmentation.coco import CATEGORIES
from stream.frame import Output, OutputInfo, Sink, StreamInfo
from stream.sinks.animation import AnimationSink
from stream.sinks.instances.results import InstancesJSON
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from tests.stand_ins.fakes import discs, output_of

SIZE_HW = (48, 64)
LIVE = OutputInfo(StreamInfo(64, 48, Fraction(25), live=True), categories=CATEGORIES)
JOB = replace(LIVE, stream=replace(LIVE.stream, live=False))
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), np.uint8)
Make = Callable[[Path, OutputInfo, SinkOptions], Sink]
KINDS: dict[str, Make] = {".mp4": VideoSink, ".gif": AnimationSink, ".jsonl": InstancesJSON}


def write(sink: Sink, *indices: int) -> None:
    for index in indices:
        sink.write(output(index))


def output(index: int) -> Output:
    return output_of(IMAGE, index, index / 25, None, instances=discs(SIZE_HW))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def options(told: list[str]) -> SinkOptions:
    return SinkOptions(preset="ultrafast", on_message=told.append)


@pytest.mark.skipif(sys.platform != "linux", reason="others do not tell where it lies")
@pytest.mark.parametrize("ending", [".gif", ".jsonl"])  # videos: `test_recordings.py`
@pytest.mark.parametrize("info", [LIVE, JOB], ids=["recording", "job"])
@pytest.mark.parametrize("is_finished", [False, True])
def test_one_whose_folder_is_moved_goes_with_it(
    tmp_path: Path,
    options: SinkOptions,
    told: list[str],
    ending: str,
    info: OutputInfo,
    is_finished: bool,
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    path, moved = before / f"a{ending}", after / f"a{ending}"
    with KINDS[ending](path, info, options) as sink:
        write(sink, 0, 1)
        before.rename(after)
        before.mkdir()  # somebody makes another one of that name
        write(sink, 2, 3)
        if is_finished:
            sink.finish(cut_short=True)
    is_kept = is_finished or info is LIVE
    assert names(after) == [moved.name] * is_kept
    assert names(before) == []
    assert told[0] == f"{path}: its folder was moved to {after}"
    amount = "0.2 s" if ending == ".gif" else "4 lines"
    kept = f"{moved}: not finished; the first {amount} are kept"
    assert told[1:] == [kept] * (is_kept and not is_finished)
    if ending == ".jsonl" and is_kept:
        assert len(moved.read_text().splitlines()) == 4


@pytest.mark.parametrize("ending", KINDS)
def test_a_link_to_a_free_name_is_none_that_exists(
    tmp_path: Path, options: SinkOptions, told: list[str], ending: str
) -> None:
    path, real = tmp_path / f"link{ending}", tmp_path / f"real{ending}"
    path.symlink_to(real)
    with KINDS[ending](path, LIVE, options) as sink:
        write(sink, 0, 1)
        sink.finish(cut_short=True)
    assert told == []
    assert names(tmp_path) == [path.name, real.name]
    real.unlink()
    with KINDS[ending](path, LIVE, options) as sink:
        write(sink, 0, 1)
        real.write_text("somebody else's")
        sink.finish(cut_short=True)
    assert told == [f"{path}: exists; written as real-2{ending}"]


@pytest.mark.parametrize("name", ["run-001", "run-001.mp4"])
def test_lines_through_a_link_of_any_name_are_kept(
    tmp_path: Path, options: SinkOptions, told: list[str], name: str
) -> None:
    path = tmp_path / "latest.jsonl"
    path.symlink_to(tmp_path / name)
    with InstancesJSON(path, LIVE, options) as sink:
        write(sink, 0, 1)
    assert told == [f"{path}: not finished; the first 2 lines are kept"]
    assert len(path.read_text().splitlines()) == 2


def test_what_cannot_be_read_stays_and_is_told(
    tmp_path: Path, options: SinkOptions, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.sinks.video.length_s", lambda path: None)
    path = tmp_path / "a.mp4"
    with VideoSink(path, LIVE, options) as sink:
        write(sink, 0, 1)
    (part,) = tmp_path.iterdir()
    assert told == [f"{path}: not finished; what there is stays in {part}"]
