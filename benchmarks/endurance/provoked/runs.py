"""One run of the program that something happens to, and the row of the table about it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.ffmpeg_reference import picture_times_s
from tests.folders import ROOT

QUICK = ("--effect", "none", "--quality", "ultrafast:30")
MARK = "MASKCAST_FAULT"  # in the environment of a run and of all that it starts
WAIT_S = 40.0
#: Said by every run of these kinds, whatever happens.
USUAL = (
    r"model: .* on .*",
    r"camera \d+: .* frames/s.*",
    r"virtualcam: other programs find it as .*",
)
#: Said where the machine is busy.
LEFT_OUT = r".*: (\d+) frames were left out"


@dataclass
class Row:
    """What a fault came to.

    Attributes:
        fault: its name.
        done: what was done.
        seen: frames that the program got.
        kept: frames that can be read of its output.
        lost_s: how much shorter the output is than what was seen, in seconds.
        said: lines, but for what every run says.
        code: exit code.
        wrong: what is not right, nothing where all is.
        skipped: why it could not be tried here.
    """

    fault: str
    done: str
    seen: int | None = None
    kept: int | None = None
    lost_s: float | None = None
    said: Sequence[str] = ()
    code: int | None = None
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""

    def check(self, is_right: object, otherwise: str) -> None:
        """Note what is wrong unless it is right."""
        if not is_right:
            self.wrong.append(otherwise)

    def expect_frames(self, expected: int, *, of: str = "frames") -> None:
        """Note it where not exactly so many are kept."""
        self.check(self.kept == expected, f"{self.kept} {of} instead of {expected}")

    def expect_lost(self, most_s: float) -> None:
        """Note it where nothing is kept, or more than so much is lost."""
        self.check(self.kept, "nothing is kept")
        self.check(self.lost_s is None or self.lost_s <= most_s, f"more than {most_s} s lost")

    def take(self, program: Program, code: int, *patterns: str) -> None:
        """Take over how a run ended, and what it left; check all that.

        Args:
            program: has ended.
            code: that is right.
            *patterns: of the lines that it should say, each of them once, and nothing else.
        """
        self.code, self.said = program.code, program.said()
        self.seen = program.counts().get("read", self.seen)
        self.check(program.code == code, f"exit code {program.code} instead of {code}")
        lines = [line for line in self.said if not re.fullmatch(LEFT_OUT, line)]
        for pattern in patterns:
            matching = [line for line in lines if re.fullmatch(pattern, line)]
            self.check(len(matching) == 1, f"says {len(matching)} times {pattern}")
            lines = [line for line in lines if line not in matching]
        self.check(not lines, f"says also {lines[:1]}")
        self.wrong += program.left_over()

    def compare(self, kept_times_s: Sequence[float], program: Program) -> None:
        """Compare the times of what is kept with those of the frames that were seen."""
        self.kept = len(kept_times_s)
        seen_s = program.seen_s()
        if seen_s is not None:
            kept_s = kept_times_s[-1] - kept_times_s[0] if kept_times_s else 0.0
            self.lost_s = max(0.0, seen_s - kept_s)


#: Fills the row of a fault, given a folder of its own and the clips of `make_clips`.
Kind = Callable[[Row, Path, Path], None]


class Program:
    """A run in a folder of its own. `started` makes one.

    Attributes:
        out: where it runs and writes.
        code: its exit code, `None` while it runs, or where it would not end.
    """

    def __init__(self, folder: Path, process: psutil.Popen, mark: str) -> None:
        """See `started`."""
        self.folder, self.out, self._process, self._mark = folder, folder / "out", process, mark
        self.code: int | None = None

    # === While it runs ===

    def wait_until(self, holds: Callable[[], object], seconds: float = WAIT_S) -> bool:
        """Wait until something holds; returns whether it does. Not once the run has ended."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline or self._process.poll() is not None:
                return bool(holds())
            time.sleep(0.02)
        return True

    def play(self, seconds: float) -> None:
        """Wait for the first frame, and so long after it."""
        self.wait_until((self.folder / "first").exists)
        self.wait_until(lambda: False, seconds)

    def wait_for_line(self, pattern: str, seconds: float = WAIT_S) -> bool:
        """Wait until it has said a line."""
        return self.wait_until(
            lambda: any(re.fullmatch(pattern, line) for line in self.said()), seconds
        )

    def child(self, word: str) -> psutil.Process:
        """Return the ffmpeg that has this word among its arguments, once it runs."""
        found: list[psutil.Process] = []

        def is_there() -> bool:
            with contextlib.suppress(psutil.Error):
                found[:] = [one for one in self._process.children() if word in one.cmdline()]
            return bool(found)

        if not self.wait_until(is_there):
            raise OSError(f"no ffmpeg with {word} was started; {' '.join(self.said()[-1:])}")
        return found[0]

    def kill_decoder(self) -> None:
        """Kill the ffmpeg that reads."""
        self.child("pipe:1").kill()

    def kill_encoder(self) -> None:
        """Kill the ffmpeg that writes."""
        self.child("pipe:0").kill()

    def send(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self, number: int | None = None, seconds: float = WAIT_S) -> None:
        """Send a signal, if one is given, and wait for the end; kill it where it does not come."""
        if number is not None and self._process.poll() is None:
            self.send(number)
        try:
            self.code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Process number."""
        return int(self._process.pid)

    # === Afterwards ===

    def said(self) -> list[str]:
        """Return the lines that it has said, but for what every run says."""
        lines = (self.folder / "said").read_text(errors="replace").splitlines()
        return [line for line in lines if not any(re.fullmatch(usual, line) for usual in USUAL)]

    def counts(self) -> dict[str, int]:
        """Return what was counted, nothing where the run was killed."""
        return dict(self._noted().get("counts", {}))

    def since_first_s(self) -> float:
        """Return the seconds since its first frame."""
        return time.time() - (self.folder / "first").stat().st_mtime

    def written(self) -> int:
        """Return how many frames the output took that took most."""
        counts = self.counts()
        return max((num for name, num in counts.items() if name.endswith(" written")), default=0)

    def num_left_out(self) -> int:
        """Return how many of those frames it says that it has left out, because it was busy."""
        found = [re.fullmatch(LEFT_OUT, line) for line in self.said()]
        return sum(int(match[1]) for match in found if match)

    def seen_s(self) -> float | None:
        """Return the seconds from the first frame to the last one, where that is known."""
        times_s = self._noted().get("times_s")
        return times_s[-1] - times_s[0] if times_s else None

    def _noted(self) -> dict:
        path = self.folder / "counts.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def left_over(self) -> list[str]:
        """Return what should not be there after the end: processes, and temporary files."""
        deadline = time.monotonic() + 5
        while (left := [*self._relatives()]) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in left:
            process.kill()
        hidden = [path.name for path in self.out.rglob(".*")]
        hidden += [path.name for path in (self.folder / "tmp").iterdir()]
        found = [f"{len(left)} processes are left"] if left else []
        return found + ([f"{' '.join(hidden)} is left"] if hidden else [])

    def _relatives(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self._mark:
                    yield process


@contextmanager
def started(
    folder: Path, *arguments: str | Path, camera: str = "", display: str = ""
) -> Iterator[Program]:
    """Start the program, watched; it is killed if it still runs at the end.

    Args:
        folder: gets all that belongs to the run; where others have run already, its outputs stay.
        *arguments: of `run.py`.
        camera: see `watched_run`.
        display: the X server, "" for none.
    """
    module = ("-m", "benchmarks.endurance.provoked.watched_run", str(folder), camera)
    with running(folder, *module, *map(str, arguments), display=display) as program:
        yield program


@contextmanager
def running(folder: Path, *arguments: str, display: str = "") -> Iterator[Program]:
    """Start Python with these arguments; see `started`."""
    for name in ("out", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("first", "counts.json"):
        (folder / name).unlink(missing_ok=True)
    mark = secrets.token_hex(8)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), MARK: mark}
    environment.pop("WAYLAND_DISPLAY", None)
    environment["DISPLAY"] = display
    with (folder / "said").open("wb") as said:
        process = psutil.Popen(
            [sys.executable, *arguments],
            cwd=folder / "out",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    program = Program(folder, process, mark)
    try:
        yield program
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        program.left_over()


def heed_signals() -> None:
    """Let what is started be ended by signals, also where this runs in the background."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def frame_times_s(path: Path) -> list[float]:
    """Return the times of all frames that can be decoded of a file, none where it is not there."""
    try:
        return picture_times_s(path) if path.exists() else []
    except subprocess.CalledProcessError:
        return []
