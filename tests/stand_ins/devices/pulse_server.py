"""A PulseAudio of one's own, and microphones on it that give what they are told to."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
STEP_S = 0.01  # from one write of a microphone to the next
_PATIENCE_S = 20.0


def why_no_pulse() -> str:
    """Return what is missing here, "" where it can be started."""
    missing = [name for name in ("pulseaudio", "pactl") if shutil.which(name) is None]
    return f"needs {' and '.join(missing)}" if missing else ""


class PulseServer:
    """A server that runs, to which everything speaks that is started meanwhile.

    Args:
        folder: for its sockets and pipes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add_microphone(self, name: str) -> Path:
        """Plug in a microphone; returns the pipe that it takes 48,000 stereo samples a second of.

        They are 16 bits; its clock is that of whoever writes.
        """
        pipe = self.folder / name
        options = [f"source_name={name}", f"file={pipe}", "format=s16le", f"rate={RATE}"]
        described = f"source_properties=device.description={name.title()}"
        pactl("load-module", "module-pipe-source", *options, "channels=2", described)
        pactl("set-default-source", name)
        return pipe

    def remove_microphones(self) -> None:
        """Unplug all of them."""
        pactl("unload-module", "module-pipe-source")


@contextmanager
def pulse_server() -> Iterator[PulseServer]:
    """Run a server without hardware; the environment names it meanwhile."""
    with tempfile.TemporaryDirectory(prefix="pulse-") as name:
        folder = Path(name)
        socket = folder / "native"
        environment = {"XDG_RUNTIME_DIR": name, "HOME": name, "PULSE_SERVER": f"unix:{socket}"}
        kept = {key: os.environ.get(key) for key in environment}
        unix = f"module-native-protocol-unix socket={socket} auth-anonymous=1"
        command = ["pulseaudio", "--daemonize=no", "-n", "--exit-idle-time=-1", "-L", unix]
        given = {**os.environ, **environment}
        del given["PULSE_SERVER"]
        process = subprocess.Popen(command, env=given, stderr=subprocess.DEVNULL)
        try:
            os.environ.update(
                {key: environment[key] for key in ("XDG_RUNTIME_DIR", "PULSE_SERVER")}
            )
            _wait_until(lambda: socket.exists() or process.poll() is not None)
            assert process.poll() is None, "pulseaudio has ended"
            yield PulseServer(folder)
        finally:
            process.terminate()
            process.wait()
            for key in ("XDG_RUNTIME_DIR", "PULSE_SERVER"):
                value = kept[key]
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value


def pactl(*arguments: str) -> str:
    """Tell the server something; returns what it says."""
    done = subprocess.run(["pactl", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def _wait_until(holds: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_s, "nothing happened"
        time.sleep(0.02)


def beeps(times_s: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return (n, 2) samples at some times: faint noise, and a tone at each full second."""
    phase_s = times_s % 1
    tone = np.where(phase_s < 0.05, 12_000 * np.sin(2 * np.pi * 1000 * phase_s), 0)
    noise = np.random.default_rng(0).integers(-20, 21, len(times_s))
    return np.repeat((tone + noise).astype(np.int16)[:, None], 2, axis=1)


def play(
    pipe: Path,
    ended: threading.Event,
    *,
    sounds: Callable[[NDArray[np.float64]], NDArray[np.int16]] = beeps,
    fast: float = 0.0,
) -> None:
    """Be the microphone behind a pipe until told to end; what nobody takes in time is lost.

    Args:
        pipe: see `PulseServer.add_microphone`.
        ended: ends it.
        sounds: given times of `time.monotonic`, what is heard then.
        fast: how much its clock is too fast: 200e-6 are 200 ppm.
    """
    target = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(PermissionError):  # as much as a driver holds while nobody has time
        fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, 1 << 18)
    rate = RATE * (1 + fast)
    began_s, num = time.monotonic(), 0
    try:
        while not ended.wait(STEP_S):
            due = int((time.monotonic() - began_s) * rate)
            data = sounds(began_s + np.arange(num, due) / rate).tobytes()
            num = due
            if not _wrote(target, data):
                _drain(target)  # whoever reads at last shall get what was heard last
    finally:
        os.close(target)


def _wrote(target: int, data: bytes) -> bool:
    """Return whether all could be written."""
    try:
        return os.write(target, data) == len(data)
    except BlockingIOError:
        return False


def _drain(target: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(target, 1 << 16):
            pass


@contextmanager
def playing(pipe: Path, *, fast: float = 0.0) -> Iterator[None]:
    """Let a thread be the microphone behind a pipe, see `play`."""
    ended = threading.Event()
    thread = threading.Thread(target=play, args=(pipe, ended), kwargs={"fast": fast})
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
