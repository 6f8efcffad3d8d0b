"""Processes of ffmpeg: the one place that starts them, feeds them, reads them and ends them.

Video goes through ffmpeg, and in a process of its own: OpenCV's reader loses frames, timestamps and
sound, and a broken file can end the process it is read in.
"""

from __future__ import annotations

import functools
import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import imageio_ffmpeg

from stream.errors import StreamError
from stream.ffmpeg.address_secrets import secrets_hidden
from stream.ffmpeg.lifeline import Lifeline
from stream.ffmpeg.pipes import enlarge, write_all

#: Windows has no such signal, and no use for it.
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
#: Exit status of a process that was ended by `Ffmpeg.interrupt` and has completed its output.
INTERRUPTED = 255
#: That has all that is asked for: `-enc_time_base demux` is the newest of it.
OLDEST = (6, 1)

#: Errors that follow another, which says why.
_VAGUE = ("Conversion failed!", "Terminating thread with", "Task finished with")
_ERROR_LEVELS = ("[error] ", "[fatal] ", "[panic] ")

#: With which it reads nothing of a terminal, and what it logs can be understood.
GENERAL_OPTIONS = ("-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+verbose")
#: Every frame keeps its timestamp, in the unit it came in; none is left out or repeated. Of the
#: picture alone: sound has units of its own.
KEEP_TIMESTAMPS = ("-fps_mode", "passthrough", "-enc_time_base:v", "demux")


def executable() -> str:
    """Return the path of the ffmpeg binary.

    Raises:
        StreamError: there is none, or one that is too old.
    """
    try:
        path = str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise StreamError(
            "ffmpeg: no binary found; reinstall imageio-ffmpeg or set IMAGEIO_FFMPEG_EXE to one"
        ) from None
    if Path(imageio_ffmpeg.__file__).parent not in Path(path).parents:
        _check_version(path)
    return path


@functools.cache
def _check_version(path: str) -> None:
    """Raise `StreamError` where a binary is too old; one that has no number is new."""
    try:
        text = printed([path, "-version"])
    except StreamError:
        return  # whoever starts it says why it cannot be run
    number = re.match(r"ffmpeg version n?(\d+)\.(\d+)", text)
    if number is not None and (int(number[1]), int(number[2])) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise StreamError(
            f"{path}: is ffmpeg {number[1]}.{number[2]}, and {needed} is needed; "
            "unset IMAGEIO_FFMPEG_EXE, or set it to a newer one"
        )


def listing(*options: str) -> str:
    """Return what ffmpeg prints about itself, as for `-encoders`.

    Raises:
        StreamError: it is not there, cannot be run or is too old.
    """
    return printed([executable(), "-hide_banner", *options])


def printed(command: list[str], *, timeout_s: float = 60) -> str:
    """Return what a program prints that soon ends, as for ffmpeg's `-encoders`.

    Args:
        command: the program and its arguments.
        timeout_s: after which it is ended.

    Raises:
        StreamError: it is not there, cannot be run or fails.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=timeout_s
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StreamError(f"{command[0]}: cannot be run ({error})") from None
    return done.stdout


class Ffmpeg:
    """One running ffmpeg, in a process group of its own, so that Ctrl-C in a terminal spares it.

    A thread reads its log, so that it never waits for us there. Whoever starts it closes it. One
    that is read from ends with this program, however that ends; one that is written to ends at the
    end of its input, unless it has another input that goes on.

    Args:
        arguments: what follows the general options.
        pipe_in: `write` goes to its standard input, which is closed otherwise.
        pipe_out: `read_into` reads its standard output, which goes nowhere otherwise.
        on_line: called from the thread with each line of the log, and with `None` at its end.
        folder: that it runs in, from which relative paths lead on; by default that of the program.
        holds: open files that it inherits, see `segmentation.unfinished`.
        has_more: it is written to and reads something else as well, sound, and is interrupted when
            this program ends: no end of that need come soon.
        started_as: another program, and all that precedes `arguments`; one that writes a log.

    Attributes:
        num_errors: that it has reported so far.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        pipe_in: bool = False,
        pipe_out: bool = False,
        on_line: Callable[[str | None], None] | None = None,
        folder: Path | None = None,
        holds: Sequence[int] = (),
        has_more: bool = False,
        started_as: Sequence[str] = (),
    ) -> None:
        """Start the process."""
        command = [*(started_as or (executable(), *GENERAL_OPTIONS)), *arguments]
        self._title = Path(command[0]).name if started_as else "ffmpeg"
        if folder is not None and os.path.dirname(command[0]):
            command[0] = os.path.abspath(command[0])
        self._lifeline: Lifeline | None = None
        if pipe_out or has_more:
            self._lifeline = Lifeline(_KILL if pipe_out else signal.SIGINT)
        self._process = self._begin(command, pipe_in, pipe_out, folder, holds)
        if self._lifeline is not None:
            self._lifeline.tie(self._process.pid)
        self._on_line = on_line
        self.num_errors = 0
        self._errors: deque[str] = deque(maxlen=20)
        for pipe in (self._process.stdin, self._process.stdout):
            enlarge(pipe)
        self._log = threading.Thread(target=self._read_log, name="ffmpeg-log", daemon=True)
        self._log.start()

    def _begin(
        self,
        command: Sequence[str],
        pipe_in: bool,
        pipe_out: bool,
        folder: Path | None,
        holds: Sequence[int],
    ) -> subprocess.Popen[bytes]:
        held = None if self._lifeline is None else self._lifeline.reader
        no_input = subprocess.DEVNULL if held is None else held
        inherited = [*holds, held] if pipe_in and held is not None else holds
        try:
            return subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE if pipe_in else no_input,
                stdout=subprocess.PIPE if pipe_out else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                process_group=0,
                pass_fds=inherited if sys.platform != "win32" else (),
            )
        except OSError as error:
            self._cut_lifeline()
            raise StreamError(
                f"{command[0]}: cannot be run ({error.strerror}); check IMAGEIO_FFMPEG_EXE"
            ) from None

    @property
    def pid(self) -> int:
        """Process number, for tests and people."""
        return self._process.pid

    def _read_log(self) -> None:
        assert isinstance(self._process.stderr, io.RawIOBase)
        with io.BufferedReader(self._process.stderr) as log:
            for line in log:
                self._take_line(line.decode("utf-8", "replace").rstrip())
        if self._on_line is not None:
            self._on_line(None)

    def _take_line(self, line: str) -> None:
        for level in _ERROR_LEVELS:
            if level in line:
                self.num_errors += 1
                self._errors.append(line.partition(level)[2].strip())
        if self._on_line is not None:
            self._on_line(line)

    def read_into(self, buffer: memoryview) -> bool:
        """Fill `buffer` from standard output; return whether all of it could be filled."""
        assert isinstance(self._process.stdout, io.RawIOBase)
        filled = 0
        while filled < len(buffer):
            num_read = self._process.stdout.readinto(buffer[filled:])
            if not num_read:
                return False
            filled += num_read
        return True

    def read_rest(self) -> bytes:
        """Return all that is still to come from standard output."""
        assert isinstance(self._process.stdout, io.RawIOBase)
        return self._process.stdout.readall() or b""

    def write(self, data: bytes | memoryview) -> None:
        """Write all bytes of `data` to standard input.

        Raises:
            BrokenPipeError: ffmpeg has ended; `wait` and `failure` tell how.
        """
        write_all(self._process.stdin, data)

    def wait(self) -> int:
        """Close standard input, wait for the end and return the exit status (< 0: a signal)."""
        self._close_input()
        status = self._process.wait()
        self._log.join()
        return status

    def failure(self) -> str:
        """Say in a few words why the ended process failed, without secrets."""
        status = self._process.returncode
        if status is not None and status < 0:
            return f"{self._title} was ended by {signal.Signals(-status).name}"
        # the last but for those that say no more than that it failed
        errors = [error for error in self._errors if not error.startswith(_VAGUE)]
        return secrets_hidden(errors[-1]) if errors else f"{self._title} ended with status {status}"

    def has_reported(self, text: str) -> bool:
        """Return whether one of the last errors contains `text`."""
        return any(text in error for error in list(self._errors))

    def interrupt(self) -> None:
        """End the process with what it has read; its exit status is then `INTERRUPTED`."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End the process at once. May be called from any thread, and again."""
        self._process.kill()

    def close(self) -> None:
        """Kill the process if it still runs, and free pipes and thread. May be called again."""
        self._process.kill()
        self.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._cut_lifeline()

    def _cut_lifeline(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


def log_of(arguments: Sequence[str]) -> list[str]:
    """Run ffmpeg to its end and return the lines of its log.

    Where somebody ends it before, it is run once more.

    Raises:
        StreamError: ffmpeg is not there or cannot be run, or was ended again.
    """
    for _ in range(2):
        lines: list[str | None] = []
        process = Ffmpeg(arguments, on_line=lines.append)
        with closing(process):
            if process.wait() >= 0:
                return [line for line in lines if line]
    raise StreamError(f"{process.failure()} as it looked at what is to be read; begin again")
