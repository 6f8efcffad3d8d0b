"""The source once more, as an input of the ffmpeg that writes its frames: sound and subtitles."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from stream.contents import Contents, Track
from stream.ffmpeg.inputs import input_options, is_network_address
from stream.ffmpeg.process import Ffmpeg

#: Where a clock starts over or jumps far ahead that ffmpeg does not mend, each packet follows the
#: one before, as the picture's frames do: `stream.sources.clock`.
_GO_ON = (
    "setts=ts=if(N\\,if(between(DTS-PREV_INDTS\\,-1/TB\\,3600/TB)\\,"
    "PREV_OUTDTS+DTS-PREV_INDTS\\,PREV_OUTDTS+PREV_INDURATION)\\,DTS)"
)
#: What keeps a track that is full of faults from ending the whole.
TOLERANT = ("-max_error_rate", "1")
_NO_PACKETS = re.compile(r" Input stream #\S+ \(audio\): 0 packets read")
_DECODED = re.compile(r" Input stream #\S+ \(audio\): .* (\d+) frames decoded; (\d+) decode errors")
#: What a muxer says of packets that it does not write. A recording may begin with a few of them.
_REFUSED = re.compile(r"\[mp4 @ \S+\] (\[error\] |\[warning\] Dropping invalid packet)")
_MAX_REFUSED = 10
#: As fast as it is played, and a little ahead, so that no picture waits for it.
_PACE = ("-readrate", "1", "-readrate_initial_burst", "2")
_PATIENCE_S = 10.0  # for the first sound of a track, and for trying some of it
_TRIED_S = 10.0  # of a track, to see how much of it is damaged


def source_input(
    contents: Contents, origin_s: float, *, from_s: float = 0.0, is_paced: bool = False
) -> list[str]:
    """Return ffmpeg's arguments that read what belongs to the frames of a source.

    Frames must be given with `FrameFeed.input_options` of the same `Contents.is_joined`.

    Args:
        contents: of the source.
        origin_s: time of its frames that becomes 0.
        from_s: time of its frames before which nothing is read.
        is_paced: a file is read as fast as it is played: its frames come no faster. The log tells
            the time of each packet of sound that is read.
    """
    pace = _PACE if is_paced and not is_network_address(contents.address) else ()
    seek = [*pace, *(["-ss", f"{from_s:.6f}"] if from_s > 0 else [])]
    told = ["showinfo"] if is_paced else []
    if contents.is_joined:
        # ffmpeg counts from the start, or from where it has sought
        options = [*seek, "-itsoffset", f"{max(0.0, from_s) - origin_s:.6f}"]
        options += ["-bsf:a", *told] if told else []
        return [*options, *_opened(contents, keeps_clock=False)]
    offset = ["-itsoffset", f"{-contents.start_s - origin_s:.6f}"]
    changes = [_GO_ON, *told]
    if is_paced and from_s > 0:
        # ffmpeg would leave out what is encoded until `from_s` in times that the offset has moved
        seek = ["-noaccurate_seek", *seek]
        changes.insert(1, f"noise=drop=lt((pts+d)*tb\\,{from_s - origin_s:.6f})")
    return [*seek, "-bsf:a", ",".join(changes), *offset, *_opened(contents)]


def _opened(contents: Contents, *, keeps_clock: bool = True) -> list[str]:
    """Return ffmpeg's arguments that open once more what frames come from."""
    address, is_playlist = contents.address, contents.is_playlist
    return input_options(address, keeps_clock=keeps_clock, is_playlist=is_playlist)


def clock_output(contents: Contents, source: int) -> list[str]:
    """Return ffmpeg's arguments that let it see all by which it mends the clock of a source.

    Args:
        contents: of the source.
        source: number of the input that it is.
    """
    if not contents.is_joined:
        return []
    tracks = [part for index in contents.clock_tracks for part in ("-map", f"{source}:{index}")]
    return [*tracks, "-c", "copy", *NOWHERE]


#: An output of packets that is thrown away, at times that rise, as the muxer wants it.
NOWHERE = ("-bsf", "setts=ts=N", "-f", "null", "-")


def why_no_sound(contents: Contents, track: Track, encoding: Sequence[str]) -> str:
    """Say why nothing of a track can be encoded, "" where it can: by opening and decoding it.

    What has not come within ten seconds of reading is taken for late where the file describes it.

    Args:
        contents: of the source.
        track: of sound.
        encoding: ffmpeg's arguments that encode it.
    """
    arguments = [*_opened(contents), *TOLERANT, "-map", f"0:{track.index}"]
    arguments += [*encoding, "-f", "data", "pipe:1"]
    for _ in range(2):
        tried = _try(arguments)
        if not tried.was_killed:
            break
    if tried.has_come or (tried.was_late and track.is_known):
        return ""
    if tried.was_killed:
        return "cannot be tried: ffmpeg was killed twice"
    return "never comes" if tried.was_late or not tried.has_packets else "cannot be decoded"


def can_be_copied(contents: Contents, track: Track) -> bool:
    """Return whether an MP4 takes each packet of a track, by reading all of them.

    What lies on a network is not read once more for that.

    Args:
        contents: of the source.
        track: of sound.
    """
    if is_network_address(contents.address):
        return True
    arguments = [*_opened(contents), "-map", f"0:{track.index}", "-c", "copy"]
    arguments += ["-bsf", "setts=ts=N", "-movflags", "+frag_keyframe+delay_moov"]
    num_refused = 0

    def look(line: str | None) -> None:
        nonlocal num_refused
        num_refused += line is not None and bool(_REFUSED.match(line))

    with closing(Ffmpeg([*arguments, "-f", "mp4", "pipe:1"], on_line=look)) as process:
        return process.wait() <= 0 and num_refused <= _MAX_REFUSED


def is_mostly_damaged(contents: Contents, track: Track, from_s: float) -> bool:
    """Return whether less than half of ten seconds of a track can be decoded.

    What comes from a network is not read once more for that. Of what is not found out in ten
    seconds, as where the rest of a large file has no more sound, the best is assumed.

    Args:
        contents: of the source.
        track: of sound.
        from_s: where in the source the ten seconds begin.
    """
    if is_network_address(contents.address):
        return False
    seek = ["-ss", f"{from_s:.6f}"] if from_s > 0 else []
    arguments = [*seek, "-t", str(_TRIED_S), *_opened(contents), *TOLERANT]
    counts: list[tuple[int, int]] = []

    def look(line: str | None) -> None:
        if line is not None and (found := _DECODED.search(line)):
            counts.append((int(found[1]), int(found[2])))

    with closing(Ffmpeg([*arguments, "-map", f"0:{track.index}", *NOWHERE], on_line=look)) as tried:
        timer = threading.Timer(_PATIENCE_S, tried.kill)
        timer.start()
        tried.wait()
        timer.cancel()
        timer.join()
    return any(num_errors > num_decoded for num_decoded, num_errors in counts)


class _Tried(NamedTuple):
    """What came of decoding the beginning of a track.

    `was_late`: nothing came in time; `was_killed`: somebody else ended ffmpeg.
    """

    has_come: bool
    has_packets: bool
    was_late: bool
    was_killed: bool


def _try(arguments: Sequence[str]) -> _Tried:
    has_packets, is_late = True, threading.Event()

    def look(line: str | None) -> None:
        nonlocal has_packets
        has_packets = has_packets and not (line is not None and _NO_PACKETS.search(line))

    with closing(Ffmpeg(arguments, pipe_out=True, on_line=look)) as process:

        def give_up() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(_PATIENCE_S, give_up)
        timer.start()
        has_come = bool(process.read_into(memoryview(bytearray(1))))
        timer.cancel()
        timer.join()
        ended = 0 if has_come else process.wait()
    return _Tried(has_come, has_packets, is_late.is_set(), ended < 0 and not is_late.is_set())
