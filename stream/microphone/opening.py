"""The microphone of a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from stream.errors import StreamError
from stream.frame import StreamInfo
from stream.microphone.devices import ways
from stream.microphone.microphone import Microphone
from stream.microphone.option import parse_sound


def open_microphone(
    sound: str | None, info: StreamInfo, on_message: Callable[[str], None], stack: ExitStack
) -> Microphone | None:
    """Return what is heard beside a live picture, `None` where nothing is to be.

    Args:
        sound: `mic[:NAME][,delay=MS]`, `None` for silence.
        info: of the source.
        on_message: told, in one line each, what becomes of the microphone.
        stack: closes it.

    Raises:
        StreamError: the source is a file, or nothing here can record a microphone.
        ValueError: something else than a microphone is asked for.
    """
    if sound is None:
        return None
    try:
        wanted = parse_sound(sound)
    except ValueError as error:
        raise ValueError(f"sound: {error}") from error
    if not info.live or info.contents is not None:
        raise StreamError(
            f"--sound {sound}: is for cameras, the screen and live streams; a file has its own "
            "sound, leave it out"
        )
    ways()
    microphone = Microphone(wanted, on_message)
    stack.callback(microphone.close)
    microphone.open()
    return microphone
