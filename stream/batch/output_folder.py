"""The folder of the outputs of a batch, on a disk or in an object store."""

from __future__ import annotations

from pathlib import Path

from stream.batch.jobs.records import HIDDEN
from stream.errors import StreamError
from stream.files import outputs
from stream.stores.addresses import Place

_PROBE = "writable"


def make_writable(folder: Place) -> None:
    """Make the folder, where there are folders, and try to write to it.

    Raises:
        StreamError: it cannot be written to.
    """
    if not isinstance(folder, Path):
        from stream.stores.objects import check_bucket, delete, write

        check_bucket(folder)
        write(b"", folder / HIDDEN / _PROBE)
        delete(folder / HIDDEN / _PROBE)
        return
    if folder.exists() and not folder.is_dir():
        raise StreamError(f"{folder}: is a file; name a folder for the outputs")
    outputs.make_folder(folder)
    probe = folder / HIDDEN / _PROBE
    with outputs.writing(folder):
        probe.parent.mkdir(exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # other parts of the batch may begin at the same moment


def save(data: bytes, place: Place) -> None:
    """Write a small file, which is there whole or not at all.

    Raises:
        StreamError: it cannot be written.
    """
    if isinstance(place, Path):
        outputs.save(data, place)
        return
    from stream.stores.objects import write

    write(data, place)
