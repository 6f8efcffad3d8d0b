"""The command line of maskcast.

python run.py                            webcam -> window, background blurred
python run.py talk.mp4 -o out.mp4        file -> file, sound kept
python run.py demo: -o demo.mp4          neither camera nor file needed
python run.py models                     the networks, and which weights are on disk
python run.py train portrait --data DIR  train the bundled network anew
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import errno
import importlib
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial

# before numpy comes: its products are small here, and threads that wait for them keep spinning
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# before OpenCV comes: what it could not do with a file or a camera is told in a line of our own
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")


def program() -> None:
    """Run the command and end the process with its exit code, whatever its threads still do.

    A network cannot be interrupted. The interpreter, when it ends, would end a thread that is in
    one inside of its C++, which aborts the process instead.
    """
    _have_standard_files()
    sys.unraisablehook = _raise_again
    code = main()
    if any(thread.daemon for thread in threading.enumerate()):
        atexit._run_exitfuncs()  # such as ending child processes
        for written in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # whoever read it is gone
                written.flush()
        os._exit(code)
    sys.exit(code)


def _have_standard_files() -> None:
    """Let standard input, output and error lead nowhere where who started this has closed them.

    Their numbers would be those of the next files, and what a library prints would go into an
    output or an encoder.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number


def _raise_again(unraised: sys.UnraisableHookArgs) -> None:
    """Let Ctrl-C come a moment later that came in a destructor, out of which nothing is raised.

    Python makes such calls of its own while it imports.
    """
    if not isinstance(unraised.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraised)
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handle)  # once: to the others it would be that which came already
    # from the outside where that can be, so that what is waiting hears it
    again = signal.raise_signal if sys.platform == "win32" else partial(os.kill, os.getpid())
    later = threading.Timer(0.02, again, (signal.SIGINT,))
    later.daemon = True
    later.start()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 1 (could not), 2 (wrong command) or 130."""
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return 130


# What follows is imported where Ctrl-C is handled: that may take a while, and people are impatient.


def _main(arguments: list[str]) -> int:
    from stream.commands.parts.command_line import COMMANDS, CommandError, say
    from stream.commands.parts.error_line import one_line
    from stream.commands.parts.interruption import begin, given_up
    from stream.ffmpeg.address_secrets import secrets_hidden

    begin()
    try:
        if arguments and arguments[0] in COMMANDS:
            return run_command(arguments)
        _check_first_word(arguments)
        from stream.commands.cast import cast

        return cast(arguments)
    except Exception as error:
        if given_up.is_set():
            return 130
        if "--debug" in arguments:
            raise
        say(f"error: {secrets_hidden(one_line(error))}")
        return 2 if isinstance(error, CommandError) else 1


def _check_first_word(arguments: Sequence[str]) -> None:
    """Raise `CommandError` where it is a command misspelt, which would be taken for a file."""
    from stream.commands.parts.command_line import COMMANDS, CommandError

    word = arguments[0] if arguments else ""
    is_name = re.fullmatch(r"[A-Za-z_-]+", word) is not None and not word.startswith("-")
    close = difflib.get_close_matches(word.lower(), COMMANDS, 1) if is_name else []
    if close and not os.path.exists(word):
        raise CommandError(f"{word}: no such file; did you mean the command {close[0]}?")


def run_command(arguments: Sequence[str]) -> int:
    """Run one of `COMMANDS`, whose results go to standard output."""
    from stream.commands.parts.command_line import write_no_more

    command = importlib.import_module(f"stream.commands.{arguments[0]}")
    try:
        code = int(command.run(arguments[1:]))
        try:
            print(end="", flush=True)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            write_no_more(sys.stdout)  # a terminal that has closed, which ended the command
    except BrokenPipeError:  # whoever read the results has enough, as `head` has
        write_no_more(sys.stdout)
        return 1
    return code


if __name__ == "__main__":
    program()
