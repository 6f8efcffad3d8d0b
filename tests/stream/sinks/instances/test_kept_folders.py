"""Folders of files of what will not come again: what was written of them is kept."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from segmentation.unfinished import RECORDING, Unfinished
from stream.errors import StreamError
from stream.sinks.instances.coco_folder import CocoFolder
from stream.sinks.instances.crops import Crops
from stream.sinks.instances.label_maps import LabelMaps
from stream.sinks.parts.options import SinkOptions
from tests.stream.sinks.instances.test_folders import INFO, output, written

LIVE = replace(INFO, stream=replace(INFO.stream, fps=Fraction(25), live=True))


@pytest.mark.parametrize(
    ("make", "name", "num"),
    [(Crops, "crops", 6), (LabelMaps, "labels", 4), (CocoFolder, "dataset", 2)],
)
def test_what_was_written_is_kept_in_a_folder_inside(tmp_path, make, name, num):
    folder = written(make, tmp_path / "out", output(), info=LIVE)
    before = sorted(folder.rglob("*"))
    for number in ("", "-2"):
        told: list[str] = []
        with make(folder, LIVE, SinkOptions(overwrite=True, on_message=told.append)) as sink:
            for index in range(2):
                sink.write(output(index, None))
        kept = folder / f"{name}{number}"
        verb = f"the first {num} files are kept in {kept}"
        assert told == [f"{folder}: not finished; {verb}"]
        files = [path for path in kept.rglob("*") if path.is_file()]
        has_notes = make is not Crops
        assert len(files) == num + has_notes
    assert [path for path in sorted(folder.rglob("*")) if name not in str(path)] == before
    assert list(folder.glob(".*")) == []


def test_what_was_written_is_kept_where_no_more_can_be(tmp_path, monkeypatch):
    def full(path: Path, data: bytes) -> int:
        if next(count) == 2:
            with path.open("wb") as file:
                file.write(data[:10])
            raise OSError(28, "No space left on device")
        return write_bytes(path, data)

    count, write_bytes = itertools.count(), Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", full)
    with Crops(tmp_path / "out", LIVE, SinkOptions()) as sink:
        with pytest.raises(StreamError, match="No space left on device") as error:
            sink.write(output(0, None))
        with pytest.raises(StreamError) as again:
            sink.finish(cut_short=True)
    assert again.value is error.value
    kept = tmp_path / "out" / "crops"
    assert str(error.value).endswith(f"; the first 2 files are kept in {kept}")
    assert len(list(kept.iterdir())) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["crops"]


def test_what_killed_runs_left_is_no_file_of_the_folder_and_gets_no_name_of_this_run(tmp_path):
    recording = Unfinished(tmp_path / "crops", RECORDING).path
    recording.mkdir()
    (recording / "1.png").write_text("a cut-out")
    Unfinished(tmp_path / "crops").path.mkdir()
    Unfinished(tmp_path / "talk.jsonl", RECORDING).path.write_text('{"image_id":0}\n')
    told: list[str] = []
    options = SinkOptions(output_paths=[tmp_path / "talk.jsonl"], on_message=told.append)
    with Crops(tmp_path, LIVE, options):
        assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["crops-2", "talk-2.jsonl"]
        (in_use,) = tmp_path.glob(".*")
        (tmp_path / "talk-2.jsonl").unlink()
        (tmp_path / "crops-2").rename(tmp_path.with_name("elsewhere"))
        with pytest.raises(StreamError, match=rf"{in_use.name} in it is still being written"):
            Crops(tmp_path, LIVE, SinkOptions())
    assert [line.partition(":")[0] for line in told] == [
        str(tmp_path / "crops-2"),
        str(tmp_path / "talk-2.jsonl"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="others do not tell where it lies")
@pytest.mark.parametrize("fate", ["finished", "left", "left at once"])
def test_one_that_is_moved_is_written_where_it_is(tmp_path, fate):
    told: list[str] = []
    before, after = tmp_path / "before", tmp_path / "after"
    with Crops(before, LIVE, SinkOptions(on_message=told.append)) as sink:
        sink.write(output(0, None))
        before.rename(after)
        if fate != "left at once":
            sink.write(output(1, None))
        if fate == "finished":
            sink.finish(cut_short=True)
    files = [path for path in after.rglob("*") if path.is_file()]
    assert len(files) == (3 if fate == "left at once" else 6)
    assert told[0] == f"{before}: was moved to {after}"
    kept = f"{after}: not finished; the first {len(files)} files are kept in {after / 'crops'}"
    assert told[1:] == [kept] * (fate != "finished")
