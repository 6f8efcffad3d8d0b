"""What is known of a file without reading it, wherever it lies."""

from __future__ import annotations

from pathlib import Path

from stream.stores.addresses import Place
from stream.stores.file_state import FileState


def source_state(place: Place) -> FileState:
    """Look at a file.

    Raises:
        OSError: it is not there.
        StreamError: its object store cannot be asked.
    """
    if isinstance(place, Path):
        state = place.stat()
        return FileState(state.st_size, state.st_mtime_ns)
    from stream.stores.objects import state_of

    return state_of(place)


def size_of(place: Place) -> int | None:
    """Return the bytes of what has a name, `None` where nothing has it."""
    try:
        return source_state(place).num_bytes
    except OSError:
        return None
