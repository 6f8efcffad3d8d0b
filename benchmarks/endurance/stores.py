"""Objects of an S3 server through `run.py batch`, while the server has accidents.

python -m benchmarks.endurance.stores [--objects 200] [--rounds 6] [--seed 0]

A tenth of the objects are clips, the rest photos. The server answers some requests with an error,
cuts connections in the middle of what is sent, leaves requests without an answer, and is stopped
and started again; after some seconds of each round the batch is killed. In the end it has no
accidents, and the batch is begun once more. Everything is compared with what a batch between
folders makes. Prints one JSON object: outputs that are right, different, missing and in half, how
many were made more than once, accidents by kind, and seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.common.command import run_command
from benchmarks.endurance.batch import make_clips, make_photos
from stream.stores.addresses import local, place
from stream.stores.objects import objects_below, read
from stream.stores.transfers import put
from tests.users.object_store import ObjectStore, object_store

RUN = [sys.executable, str(Path(__file__).parents[2] / "run.py"), "batch"]
OUT = "s3://films/out"
#: One request in so many has an accident of a kind.
ONE_IN = {"500": 30, "cut": 40, "late": 400}
MAX_ROUND_S, PAUSE_S = 40.0, 6.0


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--objects", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        num_clips = options.objects // 10
        make_clips(folder / "in/clips", num_clips)
        make_photos(folder / "in/photos", options.objects - num_clips, (320, 240))
        wanted = expected(folder)
        with object_store(patch) as store:
            for path in (folder / "in").rglob("*.*"):
                target = place(f"s3://films/in/{path.relative_to(folder / 'in').as_posix()}")
                put(path, target)
            print(json.dumps(provoked(store, wanted, options.rounds, rng)))


def expected(folder: Path) -> dict[str, str]:
    """Return what a batch between folders makes: hashes of its outputs, by their names."""
    subprocess.run([*RUN, folder / "in", "-o", folder / "out"], check=True, capture_output=True)
    found = (local(folder / "out")).rglob("*.*")
    return {
        path.relative_to(folder / "out").as_posix(): sha256(path.read_bytes())
        for path in found
        if path.is_file() and ".maskcast" not in path.parts and path.suffix != ".jsonl"
    }


def provoked(
    store: ObjectStore, wanted: dict[str, str], num_rounds: int, rng: random.Random
) -> dict[str, Any]:
    """Do the batch again and again with accidents, in the end without; returns the figures."""
    accidents: Counter[str] = Counter()
    made: Counter[str] = Counter()
    lock = threading.Lock()

    def accident(method: str, path: str) -> str | None:
        with lock:
            for kind, one_in in ONE_IN.items():
                if rng.randrange(one_in) == 0:
                    accidents[kind] += 1
                    return kind
        return None

    began = time.monotonic()
    for _ in range(num_rounds):
        store.accident = accident
        with _begun() as command:
            _disturb(command, store, rng, accidents)
            made.update(_made(command))
    store.accident = lambda method, path: None
    with _begun() as last:
        made.update(_made(last))
    return {
        **compared(wanted),
        "exit_code": last.returncode,
        "made_again": sum(count - 1 for count in made.values()),
        "accidents": dict(accidents),
        "seconds": round(time.monotonic() - began, 1),
    }


def _begun() -> subprocess.Popen[str]:
    line = [*RUN, "s3://films/in/", "-o", OUT, "--json"]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _disturb(
    command: subprocess.Popen[str],
    store: ObjectStore,
    rng: random.Random,
    accidents: Counter[str],
) -> None:
    """Restart the server in the middle, and kill the batch after a while."""
    with suppress(subprocess.TimeoutExpired):
        command.wait(rng.uniform(PAUSE_S, MAX_ROUND_S / 2))
    store.stop()
    accidents["restart"] += 1
    time.sleep(rng.uniform(0.5, PAUSE_S))
    store.start()
    with suppress(subprocess.TimeoutExpired):
        command.wait(rng.uniform(PAUSE_S, MAX_ROUND_S / 2))
    if command.poll() is None:
        accidents["kill"] += 1
        command.kill()


def _made(command: subprocess.Popen[str]) -> list[str]:
    """Wait for a batch; returns the inputs whose outputs it says it made."""
    told, errors = command.communicate()
    if "Traceback" in errors:
        raise SystemExit(errors)
    lines = [json.loads(line) for line in told.splitlines() if line.endswith("}")]
    return [line["input"] for line in lines if line["state"] == "done"]


def compared(wanted: dict[str, str]) -> dict[str, int]:
    """Return how many outputs in the store are right, different, missing, and too many."""
    found = {}
    for each in objects_below_out():
        name = str(each).removeprefix(f"{OUT}/")
        if not name.startswith((".maskcast/", "report.jsonl")):
            found[name] = sha256(read(each))
    return {
        "right": sum(found.get(name) == digest for name, digest in wanted.items()),
        "different": sum(found.get(name, digest) != digest for name, digest in wanted.items()),
        "missing": len(wanted.keys() - found.keys()),
        "too_many": len(found.keys() - wanted.keys()),
    }


def objects_below_out() -> list[Any]:
    """Return all objects of the outputs."""
    folder = place(OUT)
    assert not isinstance(folder, Path)
    return list(objects_below(folder))


def sha256(data: bytes) -> str:
    """Return a hash in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    run_command(main)
