"""A batch on a Ray cluster, some of whose machines come and go.

python -m benchmarks.endurance.cluster [--clips 24] [--photos 60] [--rounds 1]

Needs Linux, root, `ip`, and Ray (extra `batch`). Each machine is a network namespace with an
address of its own, all of them at one switch, with one processor for Ray each. The same files are
done by two and by three machines; by three of which one is cut off, or loses Ray, or Ray and its
workers, to kill -9 in the middle; by two that a third one joins; and by three while the command
itself is killed and given again. Prints a line of JSON for each: seconds (of all the commands it
took), the exit code, how many outputs are missing or differ from those of a batch without Ray, how
many files were done more than once, and what was left over.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common.command import run_command
from benchmarks.endurance.batch import RUN, compared, make_clips, make_photos

NETWORK, PORT = "10.77.0", 6379
SWITCH = "maskcast-switch"
RAY = str(Path(sys.executable).with_name("ray"))
QUIET = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
#: After that much of the files is done, something happens.
MIDDLE = 0.3


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        parser.error("network namespaces need Linux, root, and ip (iproute2)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clips(folder / "clips", options.clips)
        make_photos(folder / "photos", options.photos, (480, 640))
        line = [*RUN, "batch", str(folder / "clips"), str(folder / "photos"), "--json"]
        subprocess.run([*line, "-o", str(folder / "calm")], check=True, capture_output=True)
        for _ in range(options.rounds):
            for what, (num, happens) in ACCIDENTS.items():
                result = cast_on_cluster(folder, line, num, happens)
                print(json.dumps({"what": what, **result}), flush=True)


class Cluster:
    """Machines that are network namespaces, the first of them the head.

    Args:
        num: of machines to begin with.
        stack: takes all of it down.
    """

    def __init__(self, num: int, stack: ExitStack) -> None:
        """Start Ray on each."""
        self._stack = stack
        self._folder = stack.enter_context(short_folder())
        stack.enter_context(switch())
        self.rays: list[psutil.Popen] = []
        for _ in range(num):
            self.join()

    def join(self) -> None:
        """Let one more machine join."""
        number = len(self.rays) + 1
        self._stack.enter_context(machine(number))
        address = f"{NETWORK}.{number}"
        head = ["--head", f"--port={PORT}", "--include-dashboard=false"]
        part = head if number == 1 else [f"--address={NETWORK}.1:{PORT}"]
        arguments = [*part, f"--node-ip-address={address}", "--num-cpus=1", "--block"]
        arguments += ["--disable-usage-stats", f"--temp-dir={self._folder}/{number}"]
        self.rays.append(
            psutil.Popen(
                ["ip", "netns", "exec", host(number), RAY, "start", *arguments],
                env=QUIET,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        self._stack.callback(end, self.rays[-1])
        command = [RAY, "health-check", "--address", f"{NETWORK}.1:{PORT}"]
        within = ["ip", "netns", "exec", host(1)]
        while subprocess.run([*within, *command], env=QUIET, capture_output=True).returncode:
            assert self.rays[-1].poll() is None, "Ray does not start"
            time.sleep(0.5)
        time.sleep(3.0 if number > 1 else 0.0)  # until it has told the head

    def cut_off(self, number: int) -> None:
        """Pull its plug out of the switch."""
        ip("-n", SWITCH, "link", "set", f"port{number}", "down")

    def kill(self, number: int, *, workers: bool) -> None:
        """Kill what Ray has on a machine, and what that started as well."""
        children = self.rays[number - 1].children(recursive=True)
        for process in children:
            is_ray = "ray/core/src" in "".join(process.cmdline()[:1])
            if workers or is_ray:
                process.kill()


def cast_on_cluster(
    folder: Path, line: list[str], num: int, happens: Callable[[Cluster], None] | None
) -> dict[str, Any]:
    """Do all files on a cluster of its own; returns what came of it."""
    shutil.rmtree(folder / "killed", ignore_errors=True)
    with ExitStack() as stack:
        cluster = Cluster(num, stack)
        began, ended, code = time.perf_counter(), Counter[str](), None
        within = ["ip", "netns", "exec", host(1)]
        command = [*within, *line, "-o", str(folder / "killed"), "--ray", f"{NETWORK}.1:{PORT}"]
        calm = sum(1 for path in (folder / "calm").rglob("*.*") if path.suffix in (".mp4", ".jpg"))
        is_killed = happens is None
        for attempt in range(2 if is_killed else 1):
            with psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as driver:
                for printed in driver.stdout:
                    ended[json.loads(printed)["input"]] += 1
                    if len(ended) >= MIDDLE * calm and is_killed and not attempt:
                        driver.kill()
                    elif len(ended) >= MIDDLE * calm and happens is not None:
                        happens(cluster)
                        happens = None
                code = driver.wait()
        seconds = round(time.perf_counter() - began, 1)
        again = sum(count > 1 for count in ended.values())
        return {"seconds": seconds, **compared(folder, code), "files_done_more_than_once": again}


def nothing(cluster: Cluster) -> None:
    """Let it be."""


#: How many machines there are at first, and what happens in the middle; `None`: to the command.
ACCIDENTS: dict[str, tuple[int, Callable[[Cluster], None] | None]] = {
    "two machines": (2, nothing),
    "three machines": (3, nothing),
    "one is cut off": (3, lambda cluster: cluster.cut_off(3)),
    "one node is killed": (3, lambda cluster: cluster.kill(3, workers=False)),
    "one and its workers are killed": (3, lambda cluster: cluster.kill(3, workers=True)),
    "a third one joins": (2, Cluster.join),
    "the command is killed and given again": (3, None),
}


# === Machines ===


def ip(*arguments: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def host(number: int) -> str:
    """Return the name of a machine's namespace."""
    return f"maskcast-host{number}"


@contextmanager
def switch() -> Iterator[None]:
    """Make what all machines are connected to."""
    ip("netns", "add", SWITCH)
    try:
        ip("-n", SWITCH, "link", "add", "bridge", "type", "bridge")
        ip("-n", SWITCH, "link", "set", "bridge", "up")
        yield
    finally:
        ip("netns", "delete", SWITCH)


@contextmanager
def machine(number: int) -> Iterator[None]:
    """Make a machine at the switch."""
    name = host(number)
    ip("netns", "add", name)
    try:
        ends = ("type", "veth", "peer", "name", f"port{number}", "netns", SWITCH)
        ip("-n", name, "link", "add", "eth0", *ends)
        ip("-n", name, "address", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            ip("-n", name, "link", "set", link, "up")
        ip("-n", SWITCH, "link", "set", f"port{number}", "master", "bridge", "up")
        yield
    finally:
        ip("netns", "delete", name)


@contextmanager
def short_folder() -> Iterator[str]:
    """Make a folder whose name is short enough for Ray's sockets in it."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="ray", ignore_cleanup_errors=True) as name:
        yield name


def end(process: psutil.Popen) -> None:
    """End a process and all it started."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return
    for each in family:
        try:
            each.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue
    process.wait()


if __name__ == "__main__":
    run_command(main)
