"""Files of a folder that get their names together, once all of them are whole."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from segmentation.unfinished import renamed, sync, sync_one


def put_all_in_place(part: Path, folder: Path, *, replaces: bool = True) -> None:
    """Move all files in the folder `part`, each whole, to `folder`, as `put_in_place` moves one.

    Those in folders of it come into folders of the same names, before those in itself, which may
    tell of them. Without `replaces` all stay where they are if one of the names is taken.

    Raises:
        FileExistsError: one of the names is taken.
        OSError: one cannot be written to the disk or renamed.
    """
    sync(part)
    files = [path for path in part.rglob("*") if not path.is_dir()]
    made: set[Path] = set()
    moved: list[tuple[Path, Path]] = []
    try:
        for path in sorted(files, key=lambda path: -len(path.parts)):
            target = folder / path.relative_to(part)
            if not target.parent.is_dir():
                target.parent.mkdir(exist_ok=True)
                made.add(target.parent)
            if replaces:
                os.replace(path, target)
            elif renamed(path, target):
                moved.append((path, target))
            else:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    except OSError:
        for path, target in moved:
            with contextlib.suppress(OSError):
                os.rename(target, path)
        raise
    finally:
        for each in made:
            with contextlib.suppress(OSError):  # it stays where something is in it
                each.rmdir()
    for each in (*made, folder):
        sync_one(each)
