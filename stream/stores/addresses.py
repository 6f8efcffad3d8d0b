"""Addresses of what lies in object stores, and the packages that know those."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from segmentation.pip_command import install_extra
from stream.errors import StreamError

if TYPE_CHECKING:
    from upath import UPath

#: A file or folder: on this machine's disks a `Path`, in an object store what `place` gives.
Place: TypeAlias = "Path | UPath"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object store.

    Attributes:
        extra: of this project, which installs what knows it.
        credentials: where these come from, for people.
        options: of its file system in fsspec.
        transfer: of `get_file` and `put_file` there.
    """

    extra: str
    credentials: str
    options: dict[str, Any]
    transfer: dict[str, Any]


# few bytes at once: those of a part that is sent lie in memory, ten parts at a time
_S3 = Kind(
    "s3",
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or FSSPEC_S3_ANON=true for public "
    "buckets",
    {"config_kwargs": {"retries": {"mode": "standard", "max_attempts": 2}}},
    {"chunksize": 8 << 20},
)
_GOOGLE = Kind("gs", "GOOGLE_APPLICATION_CREDENTIALS or gcloud's login", {}, {})
_AZURE = Kind(
    "az", "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and _KEY", {}, {}
)
_SIGNED_S = 3600
_UNCACHED = {"use_listings_cache": False}  # others write to the same store
#: By what an address begins with.
KINDS = {"s3": _S3, "gs": _GOOGLE, "az": _AZURE}


def is_in_store(address: str | os.PathLike[str] | Place) -> bool:
    """Return whether an address is of an object store."""
    return kind_of(address) is not None


def kind_of(address: str | os.PathLike[str] | Place) -> Kind | None:
    """Return the kind of store that an address is of, `None` where it is of none."""
    scheme, separator, _ = str(address).partition("://")
    return KINDS.get(scheme.lower()) if separator else None


def place(address: str | os.PathLike[str] | Place) -> Place:
    """Return the place with an address.

    Raises:
        StreamError: it names no bucket, or what knows its store is not installed.
    """
    kind = kind_of(address)
    if kind is None:
        return Path(str(address))
    scheme, _, rest = str(address).partition("://")
    if not rest.strip("/"):
        raise StreamError(f"{address}: names no bucket; complete it, as in {scheme}://bucket/name")
    try:
        from upath import UPath

        options: Any = _UNCACHED | kind.options
        found: UPath = UPath(f"{scheme.lower()}://{rest}", **options)
        _ = found.fs  # which imports what knows the store
    except ImportError as error:
        remedy = install_extra(kind.extra)
        raise StreamError(f"{address}: needs packages that are not here; {remedy}") from error
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise StreamError(f"{address}: {reason}; set {kind.credentials}") from error
    return found


def address_for_ffmpeg(place: Place) -> str:
    """Return the address under which ffmpeg reads a file where it lies.

    That of an object store is signed, for an hour: whoever has it can read the file.

    Raises:
        StreamError: the store signs none.
    """
    if isinstance(place, Path):
        return f"file:{place}"
    try:
        return str(place.fs.sign(place.path, expiration=_SIGNED_S))
    except Exception as error:  # of whatever package is beneath
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StreamError(f"{place}: cannot be looked at where it lies ({reason})") from error


def absolute(place: Place) -> Place:
    """Return a place as it is called in any folder."""
    return Path(os.path.abspath(place)) if isinstance(place, Path) else place


def local(place: Place) -> Path:
    """Return a place that is known to lie on this machine's disk."""
    assert isinstance(place, Path)
    return place


def below(place: Place, folder: Place) -> PurePath:
    """Return what the name of a place adds to that of a folder.

    Raises:
        ValueError: it does not lie below it.
    """
    if isinstance(place, Path):
        return place.relative_to(str(folder))
    return PurePosixPath(place.path).relative_to(str(getattr(folder, "path", folder)))


def identity(place: Place) -> Place:
    """Return the same for all names of a file, links being followed."""
    return Path(os.path.realpath(place)) if isinstance(place, Path) else place
