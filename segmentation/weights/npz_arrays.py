"""The arrays of an .npz, whatever may be wrong with the file, and archives that claim too much."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError

#: Times its size, and bytes, that an archive may be unpacked to; weights hardly shrink
MAX_GROWTH, ALWAYS_ALLOWED = 4, 16_000_000
#: Bytes of the list of an archive's members, of which weights have a few thousand
MAX_DIRECTORY = 4_000_000
#: What Python and numpy raise on a file that is none of theirs, or damaged
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,  # of a way to compress that no program uses
    OSError,
    RuntimeError,  # encrypted
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: Path, expected: str) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a file by name, as float32.

    Args:
        path: of the file.
        expected: whose file it should be, for the message, such as "of weights".

    Raises:
        WeightsError: it is not there, or cannot be read as such.
    """
    try:
        num_bytes = path.stat().st_size
        with path.open("rb") as file:
            check_directory(file, num_bytes)
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                if sum(each.file_size for each in members) > allowed_bytes(num_bytes):
                    raise WeightsError(f"{path}: claims to hold far more than it is long")
                return {
                    member.filename.removesuffix(".npy"): _array(archive, member)
                    for member in members
                }
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file; check the path") from error
    except _DAMAGE as error:
        raise WeightsError(f"{path}: no .npz {expected}, or cut off") from error


def allowed_bytes(num_bytes: int) -> int:
    """Return to how many bytes a file of weights of so many may be unpacked."""
    return MAX_GROWTH * num_bytes + ALWAYS_ALLOWED


def check_directory(file: IO[bytes], num_bytes: int) -> None:
    """Raise `ValueError` where an archive lists more members than weights have.

    Python makes an object of each before anybody can look (APPNOTE.TXT, section 4.3.16).

    Args:
        file: the archive, which is read from its beginning afterwards.
        num_bytes: its size.
    """
    file.seek(max(0, num_bytes - 22 - 65535 - 76))
    tail = file.read()
    file.seek(0)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        return  # no archive, as is said elsewhere
    (size,) = struct.unpack_from("<I", tail, end + 12)
    wide = tail.rfind(b"PK\x06\x06", 0, end)
    if size == 0xFFFFFFFF and wide >= 0 and len(tail) >= wide + 48:
        (size,) = struct.unpack_from("<Q", tail, wide + 40)
    if size > MAX_DIRECTORY:
        raise ValueError(f"lists {size} bytes of members")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[np.float32]:
    """Return an array of numbers, of which no more is reserved than the member has bytes."""
    with archive.open(member) as file:
        shape, in_columns, dtype = _head(file)
        num_bytes = math.prod(shape) * dtype.itemsize
        if dtype.kind not in "fiub" or num_bytes > member.file_size or min(shape, default=0) < 0:
            raise ValueError(f"{member.filename} is no array of numbers")
        data = file.read(num_bytes)
    values: NDArray[Any] = np.frombuffer(data, dtype)
    return values.reshape(shape, order="F" if in_columns else "C").astype(np.float32)


def _head(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"an array of the version {version}")
