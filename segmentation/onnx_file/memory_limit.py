"""A limit to the memory that reading a file may take.

While OpenVINO reads a network it works out what depends on constants alone. A file of 200 bytes can
make that a list of 400 million numbers, which takes 10 GB.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

_STATUS = Path("/proc/self/status")


@contextlib.contextmanager
def at_most(num_bytes: int) -> Iterator[None]:
    """Let this process take so many bytes more in this block, where the system can tell: Linux.

    What wants more gets none, so that libraries raise an error. It holds for all threads, and so is
    for the moments before a stream begins.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _held() + num_bytes
    is_lower = soft == resource.RLIM_INFINITY or wanted < soft
    try:
        if is_lower:
            resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _held() -> int:
    """Return the bytes that the limit counts and this process has."""
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024
