"""`--split`: films in parts, in a batch and alone, and what becomes of them when things die."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import run
from stream.batch.jobs.job import Job
from stream.batch.workers import joining, worker, workers_needed
from stream.errors import StreamError
from tests import ffmpeg_reference as reference
from tests.folders import ROOT
from tests.inputs.irregular_film import write_film
from tests.stand_ins.workers_here import OnJob, work_here

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
PARTS = ("--split", "0.02", "--effect", "none")  # of 1.2 s: there are four


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4")


def batch(film: Path, *more: str) -> list[str]:
    out = film.parent / "out"
    line = [sys.executable, ROOT / "run.py", "batch", film, "-o", out, "--workers", "1"]
    return list(map(str, [*line, *PARTS, *more]))


def test_a_batch_that_is_killed_goes_on_with_the_parts_that_are_missing(film, monkeypatch, capfd):
    out = film.parent / "out"
    with psutil.Popen(batch(film), stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while len(list(out.glob(".maskcast/parts/*/[0-9]*"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for each in (process, *process.children(recursive=True)):
            each.send_signal(signal.SIGKILL)
    assert not (out / "film.mp4").exists()
    work_here(monkeypatch)
    assert run.main(batch(film)[2:]) == 0
    assert "of 4 parts were made before" in capfd.readouterr().err
    assert reference.picture_packets_s(out / "film.mp4") == reference.picture_packets_s(film)
    assert reference.sound_packets_s(out / "film.mp4") == reference.sound_packets_s(film)
    assert run.main(batch(film)[2:]) == 0
    assert capfd.readouterr().err.startswith("0 to do, 1 made before")
    files = {path.name for path in out.rglob("*") if path.is_file()} - {"film.mp4", "report.jsonl"}
    assert len(files) == 1  # the record


def test_parts_of_other_options_are_made_anew(film, monkeypatch, capfd):
    with monkeypatch.context() as patch:
        work_here(patch, stop_at(1))
        assert run.main(batch(film)[2:]) == 1
    assert len(list(film.parent.glob("out/.maskcast/parts/*/[0-9]*"))) == 1
    work_here(monkeypatch)
    assert run.main(batch(film, "--quality", "ultrafast:30")[2:]) == 0
    said = capfd.readouterr().err
    assert "made before\n" in said
    assert "parts were made before" not in said


def test_a_damaged_film_is_done_in_one_piece_as_without_parts(film, monkeypatch, capfd):
    data = bytearray(film.read_bytes())
    middle = data.index(b"mdat") + 9000
    data[middle : middle + 3000] = bytes(3000)
    film.write_bytes(data)
    out, whole = film.parent / "out/film.mp4", film.parent / "whole/film.mp4"
    alone = [str(whole.parent) if word == str(out.parent) else word for word in batch(film)]
    del alone[alone.index("--split") : alone.index("--split") + 2]
    work_here(monkeypatch)
    codes = [run.main(line[2:]) for line in (batch(film), alone)]
    assert codes[0] == codes[1]
    assert "done in one piece, for its parts do not do" in capfd.readouterr().err
    assert reference.picture_packets_s(out) == reference.picture_packets_s(whole)


def test_a_film_that_is_replaced_meanwhile_is_not_joined_of_two(film, monkeypatch, capfd):
    other, out = film.with_name("other.mp4"), film.parent / "out/film.mp4"
    reference.ffmpeg("-i", film, "-map", "0", "-c", "copy", "-metadata", "title=Other", other)

    def replace(number: int, job: Job) -> None:
        if number == 2:
            other.replace(film)

    work_here(monkeypatch, replace)
    assert run.main(batch(film)[2:]) == 0
    assert "it was replaced while its parts were made" in capfd.readouterr().err
    assert reference.picture_packets_s(out) == reference.picture_packets_s(film)
    assert "Other" in reference.description(out)
    assert run.main(batch(film)[2:]) == 0
    assert "0 to do, 1 made before" in capfd.readouterr().err


class Stopped(Exception):
    """What ends a test's command in the middle."""


def stop_at(number: int) -> OnJob:
    def stop(at: int, job: Job) -> None:
        if at == number:
            raise Stopped

    return stop


def test_parts_that_somebody_deletes_are_made_again(film, monkeypatch, capfd):
    home = film.parent / "out/.maskcast/parts"
    with monkeypatch.context() as patch:
        work_here(patch, stop_at(3))
        assert run.main(batch(film)[2:]) == 1
    next(home.glob("*/0-*")).unlink()
    next(home.glob("*/1-*")).write_bytes(b"no part")
    work_here(monkeypatch)
    assert run.main(batch(film)[2:]) == 0
    assert "1 of 4 parts were made before" in capfd.readouterr().err
    out = film.parent / "out/film.mp4"
    assert reference.picture_packets_s(out) == reference.picture_packets_s(film)


def test_a_part_that_vanishes_meanwhile_and_another_batch_at_once(film, monkeypatch):
    """The other one makes the film, and deletes the parts of both, while this one works."""

    def do_all(number: int, job: Job) -> None:
        if number == 2:
            with monkeypatch.context() as patch:
                work_here(patch)
                assert run.main(batch(film)[2:]) == 0

    work_here(monkeypatch, do_all)
    assert run.main(batch(film)[2:]) == 0
    out = film.parent / "out"
    assert "film.mp4: another batch made it meanwhile" in (out / "report.jsonl").read_text()
    assert reference.picture_packets_s(out / "film.mp4") == reference.picture_packets_s(film)
    assert not (out / ".maskcast/parts").exists()


@pytest.mark.parametrize("is_batch", [True, False])
def test_ctrl_c_ends_after_the_part_under_way(film, monkeypatch, capfd, is_batch):
    out = film.parent / "out"
    out.mkdir()
    line = batch(film)[2:] if is_batch else [str(film), "-o", str(out / "film.mp4"), *PARTS]

    def interrupt(number: int, job: Job) -> None:
        if number == 1:
            # by hand: pytest's faulthandler gives handlers a stack that is too small for the
            # registers (AMX) of a thread that has run a network
            handler = signal.getsignal(signal.SIGINT)
            assert callable(handler)
            handler(signal.SIGINT, None)

    with monkeypatch.context() as patch:
        work_here(patch, interrupt)
        patch.setattr(workers_needed, "num_workers", lambda *_: 1)
        assert run.main(line) == 130
    assert len(list(out.glob(".maskcast/parts/*/[0-9]*"))) == 2
    assert not (out / "film.mp4").exists()
    work_here(monkeypatch)
    assert run.main(line) == 0
    assert "2 of 4 parts were made before" in capfd.readouterr().err


def test_on_a_full_disk_the_parts_stay(film, monkeypatch, capfd):
    out, join = film.parent / "out", joining.join

    def full(*_: object) -> int:
        raise StreamError(f"{out / 'film.mp4'}: could not be written (No space left on device)")

    work_here(monkeypatch)
    monkeypatch.setattr(worker, "join", full)
    assert run.main(batch(film)[2:]) == 1
    assert "No space left on device); the parts that are made stay" in capfd.readouterr().err
    assert len(list(out.glob(".maskcast/parts/*/[0-9]*"))) == 4
    monkeypatch.setattr(worker, "join", join)
    assert run.main(batch(film)[2:]) == 0
    assert "4 of 4 parts were made before" in capfd.readouterr().err


@pytest.mark.parametrize("is_batch", [True, False])
def test_parts_that_are_not_wanted_any_more_go(film, monkeypatch, capfd, is_batch):
    out = film.parent / "out"
    out.mkdir()
    one = [str(film), "-o", str(out / "film.mp4"), *PARTS]
    line = batch(film)[2:] if is_batch else one
    with monkeypatch.context() as patch:
        work_here(patch, stop_at(2))
        assert run.main(line) == 1
    assert len(list(out.glob(".maskcast/parts/*/[0-9]*"))) == 2
    work_here(monkeypatch)
    at = line.index("--split")
    assert run.main([*line[:at], *line[at + 2 :]]) == 0
    assert "2 parts were left of --split; deleted" in capfd.readouterr().err
    assert not list(out.glob(".maskcast/parts"))
    assert is_batch or [path.name for path in out.iterdir()] == ["film.mp4"]


def test_one_film_is_done_in_parts_and_nothing_is_left_beside_it(film, monkeypatch, capfd):
    (film.parent / "out").mkdir()
    out = film.parent / "out/film.mp4"
    line = [str(film), "-o", str(out), "--split", "0.03", "--effect", "none"]
    work_here(monkeypatch)
    assert run.main(line) == 0
    assert reference.picture_packets_s(out) == reference.picture_packets_s(film)
    assert [path.name for path in out.parent.iterdir()] == ["film.mp4"]
    assert run.main(line) == 1
    assert "exists" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "out.mp4", "--keep", "#1"], "numbered anew in each part"),
        (["-o", "out.json"], "needs one output, a video"),
        (["-o", "out.mp4", "-o", "out.mkv"], "needs one output, a video"),
        ([], "needs one output, a video"),
        (["-o", "out.mov", "--effect", "cutout"], "transparent"),
        (["-o", "out.mp4", "--realtime"], "--realtime"),
    ],
)
def test_what_cannot_be_done_in_parts_is_refused_before_anything_runs(
    film, capfd, monkeypatch, arguments, said
):
    monkeypatch.chdir(film.parent)
    assert run.main([str(film), "--split", "auto", *arguments]) in (1, 2)
    assert said in capfd.readouterr().err
    assert [path.name for path in film.parent.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("length", ["long", "0", "-1", "1e-9", "1e9", "nan", "inf"])
def test_how_long_parts_are_must_be_a_number(capfd, length):
    with pytest.raises(SystemExit):
        run.main(["film.mp4", "-o", "out.mp4", "--split", length])
    wanted = "a number of minutes such as 10, at least 0.01, or auto"
    assert f"{wanted}; got '{length}'" in capfd.readouterr().err
