"""What object stores refuse, in one line, and what is worth another try."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from stream.errors import StreamError
from stream.ffmpeg.address_secrets import secrets_hidden
from stream.stores.addresses import Place, kind_of

T = TypeVar("T")

#: Before each further try, in seconds. The packages beneath try again by themselves, for shorter.
PAUSES_S = (1.0, 4.0)
_FINAL = (PermissionError, IsADirectoryError, NotADirectoryError)
_NO_CREDENTIALS = ("NoCredentials", "DefaultCredentials", "PartialCredentials", "ProfileNotFound")


def tried(action: Callable[[], T], place: Place, what: str) -> T:
    """Do something in a store, again where it may have been an accident.

    Args:
        action: does it, from the start.
        place: with which.
        what: it is, after the address: "cannot be read".

    Raises:
        FileNotFoundError: there is no such object.
        StreamError: it does not work, also after some tries.
    """
    for pause_s in (*PAUSES_S, None):
        try:
            return action()
        except StreamError:
            raise
        except FileNotFoundError:
            raise
        except Exception as error:  # of whatever package is beneath
            if pause_s is None or isinstance(error, _FINAL) or _lacks_credentials(error):
                raise StreamError(f"{place}: {what} ({reason(error, place)})") from error
            time.sleep(pause_s)
    raise AssertionError("unreachable")


def reason(error: Exception, place: Place) -> str:
    """Return why something failed, in one line without secrets."""
    kind = kind_of(place)
    if kind is not None and _lacks_credentials(error):
        return f"no credentials: set {kind.credentials}"
    if isinstance(error, PermissionError):
        return "the store does not permit it"
    text = secrets_hidden(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."


def _lacks_credentials(error: Exception) -> bool:
    name = type(error).__name__
    return any(name.startswith(each) for each in _NO_CREDENTIALS)
