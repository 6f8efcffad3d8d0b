"""By which it is seen that a file is still the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stream.stores.addresses import Place


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of a file without reading it.

    Attributes:
        num_bytes: its size.
        mtime_ns: when it was changed.
        etag: what an object store calls its content, "" on a disk.
    """

    num_bytes: int
    mtime_ns: int
    etag: str = ""

    @classmethod
    def of(cls, place: Place) -> SourceState:
        """Look at a file.

        Raises:
            OSError: it is not there.
            StreamError: its object store cannot be asked.
        """
        if isinstance(place, Path):
            state = place.stat()
            return cls(state.st_size, state.st_mtime_ns)
        from stream.stores.objects import state_of

        found = state_of(place)
        return cls(found.num_bytes, found.mtime_ns, found.etag)
