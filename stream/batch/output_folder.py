"""The folder of the outputs of a batch, on a disk or in an object store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from segmentation.unfinished import Unfinished, discard_left_behind
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


def told_as_one(groups: Sequence[Sequence[PurePath]], folder: Path) -> list[int]:
    """Return the numbers of those groups of which the disk takes several names for the same.

    It is tried: disks differ in which letters have capitals, and in which have several forms.

    Args:
        groups: of names below the folder, all different.
        folder: which can be written to.

    Raises:
        StreamError: it cannot be any more.
    """
    if not groups:
        return []
    target = folder / HIDDEN / "names"
    discard_left_behind(target)
    probe, together = Unfinished(target), list[int]()
    try:
        with outputs.writing(folder):
            probe.hold_folder()
            for number, names in enumerate(groups):
                paths = [probe.path / str(number) / name for name in names]
                try:
                    for path in paths:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.touch(exist_ok=False)
                except FileExistsError:
                    together.append(number)
    finally:
        probe.discard()
    return together


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
