"""What there is in an object store, and small objects as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stream.errors import StreamError
from stream.stores.failures import tried
from stream.stores.file_state import FileState

if TYPE_CHECKING:
    from upath import UPath


# what the stores call the time at which an object was written, and what is in it
_WRITTEN = ("LastModified", "last_modified", "updated", "mtime")
_CONTENT = ("ETag", "etag", "md5Hash", "content_md5")


def state_of(place: UPath) -> FileState:
    """Look at an object.

    Raises:
        FileNotFoundError: there is none.
        StreamError: see `tried`.
    """

    def look() -> dict[str, Any]:
        info: dict[str, Any] = place.fs.info(place.path)
        if info.get("type") == "directory":
            raise FileNotFoundError(f"{place}: is a folder")
        return info

    return _state(tried(look, place, "cannot be read"))


def objects_below(place: UPath) -> dict[UPath, FileState]:
    """Return all objects whose names begin with that of a folder, in order; none where it is not.

    Raises:
        StreamError: see `tried`.
    """

    def find() -> dict[str, dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, dict[str, Any]] = place.fs.find(place.path, detail=True)
            return found
        return {}

    infos, top = tried(find, place, "cannot be listed"), place.path.rstrip("/")
    names = [
        name
        for name, info in infos.items()
        if info.get("type") != "directory" and not name.endswith("/") and name != top
    ]
    return {_named(place, name): _state(infos[name]) for name in sorted(names)}


def matching(place: UPath) -> list[UPath]:
    """Return the objects and folders that a glob names.

    Raises:
        StreamError: see `tried`.
    """
    found = tried(lambda: place.fs.glob(place.path), place, "cannot be listed")
    return [_named(place, name) for name in sorted(found)]


def read(place: UPath) -> bytes:
    """Return what is in an object.

    Raises:
        FileNotFoundError: there is none.
        StreamError: see `tried`.
    """
    data: bytes = tried(lambda: place.fs.cat_file(place.path), place, "cannot be read")
    return data


def read_all(places: Sequence[UPath]) -> Iterator[tuple[UPath, bytes]]:
    """Yield many objects of one store and what is in each, but for those that cannot be read."""
    if not places:
        return
    paths = [place.path for place in places]
    found = tried(lambda: places[0].fs.cat(paths, on_error="return"), places[0], "cannot be read")
    by_path = {place.path: place for place in places}
    yield from ((by_path[path], data) for path, data in found.items() if isinstance(data, bytes))


def write(data: bytes, place: UPath) -> None:
    """Put an object, which is there whole or not at all.

    Raises:
        StreamError: see `tried`; or there is no such bucket.
    """
    with into_bucket(place):
        tried(lambda: place.fs.pipe_file(place.path, data), place, "cannot be written")


def delete(place: UPath) -> None:
    """Delete an object, if it is there.

    Raises:
        StreamError: see `tried`.
    """
    with contextlib.suppress(FileNotFoundError):
        tried(lambda: place.fs.rm_file(place.path), place, "cannot be deleted")


def check_bucket(place: UPath) -> None:
    """Ask whether there is a bucket for an object, which may take hours to be made.

    Raises:
        StreamError: there is none; or see `tried`.
    """

    def look() -> None:
        with contextlib.suppress(PermissionError):  # to ask, which may be permitted to few
            place.fs.info(place.path.partition("/")[0])

    with into_bucket(place):
        tried(look, place, "cannot be written")


@contextlib.contextmanager
def into_bucket(place: UPath) -> Iterator[None]:
    """Turn what is not found as an object is written into a line of `StreamError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise StreamError(f"{place}: cannot be written (there is no such bucket)") from error


def _named(place: UPath, name: str) -> UPath:
    """Return the place in the same store with a name, which may have empty parts, "." and ".."."""
    named: UPath = type(place)(f"{place.protocol}://{name}", **place.storage_options)
    return named


def _state(info: Mapping[str, Any]) -> FileState:
    written = next((info[key] for key in _WRITTEN if info.get(key)), None)
    if isinstance(written, str):
        written = datetime.fromisoformat(written)
    seconds = int(written.timestamp()) if isinstance(written, datetime) else 0
    etag = next((str(info[key]) for key in _CONTENT if info.get(key)), "")
    return FileState(int(info["size"]), seconds * 10**9, etag.strip('"'))
