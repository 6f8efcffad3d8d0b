"""Files in object stores: through `run.py`, and `run.py batch`."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("s3fs", reason="the extra s3")
pytest.importorskip("moto", reason="the extra dev")

import run
from stream.errors import StreamError
from stream.stores.addresses import Place, place
from stream.stores.objects import delete, objects_below, read, write
from tests import ffmpeg_reference as reference
from tests.folders import ROOT
from tests.stand_ins.workers_here import work_here
from tests.users.object_store import ObjectStore, object_store, own_scratch

OUT = "s3://films/out"
NAMES = ["a.mp4", "sub/0.png", "sub/1.png", "sub/b.mkv", "sub/c d.jpg"]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ObjectStore]:
    """Two videos and three photos under `in/`, and a folder of its own for temporary files."""
    scratch = own_scratch(monkeypatch, tmp_path)
    clip = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=0.4", "-c:v", "libx264")
    rng = np.random.default_rng(0)
    with object_store(monkeypatch) as running:
        for name in NAMES:
            path = tmp_path / Path(name).name
            if path.suffix in (".mp4", ".mkv"):
                reference.ffmpeg(*clip, path)
            else:
                cv2.imwrite(str(path), rng.integers(0, 255, (32, 48, 3), np.uint8))
            write(path.read_bytes(), place(f"s3://films/in/{name}"))
        write(b"no picture", place("s3://films/in/notes.txt"))
        write(b"hidden", place("s3://films/in/.hidden/a.mp4"))
        yield running
    assert list(scratch.iterdir()) == []


@dataclass(frozen=True)
class Batch:
    """Runs batches in this process, and by workers in it."""

    _capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path, code: int = 0) -> tuple[list[str], list[str]]:
        """Run one to its end; returns the inputs that were done, and what was said."""
        self._capture.readouterr()
        ended = run.main(["batch", "--json", "--workers", "2", *map(str, arguments)])
        printed, said = self._capture.readouterr()
        assert ended == code, said
        return told(printed, said)


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Batch:
    work_here(monkeypatch)
    return Batch(capfd)


def batch_by_processes(*arguments: str) -> tuple[list[str], list[str]]:
    """Run a batch as a person does, likewise."""
    line = [sys.executable, str(ROOT / "run.py"), "batch", "--json", "--workers", "1", *arguments]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return told(done.stdout, done.stderr)


def told(printed: str, said: str) -> tuple[list[str], list[str]]:
    assert "Traceback" not in said
    assert "secret-of-a-test" not in said + printed
    inputs = sorted(json.loads(line)["input"] for line in printed.splitlines())
    return [each.removeprefix("s3://films/in/") for each in inputs], said.splitlines()


def outputs() -> list[str]:
    found = [str(each).removeprefix("s3://films/out/") for each in objects_below(place(OUT))]
    return [name for name in found if not name.startswith((".maskcast/", "report.jsonl"))]


def test_the_same_batch_again_does_what_has_changed(
    store: ObjectStore, batch: Batch, tmp_path: Path
) -> None:
    names, said = batch_by_processes("s3://films/in/", "-o", OUT)
    assert names == outputs() == NAMES
    assert any(
        "passed over 1, neither photos nor videos: s3://films/in/notes.txt" in line for line in said
    )
    (tmp_path / "made.mp4").write_bytes(read(place(f"{OUT}/a.mp4")))
    assert len(reference.picture_times_s(tmp_path / "made.mp4")) == 10
    report = [json.loads(line) for line in read(place(f"{OUT}/report.jsonl")).splitlines()]
    assert [line["output"] for line in report] == [[f"s3://films/out/{name}"] for name in NAMES]
    assert batch("s3://films/in/", "-o", OUT)[0] == []
    write(read(place("s3://films/in/sub/1.png")), place("s3://films/in/sub/0.png"))
    delete(place(f"{OUT}/sub/b.mkv"))
    assert batch("s3://films/in/", "-o", OUT)[0] == ["sub/0.png", "sub/b.mkv"]
    everything = b"".join(read(each) for each in objects_below(place(OUT)))
    assert b"secret-of-a-test" not in everything


def test_from_a_store_to_a_disk_and_back(store: ObjectStore, batch: Batch, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    listed = place("s3://films/list.txt")
    write(b"s3://films/in/sub/*.png\ns3://films/in/a.mp4\n", listed)
    names, _ = batch(f"@{listed}", "-o", disk)
    assert names == ["a.mp4", "sub/0.png", "sub/1.png"]
    assert {path.name for path in disk.iterdir()} >= {"a.mp4", "0.png", "1.png"}
    batch(disk, "-o", OUT)
    assert outputs() == ["0.png", "1.png", "a.mp4"]


def test_names_with_the_signs_of_globs(store: ObjectStore, batch: Batch) -> None:
    photo = read(place("s3://films/in/sub/0.png"))
    for name in ("[1].png", "1.png", "ü?v=1#.png", "star*.png", "a//b.png"):
        write(photo, place(f"s3://films/in/signs/{name}"))
    names, _ = batch("s3://films/in/signs/[1].png", "s3://films/in/signs/ü?v=1#.png", "-o", OUT)
    assert names == ["signs/[1].png", "signs/ü?v=1#.png"]
    assert batch("s3://films/in/signs/*.png", "-o", OUT)[0] == ["signs/1.png", "signs/star*.png"]
    assert batch("s3://films/in/signs/a/", "-o", OUT)[0] == ["signs/a//b.png"]
    assert outputs() == ["1.png", "[1].png", "b.png", "star*.png", "ü?v=1#.png"]


def test_names_that_lead_elsewhere_are_passed_over_and_told(
    store: ObjectStore, batch: Batch, tmp_path: Path
) -> None:
    photo = read(place("s3://films/in/sub/0.png"))
    for name in ("../a.png", "b/../../c.png", "..d.png", "e.png"):
        write(photo, place(f"s3://films/in/astray/{name}"))
    for folder in (OUT, tmp_path / "out"):
        names, said = batch("s3://films/in/astray/", "-o", folder)
        assert names == ["astray/e.png"]
        line = "passed over 2 with .. in their names, which leads out of -o: "
        astray = ("s3://films/in/astray/../a.png", "s3://films/in/astray/b/../../c.png")
        assert line + ", ".join(astray) in said
    assert outputs() == ["e.png"]


def test_no_input_is_overwritten(store: ObjectStore, batch: Batch) -> None:
    film = read(place("s3://films/in/a.mp4"))
    _, said = batch("s3://films/in/a.mp4", "-o", "S3://films/in/", "-y", code=1)
    assert said == ["error: s3://films/in/a.mp4: is the input; name another folder"]
    for source, output in (("S3://films", "s3://films"), ("s3://films", "S3://films")):
        assert run.main([f"{source}/in/a.mp4", "-o", f"{output}/in/a.mp4", "-y"]) == 1
    assert read(place("s3://films/in/a.mp4")) == film


def test_what_is_not_there_or_broken_is_told(store: ObjectStore, batch: Batch) -> None:
    _, said = batch("s3://films/none/", "-o", OUT, code=1)
    assert said == ["error: s3://films/none/: no such file"]
    _, said = batch("s3://films/in/", "-o", "s3://nobody/out", code=1)
    assert said == ["error: s3://nobody/out: cannot be written (there is no such bucket)"]
    _, said = batch("@s3://films/none.txt", "-o", OUT, code=1)
    assert said == ["error: s3://films/none.txt: the list cannot be read (no such file)"]
    write(b"no film", place("s3://films/in/a.mp4"))
    names, said = batch("s3://films/in/", "-o", OUT, code=1)
    assert names == NAMES
    assert outputs() == NAMES[1:]
    told = [line for line in said if line.startswith("error: ")]
    assert len(told) == 1
    assert "s3://films/in/a.mp4: " in told[0]


# the packages beneath leave what is cut off to be collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_accidents_leave_no_halves(
    store: ObjectStore,
    batch: Batch,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A part of what `benchmarks.endurance.stores` does."""
    monkeypatch.setattr("stream.stores.failures.PAUSES_S", (0.0, 0.0))
    rng = random.Random(0)
    store.accident = lambda method, path: rng.choice([None] * 6 + ["500", "cut"])
    for _ in range(4):
        if run.main(["batch", "s3://films/in/", "-o", OUT]) == 0:
            break
    assert "Traceback" not in capfd.readouterr().err
    store.accident = lambda method, path: None
    batch("s3://films/in/", "-o", OUT)
    assert outputs() == NAMES
    for name in NAMES[1:3]:
        assert cv2.imdecode(np.frombuffer(read(place(f"{OUT}/{name}")), np.uint8), -1).shape == (
            32,
            48,
            3,
        )


def test_one_file_from_a_store_into_one(
    store: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["s3://films/in/a.mp4", "-o", f"{OUT}/x.mp4"]) == 0
    film = tmp_path / "x.mp4"
    film.write_bytes(read(place(f"{OUT}/x.mp4")))
    assert len(reference.picture_times_s(film)) == 10
    assert run.main(["s3://films/in/sub/0.png", "-o", str(tmp_path / "y.png")]) == 0
    assert cv2.imread(str(tmp_path / "y.png")).shape == (32, 48, 3)
    capsys.readouterr()
    store.requests.clear()
    for arguments, message in (
        (["s3://films/in/a.mp4", "-o", f"{OUT}/x.mp4"], "x.mp4: exists;"),
        (["s3://films/in/a.mp4", "-o", "s3://films/in/a.mp4", "-y"], "a.mp4: is the input"),
        (["s3://films/in/a.mp4", "-o", "s3://nobody/x.mp4"], "there is no such bucket"),
        (["s3://films/in/none.mp4", "-o", str(tmp_path / "z.mp4")], "none.mp4: no such file"),
        (["demo:", "-o", f"{OUT}/z.mp4"], "what is live is written to a disk first"),
        (["s3://films/in/a.mp4", "-o", "s3://films/out/"], "only files go to an object store"),
        (["s3://films/in/notes.txt", "-o", f"{OUT}/z.mp4"], "s3://films/in/notes.txt: "),
    ):
        assert run.main(arguments) in (1, 2)
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert not any(method == "GET" and path.endswith("a.mp4") for method, path in store.requests)
    with pytest.raises(SystemExit):
        run.main([str(film), "-o", "null:", "--stats", f"{OUT}/a.json"])
    assert "--stats: a path on a disk, got" in capsys.readouterr().err


def test_a_film_in_a_store_is_done_in_parts(
    store: ObjectStore, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that cannot be deleted as long as the store is busy stop nothing, and go later."""

    def busy(address: Place) -> None:
        if "/parts/" in str(address):
            raise StreamError("busy")
        delete(address)

    film = tmp_path / "film.mp4"
    clip = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=12")
    sound = ("-f", "lavfi", "-i", "sine=duration=12")
    reference.ffmpeg(*clip, *sound, "-c:v", "libx264", "-g", "25", "-b:v", "400k", film)
    write(film.read_bytes(), place("s3://films/long/film.mp4"))
    store.requests.clear()
    line = ("s3://films/long/", "-o", OUT, "--workers", "2", "--split", "0.07")
    with monkeypatch.context() as patch:
        patch.setattr("stream.stores.objects.delete", busy)
        names, said = batch(*line)
    assert names == ["s3://films/long/film.mp4"]
    assert not any("one piece" in each for each in said)
    assert "s3://films/long/film.mp4: its parts cannot be deleted yet (busy)" in said
    assert "what is left of --split cannot be deleted (busy); the next run tries again" in said
    assert "1 done" in said[-1]
    assert "report.jsonl" in said[-1]
    made = [path for method, path in store.requests if method == "PUT" and "/parts/" in path]
    assert len(made) == 3
    assert outputs() == ["film.mp4"]
    (tmp_path / "made.mp4").write_bytes(read(place(f"{OUT}/film.mp4")))
    wanted, found = (reference.picture_times_s(path) for path in (film, tmp_path / "made.mp4"))
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    names, said = batch(*line)
    assert names == []
    assert any("film.mp4: 3 parts were left of --split; deleted" in each for each in said)
    assert not [each for each in objects_below(place(OUT)) if "/parts/" in str(each)]
