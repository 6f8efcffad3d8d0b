"""Recordings that were left behind get names; nothing is deleted that holds a frame."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from segmentation.unfinished import PART, RECORDING, Unfinished
from stream.commands import recover
from stream.errors import StreamError
from stream.files.recorded_files import HALF
from stream.files.recording import as_length
from stream.files.recovery import clear_up, discard_parts, recovered
from tests.ffmpeg_reference import ffmpeg


@pytest.fixture
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=3", "-g", "5", path)
    return path.read_bytes()


def left(target: Path, data: bytes) -> Path:
    part = Unfinished(target, RECORDING).path
    part.write_bytes(data)
    return part


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_gets_its_name_or_one_that_is_free(clip, tmp_path):
    for _ in range(2):
        left(tmp_path / "talk.mkv", clip)
    left(tmp_path / "a.b.mkv", clip)
    (tmp_path / "a.b-2.mkv").write_text("mine")
    lines = list(recovered(tmp_path, wanted=[tmp_path / "a.b.mkv"]))
    assert names(tmp_path) == ["a.b-2.mkv", "a.b-3.mkv", "talk-2.mkv", "talk.mkv"]
    assert len(lines) == 3
    assert lines[0].startswith(f"{tmp_path}/a.b-3.mkv: recovered, ")
    assert lines[0].endswith("; it was to be a.b.mkv")
    assert lines[1].startswith(f"{tmp_path}/talk.mkv: recovered, 3.0 s ")
    assert (tmp_path / "talk.mkv").read_bytes() == (tmp_path / "talk-2.mkv").read_bytes() == clip
    assert list(recovered(tmp_path)) == []


def test_the_end_may_be_missing(clip, tmp_path):
    left(tmp_path / "talk.mkv", clip[: len(clip) // 2])
    (line,) = recovered(tmp_path)
    assert "recovered" in line
    assert names(tmp_path) == ["talk.mkv"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("talk.mkv", b""),
        ("talk.mkv", b"\x1aE\xdf\xa3 a header"),
        ("talk.mp4", b"\0\0\0\x24ftypisom\0\0\x02\0isomiso6iso2avc1mp41\0\0\0\x08free"),
        ("talk.gif", b"GIF89a,\0,\0\x70\0\0\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"),
        ("talk.webp", b"RIFF\0\0\0\0WEBPVP8X"),
        ("talk.apng", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"),
    ],
)
def test_one_without_a_frame_is_deleted(tmp_path, name, data):
    left(tmp_path / name, data)
    (line,) = recovered(tmp_path)
    assert line.startswith(f"{tmp_path}/{name}: nothing had been recorded")
    assert names(tmp_path) == []


@pytest.mark.parametrize("ending", [".mkv", ".mp4", ".gif", ".apng", ".xyz"])
def test_nothing_is_deleted_because_ffmpeg_finds_no_frame(monkeypatch, tmp_path, ending):
    path = tmp_path / f"a{ending}"
    if ending == ".xyz":
        path.write_bytes(b"short")
    else:
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:duration=0.2", path)
    part = left(tmp_path / f"talk{ending}", path.read_bytes())
    path.unlink()
    monkeypatch.setattr("stream.files.recording.length_s", lambda path: None)
    (line,) = recovered(tmp_path)
    assert line == f"{part}: a recording of which no frame can be read; it stays there"
    assert names(tmp_path) == [part.name]


def test_an_animated_webp_is_recovered_also_where_ffmpeg_reads_none(monkeypatch, tmp_path):
    path = tmp_path / "a.webp"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", path)
    data = path.read_bytes()
    path.unlink()
    monkeypatch.setattr("stream.files.recording.length_s", lambda path: None)
    left(tmp_path / "a.webp", data[:-100])
    (line,) = recovered(tmp_path)
    assert line == f"{tmp_path}/a.webp: recovered, 0.9 s {CUT_OFF}"


CUT_OFF = "of a recording that was cut off"
LINES = b'{"image_id":0,"instances":[]}\n{"image_id":1,"instances":null}\n'
LIST = b'[\n{"image_id":0},\n{"image_id":1}'


@pytest.mark.parametrize(
    ("name", "data", "whole"),
    [
        ("a.jsonl", LINES, LINES),
        ("a.jsonl", LINES + b'{"image_id":2,"inst', LINES),
        ("a.jsonl", LINES + bytes(5000), LINES),
        ("a.jsonl", LINES[:-1], LINES),
        ("a.json", LIST, LIST + b"\n]\n"),
        ("a.JSON", LIST + b',\n{"image_id":2,"segm', LIST + b"\n]\n"),
        ("a.json", LIST + b",\n", LIST + b"\n]\n"),
        ("a.json", LIST + b"\n]", LIST + b"\n]\n"),
        ("a.json", LIST + b"\n]\n", LIST + b"\n]\n"),
        # what did not reach the disk in between
        ("a.jsonl", LINES.replace(b"\n", b'\n{"image_id":3,"ins\0\0\0d":4}\n', 1), LINES),
        ("a.json", LIST.replace(b",", b',\n{"image_id":3,"ins\0\0\0d":4},', 1), LIST + b"\n]\n"),
        ("a.json", bytes(9) + b'"image_id":3},' + LIST[1:], LIST + b"\n]\n"),
        # a link leads to any name
        ("a", LINES, LINES),
        ("a", LIST + b',\n{"im', LIST + b"\n]\n"),
        ("a.mp4", LIST + b',\n{"im', LIST + b"\n]\n"),
    ],
)
def test_results_get_their_name_and_end_with_their_last_whole_record(tmp_path, name, data, whole):
    (tmp_path / name).write_text("mine")
    left(tmp_path / name, data)
    (line,) = recovered(tmp_path)
    free = Path(name).with_stem("a-2").name
    assert line == f"{tmp_path}/{free}: recovered, 2 lines {CUT_OFF}; it was to be {name}"
    assert names(tmp_path) == sorted([free, name])
    assert (tmp_path / free).read_bytes() == whole


def test_folders_get_their_name_without_what_is_half(tmp_path):
    (tmp_path / "crops").mkdir()
    full, empty = (Unfinished(tmp_path / "crops", RECORDING).path for _ in range(2))
    in_use = Unfinished(tmp_path / "crops", RECORDING)
    in_use.hold_folder()
    for folder in (full, empty, in_use.path):
        (folder / "sub").mkdir(parents=True)
        (folder / "2.png").touch()
        (folder / HALF).write_text("ha")
    for path in (full / "1.png", full / "sub" / "1.png"):
        path.write_text("whole")
    assert sorted(recovered(tmp_path)) == [
        f"{tmp_path}/crops-2: recovered, 2 files {CUT_OFF}; it was to be crops",
        f"{tmp_path}/crops: nothing had been recorded; what was left of it is deleted",
    ]
    assert names(tmp_path) == sorted(["crops", "crops-2", in_use.path.name])
    in_use.release()
    left = [path.name for path in (tmp_path / "crops-2").rglob("*") if path.is_file()]
    assert left == ["1.png", "1.png"]


@pytest.mark.parametrize("name", ["a.jsonl", "a"])
@pytest.mark.parametrize("data", [b"", b"[\n", b"[]\n", b"[\n]\n", b'{"image_id":0,"inst'])
def test_results_without_a_record_are_deleted(tmp_path, name, data):
    left(tmp_path / name, data)
    assert list(recovered(tmp_path)) == [
        f"{tmp_path}/{name}: nothing had been recorded; what was left of it is deleted"
    ]
    assert names(tmp_path) == []


@pytest.mark.parametrize("data", [bytes(100_000), bytes(9), b'{"image_id":0,\0\0\n', b"x"])
def test_results_that_are_damaged_stay(tmp_path, data):
    part = left(tmp_path / "a.jsonl", data)
    (line,) = recovered(tmp_path)
    assert line == f"{part}: a recording of which no line can be read; it stays there"
    assert names(tmp_path) == [part.name]
    assert part.read_bytes() == data


def test_one_that_is_damaged_stays(tmp_path):
    part = left(tmp_path / "talk.mkv", bytes(100_000))
    (line,) = recovered(tmp_path)
    assert line == f"{part}: a recording of which no frame can be read; it stays there"
    assert names(tmp_path) == [part.name]


def test_what_belongs_to_somebody_else_is_told_and_stays(clip, monkeypatch, tmp_path, capsys):
    def refused(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", "a/path")

    part = left(tmp_path / "talk.mkv", clip)
    with monkeypatch.context() as patch:
        patch.setattr("stream.files.recovery.give_free_name", refused)
        (line,) = recovered(tmp_path)
    assert line == f"{part}: a recording that cannot be recovered now (Permission denied)"
    monkeypatch.setattr("segmentation.unfinished.os.open", refused)
    monkeypatch.setattr("os.access", lambda path, mode: path != part)
    recover.run([str(tmp_path)])
    assert capsys.readouterr().out == f"{part}: a recording that you may not change\n"
    assert names(tmp_path) == [part.name]


def test_names_break_no_line_and_steer_no_terminal(clip, capsys, tmp_path):
    left(tmp_path / "a\nb\x1b[31m.mkv", clip)
    recover.run([str(tmp_path)])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{tmp_path}/a b\\x1b[31m.mkv: recovered, ")


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_all_get_their_names_where_nothing_can_be_printed(monkeypatch, tmp_path, number):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(number, "not taken")

    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        left(tmp_path / name, LINES)
    monkeypatch.setattr("sys.stdout", Closed())
    with pytest.raises((BrokenPipeError, StreamError), match="not taken") as error:
        recover.run([str(tmp_path)])
    assert isinstance(error.value, BrokenPipeError) == (number == errno.EPIPE)
    assert names(tmp_path) == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_nothing_is_deleted_because_ffmpeg_is_missing(clip, monkeypatch, tmp_path):
    def missing(*arguments, **options):
        raise StreamError("ffmpeg: no binary found")

    for data in (clip, b"short"):
        part = left(tmp_path / "talk.mkv", data)
        with monkeypatch.context() as patch:
            patch.setattr("stream.ffmpeg.length.Ffmpeg", missing)
            (line,) = recovered(tmp_path)
        assert line == f"{part}: a recording that cannot be recovered now (ffmpeg: no binary found)"
        assert names(tmp_path) == [part.name]
        part.unlink()


def test_where_there_are_no_links_nothing_is_replaced_either(clip, monkeypatch, tmp_path):
    def refuse(*paths):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    for _ in range(2):
        left(tmp_path / "talk.mkv", clip)
    assert len(list(recovered(tmp_path))) == 2
    assert names(tmp_path) == ["talk-2.mkv", "talk.mkv"]


def test_what_is_in_use_and_what_belongs_to_others_stays(clip, tmp_path):
    in_use = Unfinished(tmp_path / "talk.mkv", RECORDING)
    in_use.hold()
    in_use.path.write_bytes(clip)
    others = [".talk.mkv", ".talk.01234567.part.mkv", ".talk.0123.recording.mkv", "talk.txt"]
    for name in others:
        (tmp_path / name).write_text("x")
    assert list(recovered(tmp_path)) == []
    assert names(tmp_path) == sorted([in_use.path.name, *others])
    in_use.release()
    assert len(list(recovered(tmp_path))) == 1
    assert names(tmp_path) == sorted(["talk.mkv", *others])


def test_an_output_clears_up_its_own_parts_alone(clip, tmp_path):
    left(tmp_path / "talk.mkv", clip)
    parts = {name: Unfinished(tmp_path / name, PART).path for name in ("talk.mkv", "other.mkv")}
    for part in parts.values():
        part.write_text("x")
    told: list[str] = []
    clear_up(tmp_path / "talk.mkv", told.append)
    assert len(told) == 1
    assert names(tmp_path) == sorted(["talk-2.mkv", parts["other.mkv"].name])


def test_parts_of_photos_are_deleted_in_their_folder(tmp_path):
    parts = [Unfinished(tmp_path / name).path for name in ("1.png", "2.png", "3.json")]
    for part in parts:
        part.write_text("x")
    (tmp_path / "1.png").write_text("mine")
    discard_parts(tmp_path, ".png")
    assert names(tmp_path) == sorted([parts[2].name, "1.png"])


def test_lengths_for_people():
    lengths = {0.04: "0.0 s", 12.34: "12.3 s", 185: "3:05", 3725.4: "1:02:05"}
    assert {each: as_length(each) for each in lengths} == lengths
