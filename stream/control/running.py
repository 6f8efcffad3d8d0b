"""Where a program that runs with a control page can be reached: a file that only its user reads."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from segmentation.user_folders import user_runtime
from stream.errors import StreamError
from stream.files.outputs import save, writing

_PREFIX, _ENDING = "control-", ".json"


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs.

    Attributes:
        address: of its API, such as "http://127.0.0.1:8090".
        token: that has to be named there, `None` for none.
        certificate: SHA-256 of the certificate it shows, 64 hexadecimal digits, `None` without TLS.
        pid: its process number.
        source: what it reads, for people, without secrets.
    """

    address: str
    token: str | None
    certificate: str | None
    pid: int
    source: str

    @property
    def has_ended(self) -> bool:
        """Whether it is gone for sure; what listens there now is none of it."""
        if os.name != "posix":  # where this would end it
            return False
        try:
            os.kill(self.pid, 0)
        except OSError:  # not there, or the number of somebody else's by now
            return True
        return False

    @property
    def port(self) -> int:
        """Of the address."""
        return int(self.address.rpartition(":")[2])

    def note(self) -> Path:
        """Write the file; returns its path.

        Raises:
            StreamError: it cannot be written.
        """
        folder = user_runtime()
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{_PREFIX}{self.port}{_ENDING}"
        save(json.dumps(asdict(self)).encode(), path, is_private=True)
        return path


def forget(path: Path) -> None:
    """Delete the file of a program that ends, unless another one has taken its place."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        if json.loads(path.read_bytes()).get("pid") == os.getpid():
            path.unlink()


def running() -> dict[Path, Running]:
    """Return the programs of this user that run with a control page, by their files.

    Those that were killed may be among them.

    Raises:
        StreamError: the folder cannot be read.
    """
    try:
        paths = sorted(user_runtime().glob(f"{_PREFIX}*{_ENDING}"))
    except OSError as error:
        raise StreamError(f"{user_runtime()}: cannot be read ({error.strerror})") from error
    found = {}
    for path in paths:
        with contextlib.suppress(OSError, ValueError, TypeError):
            if os.name == "posix" and path.stat().st_uid != os.getuid():
                continue
            found[path] = Running(**json.loads(path.read_bytes()))
    return found
