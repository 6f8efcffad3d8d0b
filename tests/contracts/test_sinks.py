"""What every sink promises: see `stream.frame.Sink`."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stream.errors import StreamError
from stream.frame import Event, Output, Sink
from stream.live.recorder import Recorder
from stream.sinks.video import VideoSink
from tests.contracts import sinks
from tests.contracts.sinks import PHOTO, SINKS, Case
from tests.contracts.subclasses import subclasses
from tests.leftovers import nothing_left
from tests.stand_ins.small_disk import small_disk


@pytest.fixture(params=SINKS.values(), ids=SINKS.keys())
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """A case in its surroundings; afterwards no thread and no process is left."""
    request.param.surroundings(monkeypatch)
    with nothing_left():
        yield request.param


def of(which: Callable[[Case], bool]) -> pytest.MarkDecorator:
    """Let a test have those cases only for which it says something."""
    cases = [pytest.param(case, id=name) for name, case in SINKS.items() if which(case)]
    return pytest.mark.parametrize("case", cases, indirect=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the sink writes; what is in it belongs to somebody else."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Return all that lies in a folder, folders as well, by its path from there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def write_all(case: Case, sink: Sink) -> None:
    for output in case.outputs():
        sink.write(output)


def check_finished(case: Case, folder: Path) -> None:
    """Every file has its name, none other is there."""
    found = {path for pattern in case.files for path in folder.glob(pattern)}
    for pattern in case.files:
        assert list(folder.glob(pattern)), pattern
    assert all(path.stat().st_size > 0 for path in found)
    files = {path for path in folder.rglob("*") if path.is_file()}
    assert files == found | {folder / "mine.txt"}


def test_every_sink_is_in_the_list() -> None:
    assert subclasses(Sink, "stream") <= {case.kind for case in SINKS.values()}


def test_what_takes_no_outputs_is_no_sink() -> None:
    class Half(Sink):
        """Has everything but `write`."""

    with pytest.raises(TypeError, match="write"):
        Half()


def test_a_finished_one_has_its_files_under_their_names(case: Case, folder: Path) -> None:
    with case.make(folder) as sink:
        write_all(case, sink)
        sink.finish(cut_short=False)
        check_finished(case, folder)
    check_finished(case, folder)


def test_nothing_has_its_name_before(case: Case, folder: Path) -> None:
    with case.make(folder) as sink:
        write_all(case, sink)
        if not (case.keeps or case.is_sent):
            assert not [path for pattern in case.files for path in folder.glob(pattern)]


def test_an_unfinished_one_leaves_nothing_behind_but_a_recording(case: Case, folder: Path) -> None:
    before = tree(folder)
    with case.make(folder) as sink:
        write_all(case, sink)
    if case.keeps or case.is_recording:
        check_finished(case, folder)
    else:
        assert tree(folder) == before


def test_one_that_is_left_by_an_error_leaves_nothing_behind_but_a_recording(
    case: Case, folder: Path
) -> None:
    def fail() -> None:
        with case.make(folder) as sink:
            sink.write(next(case.outputs()))
            raise KeyboardInterrupt

    before = tree(folder)
    with pytest.raises(KeyboardInterrupt):
        fail()
    if case.is_recording:
        check_finished(case, folder)
    elif not case.keeps:
        assert tree(folder) == before


@pytest.mark.parametrize("enters", [False, True])
def test_one_that_nothing_is_written_to_leaves_nothing_behind(
    case: Case, folder: Path, enters: bool
) -> None:
    before = tree(folder)
    sink = case.make(folder)
    if enters:
        with sink:
            pass
    sink.close()
    assert tree(folder) == before


@pytest.mark.parametrize("finishes", [False, True])
def test_leaving_again_and_again_is_harmless(case: Case, folder: Path, finishes: bool) -> None:
    with case.make(folder) as sink:
        write_all(case, sink)
        if finishes:
            sink.finish(cut_short=False)
    left = tree(folder)
    sink.close()
    sink.close()
    assert tree(folder) == left


@pytest.mark.parametrize("cut_short", [False, True])
def test_a_finished_one_stays_as_it_is(case: Case, folder: Path, cut_short: bool) -> None:
    with case.make(folder) as sink:
        write_all(case, sink)
        sink.finish(cut_short=cut_short)
        finished = tree(folder)
        sink.finish(cut_short=not cut_short)
    assert tree(folder) == finished


def test_no_outputs_are_an_empty_document_or_one_line(case: Case, folder: Path) -> None:
    before = tree(folder)
    with case.make(folder) as sink:
        if case.may_be_empty:
            sink.finish(cut_short=False)
        else:
            with pytest.raises(StreamError) as error:
                sink.finish(cut_short=False)
            assert "\n" not in str(error.value)
    if not case.may_be_empty:
        assert tree(folder) == before
    assert not list(folder.rglob(".*"))


def test_what_was_there_stays_until_another_is_finished(case: Case, folder: Path) -> None:
    with case.make(folder) as sink:
        write_all(case, sink)
        sink.finish(cut_short=False)
    first = tree(folder)
    with case.make(folder) as sink:
        sink.write(next(case.outputs()))
    if case.is_recording:
        assert first.items() < tree(folder).items(), "another one has a name of its own"
    elif not (case.keeps or case.is_sent):
        assert tree(folder) == first
    with case.make(folder) as sink:
        write_all(case, sink)
        sink.finish(cut_short=False)
    check_finished(case, folder)


def test_what_a_killed_one_left_is_gone_after_the_next(case: Case, folder: Path) -> None:
    with case.make(folder) as sink:
        sink.write(next(case.outputs()))
        hidden = [path for path in folder.rglob(".*") if path.parent.name[0] != "."]
        for path in hidden:
            left = path.with_name(re.sub(r"\.[0-9a-f]{8}\.", ".01234567.", path.name))
            (shutil.copytree if path.is_dir() else shutil.copy)(path, left)
    with case.make(folder) as sink:
        write_all(case, sink)
        assert not list(folder.rglob(".*01234567*"))
        sink.finish(cut_short=False)
    assert not list(folder.rglob(".*"))


@of(lambda case: bool(case.files) and not case.is_sent)
def test_two_at_once_are_not_in_the_way_of_each_other(case: Case, folder: Path) -> None:
    with case.make(folder) as first, case.make(folder) as second:
        for output in case.outputs():
            first.write(output)
            second.write(output)
        first.finish(cut_short=False)
        second.finish(cut_short=False)
    check_finished(case, folder)


@of(lambda case: bool(case.files) and not (case.is_sent or case.keeps or case.kind is Recorder))
def test_what_appears_meanwhile_is_not_replaced_unless_asked(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    options = replace(sinks.OPTIONS, overwrite=False, on_message=told.append)
    for name in ("OPTIONS", "HEARD"):
        sound = getattr(sinks, name).sound
        monkeypatch.setattr(sinks, name, replace(options, sound=sound))
    with case.make(folder) as sink:
        write_all(case, sink)
        sink.finish(cut_short=False)
    names = [folder / name for name in tree(folder) if (folder / name).is_file()]
    num_bytes = sum(path.stat().st_size for path in names)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    told.clear()
    with case.make(folder) as sink:
        write_all(case, sink)
        for path in names:
            path.parent.mkdir(exist_ok=True)
            path.write_text("theirs")
        sink.finish(cut_short=False)
    assert all(path.read_bytes() == b"theirs" for path in names)
    others = [path for path in folder.rglob("*") if path.is_file() and path not in names]
    assert len(others) == len(names) - 1  # all but mine.txt
    assert sum(path.stat().st_size for path in others) == num_bytes - len("mine")
    assert len([text for text in told if "exist" in text and "\n" not in text]) == 1, told


@of(lambda case: bool(case.files) and not (case.is_sent or case.keeps or case.kind is Recorder))
def test_one_that_cannot_get_its_name_is_one_line_and_leaves_nothing(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: Path) -> None:
        raise PermissionError(13, "Permission denied")

    before = tree(folder)
    with case.make(folder) as sink:
        write_all(case, sink)
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", refuse)
            with pytest.raises(StreamError, match="Permission denied") as error:
                sink.finish(cut_short=False)
    assert "\n" not in str(error.value)
    if case.is_recording:
        check_finished(case, folder)
    else:
        assert tree(folder) == before


@of(lambda case: bool(case.files) and not case.is_recording and case.kind is not VideoSink)
def test_a_full_disk_is_one_line_and_leaves_nothing_half(case: Case, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 64_000) as folder:
        with case.make(folder) as sink:
            (folder / "mine.txt").write_bytes(bytes(56_000))
            with pytest.raises(StreamError, match="No space left on device") as error:
                write_until_it_fails(case, sink)
            if not case.keeps:
                with pytest.raises(StreamError, match="No space left on device"):
                    sink.finish(cut_short=True)
        assert "\n" not in str(error.value)
        assert {path.name for path in folder.rglob("*") if path.is_file()} == {"mine.txt"}


def write_until_it_fails(case: Case, sink: Sink) -> None:
    first = next(case.outputs())
    for index in range(1 if case.info is PHOTO else 2000):
        frame = replace(first.frame, index=index, time_s=index / 25)
        sink.write(replace(first, frame=frame))
    sink.finish(cut_short=False)


def test_events_can_be_asked_for_at_any_time(case: Case, folder: Path) -> None:
    with case.make(folder) as sink:
        events = [*sink.poll()]
        write_all(case, sink)
        events += sink.poll()
    assert all(isinstance(event, Event) for event in events)


def test_outputs_are_left_as_they_are(case: Case, folder: Path) -> None:
    with case.make(folder) as sink:
        for output in case.outputs():
            found = output.instances
            assert found is not None
            masks = found.masks.copy()
            image = output.image.copy()
            sink.write(output)
            assert (output.image == image).all()
            assert (found.masks == masks).all()


def test_outputs_may_have_no_mask_or_no_object(case: Case, folder: Path) -> None:
    def changed(output: Output) -> Output:
        found = output.instances
        none = output.frame.index % 2 == 0 or found is None
        return replace(output, instances=None if none else found[:0])

    with case.make(folder) as sink:
        for output in case.outputs():
            sink.write(changed(output))
        sink.finish(cut_short=False)
