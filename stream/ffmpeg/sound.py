"""The sound that belongs to a stream of frames, as an input of the ffmpeg that writes them."""

from __future__ import annotations

from stream.ffmpeg.header import sound_codecs
from stream.ffmpeg.inputs import input_options
from stream.ffmpeg.process import log_of

#: Where the clock of joined recordings starts over or jumps far ahead, each packet follows the one
#: before, as the picture's frames do: `stream.sources.clock`.
_GO_ON = (
    "setts=ts=if(N\\,if(between(DTS-PREV_INDTS\\,-1/TB\\,3600/TB)\\,"
    "PREV_OUTDTS+DTS-PREV_INDTS\\,PREV_OUTDTS+PREV_INDURATION)\\,DTS)"
)


def probe_sound(address: str) -> list[str]:
    """Return the codec of each track of sound, none where the file cannot be opened any more."""
    return sound_codecs(log_of(input_options(address)))


def sound_input(address: str, origin_s: float, *, from_s: float = 0.0) -> list[str]:
    """Return ffmpeg's arguments that read the sound of `address`.

    Args:
        address: a file or stream, as in `StreamInfo.sound`.
        origin_s: time on the sound's clock that becomes 0.
        from_s: time on the sound's clock before which nothing is read.
    """
    seek = ["-ss", f"{from_s:.6f}"] if from_s > 0 else []
    return [*seek, "-bsf:a", _GO_ON, "-itsoffset", f"{-origin_s:.6f}", *input_options(address)]
