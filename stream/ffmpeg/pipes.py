"""Pipes that pictures go through."""

from __future__ import annotations

import io
import sys
from typing import IO

_PIPE_BYTES = 1 << 20


def enlarge(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold a good part of a frame, so that both ends wake up less often."""
    if pipe is None or sys.platform != "linux":
        return
    import fcntl

    try:
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except PermissionError:
        # The user's share of pipe memory is used up; the default size works as well.
        return


def write_all(pipe: IO[bytes] | None, data: bytes | memoryview) -> None:
    """Write all bytes of `data`, to a pipe without a buffer.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    assert isinstance(pipe, io.RawIOBase)
    rest = memoryview(data)
    while rest:
        rest = rest[pipe.write(rest) :]
