"""What libraries print of their own."""

from __future__ import annotations

import os
import sys
import threading

from stream.photo.library_lines import taken


def test_lines_are_taken_and_others_printed_afterwards(capfd) -> None:  # type: ignore[no-untyped-def]
    print("before", file=sys.stderr)
    with taken((b"Corrupt",)) as lines:
        os.write(2, b"Corrupt JPEG data: bad\n")
        other = threading.Thread(target=os.write, args=(2, b"of another thread\n"))
        other.start()
        other.join()
        assert capfd.readouterr().err == "before\n"
    print("after", file=sys.stderr)
    assert lines == ["Corrupt JPEG data: bad"]
    assert capfd.readouterr().err == "of another thread\nafter\n"


def test_errors_leave_standard_error_as_it_was(capfd) -> None:  # type: ignore[no-untyped-def]
    try:
        with taken((b"Corrupt",)):
            raise ValueError
    except ValueError:
        print("after", file=sys.stderr)
    assert capfd.readouterr().err == "after\n"


def test_without_standard_error_all_goes_on() -> None:
    terminal = os.dup(2)
    os.close(2)
    try:
        with taken((b"Corrupt",)) as lines:
            pass
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
    assert lines == []
