"""Workers on a Ray cluster of one machine; `benchmarks.endurance.cluster` has several."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import psutil
import pytest

import run
from segmentation.segmenter import Options
from stream.batch.jobs.settings import Settings
from stream.batch.workers import ray_pool
from stream.batch.workers.ray_pool import Host, RayPool, RayWorker
from stream.batch.workers.worker_pool import Order
from stream.commands.parts.error_line import one_line
from stream.errors import StreamError
from tests.ffmpeg_reference import ffmpeg
from tests.folders import ROOT
from tests.stand_ins.senders import free_port

NUM_CLIPS = 3  # two of which are under way when something dies
ORDER = Order(Path("out"), Settings("portrait", Options()), {}, "0.0")


def test_without_ray_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        RayPool("auto", ORDER, None, print)
    line = one_line(caught.value)
    assert "pip install" in line
    assert "[batch]" in line


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ray://10.0.0.1:10001", "must be auto or HOST:PORT"),
        ("10.0.0.1", "must be auto or HOST:PORT"),
        ("127.0.0.1:{port}", "no Ray cluster can be reached"),
    ],
)
def test_where_no_cluster_is(address: str, words: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(StreamError, match=words) as caught:
        RayPool(address.format(port=free_port()), ORDER, None, print)
    assert "\n" not in str(caught.value)


def test_another_version_on_a_machine_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"has maskcast .*, this is 0\.0"):
        Host(ORDER)


def test_that_no_machine_has_room_is_told_once_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = MagicMock()
    ray.wait.return_value = ([], [])
    ray.nodes.return_value = []
    monkeypatch.setattr(ray_pool, "_joined", lambda address: ray)
    monkeypatch.setattr(ray_pool, "_PATIENCE_S", -1.0)
    told: list[str] = []
    pool = RayPool("auto", ORDER, None, told.append)
    workers = [RayWorker(ray, MagicMock()) for _ in range(2)]
    for num, is_ready in [(1, False), (1, False), (1, True), (2, False), (2, False)]:
        workers[0].is_ready = is_ready
        assert pool.with_news(workers, 0.0) == []
        assert len(told) == num
    assert told[0].startswith("no worker has begun: one needs 1 CPU, 0 GPU and ")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A cluster of this machine; gives its address."""
    pytest.importorskip("ray")
    port = free_port()
    # Ray's sockets need short names
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="ray", ignore_cleanup_errors=True) as name:
        ray = Path(sys.executable).with_name("ray")
        line = [ray, "start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false"]
        line += [f"--port={port}", f"--temp-dir={name}", "--disable-usage-stats"]
        with psutil.Popen(
            [*map(str, line), "--node-ip-address=127.0.0.1"], stdout=subprocess.PIPE, text=True
        ) as process:
            assert any("Ray runtime started" in line for line in process.stdout)
            yield f"127.0.0.1:{port}"
            for each in [*process.children(recursive=True), process]:
                with contextlib.suppress(psutil.Error):
                    each.kill()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(NUM_CLIPS):
        source = f"testsrc2=size=320x240:rate=25:duration=2,hue=h={number * 30}"
        ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", folder / f"{number}.mp4")
    return folder


def command(clips: Path, out: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "run.py"), "batch", clips.name, "-o", str(out), *arguments]


@pytest.mark.long
def test_a_cluster_makes_what_one_machine_makes_whatever_dies(
    cluster: str,
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    line = command(clips, tmp_path / "ray", "--ray", cluster, "--json")
    told_to_us = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with (
        # beside the actors, which take as long to begin
        subprocess.Popen(
            command(clips, tmp_path / "calm"), cwd=clips.parent, stderr=subprocess.DEVNULL
        ) as calm,
        psutil.Popen(line, cwd=clips.parent, **told_to_us) as driver,
    ):
        # the process within an actor, and an actor, each while it has something to do
        for victim in ("within", "actor"):
            actor, within = wait_for_actor_at_work()
            dead = within if victim == "within" else actor
            dead.send_signal(signal.SIGKILL)
            dead.wait()
        printed, told = driver.communicate()
    assert driver.returncode == 0, told
    assert "Traceback" not in told
    states = [json.loads(each)["state"] for each in printed.splitlines()]  # and nothing of Ray's
    assert states == ["done"] * NUM_CLIPS
    assert calm.wait() == 0
    for path in (tmp_path / "calm").glob("*.mp4"):
        assert (tmp_path / "ray" / path.name).read_bytes() == path.read_bytes()
    assert not list((tmp_path / "ray").glob(".*.part*"))
    monkeypatch.chdir(clips.parent)
    assert run.main(line[2:]) == 0
    assert f"0 to do, {NUM_CLIPS} made before" in capfd.readouterr().err
    deadline = time.monotonic() + 30.0
    while actors():  # which end with the command, as soon as Ray gets to it
        assert time.monotonic() < deadline
        time.sleep(0.1)


def actors() -> list[psutil.Process]:
    """Return the actors of the program, by what Ray calls its processes."""
    named = (each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"])
    return [each for each in named if "".join(each.info["cmdline"]).startswith("ray::Host")]


def wait_for_actor_at_work() -> tuple[psutil.Process, psutil.Process]:
    """Return an actor and the process within, which has started an ffmpeg."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        for actor in actors():
            with contextlib.suppress(psutil.Error):
                for within in actor.children():
                    if any("ffmpeg" in child.name() for child in within.children()):
                        return actor, within
        time.sleep(0.1)
    raise AssertionError("no actor works")
