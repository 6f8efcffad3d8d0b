"""By which it is seen that a file is still the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileState:
    """What is known of a file without reading it.

    Attributes:
        num_bytes: its size.
        mtime_ns: when it was changed; of an object to the second, 0 where its store does not say.
        etag: what an object store calls its content, "" on a disk and where it has no name for it.
    """

    num_bytes: int
    mtime_ns: int
    etag: str = ""
