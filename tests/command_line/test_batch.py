"""`run.py batch`: what is done, what is done again, and what becomes of it when things die."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

import run
from segmentation.unfinished import Unfinished
from stream.batch.batch_run import BatchRun
from stream.batch.jobs.records import Records
from stream.errors import StreamError
from tests import ffmpeg_reference as reference
from tests.folders import ROOT
from tests.stand_ins.workers_here import work_here

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with two videos and five photos."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    clip = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=0.4", "-c:v", "libx264")
    clip += ("-g", "2", "-bf", "0")
    for name in ("a.mp4", "sub/b.mkv"):
        reference.ffmpeg(*clip, folder / name)
    rng = np.random.default_rng(0)
    for number in range(5):
        image = rng.integers(0, 255, (32, 48, 3), np.uint8)
        cv2.imwrite(str(folder / f"sub/{number}.png"), image)
    return folder


def command(media: Path, *arguments: str | Path) -> list[str]:
    out = media.parent / "out"
    line = [sys.executable, ROOT / "run.py", "batch", media, "-o", out, *arguments]
    return list(map(str, line))


@dataclass(frozen=True)
class Batch:
    """Runs batches in this process, and by workers in it, which take no time to start."""

    _capture: pytest.CaptureFixture[str]

    def __call__(
        self, media: Path, *arguments: str | Path, code: int = 0
    ) -> tuple[list[str], list[str]]:
        """Run one to its end; returns the inputs that were done, and what was said."""
        self._capture.readouterr()
        ended = run.main(command(media, "--json", *arguments)[2:])
        printed, said = self._capture.readouterr()
        assert ended == code, said
        return told(media, printed, said)


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Batch:
    work_here(monkeypatch)
    return Batch(capfd)


def batch_by_processes(media: Path, code: int = 0) -> tuple[list[str], list[str]]:
    """Run one as a person does, likewise."""
    done = subprocess.run(command(media, "--json"), capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return told(media, done.stdout, done.stderr)


def told(media: Path, printed: str, said: str) -> tuple[list[str], list[str]]:
    assert "Traceback" not in said
    lines = [json.loads(line) for line in printed.splitlines()]
    names = sorted(Path(line["input"]).relative_to(media).as_posix() for line in lines)
    return names, said.splitlines()


def names_in(media: Path) -> list[str]:
    """Return the outputs, as they would be called as inputs."""
    out = media.parent / "out"
    found = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".jsonl")
    return sorted(
        path.relative_to(out).as_posix() for path in found if ".maskcast" not in path.parts
    )


ALL = ["a.mp4", *(f"sub/{number}.png" for number in range(5)), "sub/b.mkv"]


def report(media: Path) -> list[dict[str, Any]]:
    return list(map(json.loads, (media.parent / "out/report.jsonl").read_text().splitlines()))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_same_command_again_does_what_has_changed(media: Path, batch: Batch) -> None:
    assert batch_by_processes(media)[0] == ALL
    assert names_in(media) == ALL
    assert len(reference.picture_times_s(media.parent / "out/a.mp4")) == 10
    assert [line["frames"] for line in report(media)] == [10, 1, 1, 1, 1, 1, 10]
    names, said = batch(media)
    assert names == []
    assert said[0] == "0 to do, 7 made before"
    cv2.imwrite(str(media / "sub/3.png"), np.zeros((20, 20, 3), np.uint8))
    (media.parent / "out/sub/b.mkv").unlink()
    assert batch(media)[0] == ["sub/3.png", "sub/b.mkv"]
    assert batch(media, "--effect", "grey")[0] == ALL


@pytest.mark.long
def test_what_one_run_makes_of_a_file_is_what_a_batch_makes_of_it(
    media: Path, batch: Batch
) -> None:
    (media / "a.mp4").unlink()
    batch(media, "--to", ".png", "--to", ".json", code=1)
    for name in ("0.png", "0.json"):
        line = [media / "sub/0.png", "-o", media.parent / name, "--model", "mask-rcnn-person"]
        assert run.main(list(map(str, line))) == 0
        assert (media.parent / "out/sub" / name).read_bytes() == (media.parent / name).read_bytes()


def test_what_fails_stops_nothing_else_and_is_told(media: Path, batch: Batch) -> None:
    whole = (media / "sub/b.mkv").read_bytes()
    (media / "sub/b.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    (media / "sub/1.png").write_bytes(b"no picture")
    (media / "x.mp4").write_bytes(b"no video")
    names, said = batch(media, code=1)
    assert len(names) == 8
    states = {Path(line["input"]).name: line["state"] for line in report(media)}
    assert states.pop("b.mkv") == "partial"
    assert (states.pop("1.png"), states.pop("x.mp4")) == ("failed", "failed")
    assert set(states.values()) == {"done"}
    errors = [line for line in said if line.startswith("error: ")]
    assert len(errors) == 3
    assert names_in(media) == [name for name in ALL if name != "sub/1.png"]
    assert said[-1].startswith("5 done, 1 in part, 2 failed; ")
    # what is there in part is not made again, what failed is
    assert batch(media, code=1)[0] == ["sub/1.png", "x.mp4"]
    assert batch(media, "--retry-failed", code=1)[0] == ["sub/1.png", "sub/b.mkv", "x.mp4"]


def test_what_fails_is_told_where_no_report_can_be_written(
    media: Path, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in media.rglob("*.m*"):
        path.unlink()
    (media / "sub/1.png").write_bytes(b"no picture")

    def refuse(data: bytes, place: Path) -> None:
        raise StreamError(f"{place}: cannot be written (the disk is full)")

    monkeypatch.setattr("stream.batch.report.save", refuse)
    said = batch(media, code=1)[1]
    failed, unwritten = (line for line in said if line.startswith("error: "))
    assert "sub/1.png" in failed
    assert "report.jsonl" in unwritten


def test_whoever_reads_the_lines_may_have_enough(
    media: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in media.rglob("*.m*"):
        path.unlink()
    work_here(monkeypatch)
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as gone:
        monkeypatch.setattr(sys, "__stdout__", gone)
        assert run.main(command(media, "--json")[2:]) == 0
    assert len(report(media)) == len(names_in(media)) == 5
    lines = capfd.readouterr().err.splitlines()
    told = "--json: the lines cannot be printed any more (Broken pipe); the batch goes on"
    assert lines.count(told) == 1


def test_what_somebody_has_changed_since_is_kept(media: Path, batch: Batch) -> None:
    for path in media.rglob("*.m*"):
        path.unlink()
    batch(media)
    theirs = media.parent / "out/sub/2.png"
    theirs.write_bytes(b"retouched")
    names, said = batch(media)
    assert names == []
    told = "1 were changed since they were made, and are kept as they are; -y makes them anew"
    assert said[1] == f"{told}: {theirs}"
    assert "kept as it is" in report(media)[2]["remarks"][0]
    assert "1 outputs exist that no batch" in batch(media, "--effect", "grey", code=1)[1][-1]
    assert theirs.read_bytes() == b"retouched"
    assert batch(media, "-y")[0] == ["sub/2.png"]


def test_what_cannot_be_read_or_is_there_in_part(
    media: Path, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told agrees with itself, and with the exit code."""
    for path in [*media.rglob("*.m*"), *media.glob("sub/[234].png")]:
        path.unlink()
    cut = media / "sub/1.png"
    cut.write_bytes(cut.read_bytes()[:1000])
    (media / "gone.png").symlink_to("nowhere.png")
    (media / "closed").mkdir()
    scan = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == media / "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        names, said = batch(media, code=1)
        assert names == ["closed", "gone.png", "sub/0.png", "sub/1.png"]
        assert said[0] == "2 to do, 0 made before, 2 cannot be read"
        assert sum(line.startswith("error: ") for line in said) == 3
        assert said[-1].startswith("1 done, 1 in part, 2 failed; ")
        assert batch(media, code=1)[0] == ["closed", "gone.png"]
        assert "closed: cannot be read (Permission" in batch(media / "closed", code=1)[1][-1]
    (media / "gone.png").unlink()
    names, said = batch(media)
    told = "1 of those made before are there in part, as their inputs are damaged; --retry-failed"
    assert names == []
    assert said[:2] == ["0 to do, 2 made before", f"{told} makes them anew: {cut}"]
    assert [line for line in said if line.startswith("error: ")] == []
    assert batch(media, "--retry-failed", code=1)[0] == ["sub/1.png"]
    linked = media / "closed/linked"
    linked.symlink_to(media / "sub", target_is_directory=True)
    remark, error = batch(media / "closed", code=1)[1]
    assert remark.endswith(f"followed only where they are named: {linked}")
    assert error == f"error: {media}/closed: no photos or videos in it"


@pytest.mark.parametrize(
    "victim",
    ["worker", *(pytest.param(each, marks=pytest.mark.long) for each in ("driver", "all"))],
)
def test_killed_and_begun_again(media: Path, batch: Batch, victim: str) -> None:
    for number in range(5, 60):
        (media / f"sub/{number}.png").write_bytes((media / "sub/0.png").read_bytes())
    out = media.parent / "out"
    with psutil.Popen(command(media, "--workers", "1"), stderr=subprocess.PIPE) as process:
        wait_for(lambda: len(list(out.glob("sub/[0-9]*.png"))) > 5)
        children = process.children(recursive=True)
        workers = [each for each in children if "spawn_main" in "".join(each.cmdline())]
        assert len(workers) == 1
        for each in {"worker": workers, "driver": [process], "all": [process, *children]}[victim]:
            each.send_signal(signal.SIGKILL)
        process.stderr.read()
        assert process.wait() == (0 if victim == "worker" else -signal.SIGKILL)
    assert psutil.wait_procs(children, 20)[1] == []
    before = {path: path.stat().st_mtime_ns for path in out.glob("sub/[0-9]*.png")}
    again, _ = batch(media)
    assert len(again) <= (0 if victim == "worker" else 62 - len(before) + 1)
    assert len(names_in(media)) == 62
    kept = [path for path, time_ns in before.items() if path.stat().st_mtime_ns == time_ns]
    assert len(kept) >= len(before) - 1
    assert [path for path in out.rglob(".*") if path.name != ".maskcast"] == []


def test_ctrl_c_ends_after_what_is_under_way(media: Path, batch: Batch) -> None:
    for number in range(5, 100):
        (media / f"sub/{number}.png").write_bytes((media / "sub/0.png").read_bytes())
    out = media.parent / "out"
    with psutil.Popen(command(media), stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: len(list(out.glob("sub/[0-9]*.png"))) > 3)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait() == 130
    num_done = len(names_in(media))
    assert 3 < num_done < 102
    assert f"{num_done} done, {102 - num_done} left" in said
    assert len(report(media)) == num_done
    assert len(batch(media)[0]) == 102 - num_done


def test_what_cannot_be_is_told_before_anything_is_done(media: Path, batch: Batch) -> None:
    out = media.parent / "out"
    (out / "sub").mkdir(parents=True)
    (out / "sub/2.png").write_bytes(b"somebody's own")
    _, said = batch(media, code=1)
    assert "sub/2.png: 1 outputs exist that no batch has made" in said[-1]
    assert (out / "sub/2.png").read_bytes() == b"somebody's own"
    assert names_in(media) == ["sub/2.png"]
    (out / "report.jsonl").write_text("somebody's own")
    assert "report.jsonl: exists, and is no report" in batch(media, code=1)[1][-1]
    assert batch(media, "-y")[0] == ALL
    assert len(report(media)) == 7
    assert "--effect" in batch(media, "--effect", "blurr", code=2)[1][-1]
    assert "the parts of 3" in batch(media, "--shard", "3/3", code=2)[1][-1]
    assert "no such file" in batch(media / "nothing.mp4", code=1)[1][-1]


def test_what_another_machine_was_at_stays_of_the_batch(media: Path, batch: Batch) -> None:
    """That one may be cut off in the middle of making anew what stands."""
    out = media.parent / "out"
    for path in [*media.glob("sub/*.png"), media / "sub/b.mkv"]:
        path.unlink()
    cv2.imwrite(str(media / "b.png"), np.zeros((32, 48, 3), np.uint8))
    for number in range(2):
        batch(media, "--shard", f"{number}/2")
    Records(out).begin([out / "b.png"], [out / "b.png"])  # by part 1, which says no more
    Records(out).begin([out / "a.mp4"], [out / "a.mp4"])  # by part 0, which is begun again
    batch(media, "--shard", "0/2")
    assert len(list(out.glob(".maskcast/records/begun/*"))) == 1
    assert batch(media, "--shard", "1/2")[0] == ["b.png"]
    assert list(out.glob(".maskcast/records/begun/*")) == []


def test_files_that_would_be_one_on_the_disk_of_the_outputs_are_told(
    media: Path, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(media / "sub/0.png", media / "sub/A.png")
    shutil.copy(media / "sub/0.png", media / "sub/a.png")
    touch = Path.touch

    def touch_without_capitals(path: Path, *, exist_ok: bool = True) -> None:
        touch(path.with_name(path.name.lower()), exist_ok=exist_ok)

    monkeypatch.setattr(Path, "touch", touch_without_capitals)
    done, said = batch(media, "--shard", "0/9", code=1)
    assert (done, names_in(media)) == ([], [])
    assert "sub/A.png: would be the output of" in said[-1]


def test_what_a_dead_batch_still_held_is_deleted_at_the_end(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = media.parent / "out"
    out.mkdir()
    dead = Unfinished(out / "a.mp4")
    dead.hold()  # by an encoder that has not yet noticed

    def play(batch: BatchRun, stop: threading.Event) -> None:
        assert dead.path.exists()
        dead.release()

    monkeypatch.setattr(BatchRun, "play", play)
    assert run.main(["batch", str(media), "-o", str(out)]) == 0
    assert not dead.path.exists()


@pytest.mark.long
def test_parts_make_the_whole(media: Path, batch: Batch) -> None:
    done = [batch(media, "--shard", f"{number}/2")[0] for number in range(2)]
    assert sorted(name for names in done for name in names) == ALL
    assert [len(names) for names in done] == [4, 3]
    assert len(list((media.parent / "out").glob("report-?-of-2.jsonl"))) == 2
    assert batch(media)[0] == []
