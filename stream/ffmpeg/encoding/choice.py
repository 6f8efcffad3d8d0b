"""Which codec and encoder an output gets: what was asked for, or a line that says why not."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

from stream.errors import StreamError
from stream.ffmpeg.encoding.codecs import CODECS, Codec, Encoding
from stream.ffmpeg.encoding.encoders import AUTO, HARDWARE, SOFTWARE, SOFTWARE_ENCODER
from stream.ffmpeg.encoding.formats import FORMATS
from stream.ffmpeg.process import Ffmpeg, executable, listing
from stream.frame import Colour

TRIAL_S = 20.0  # how long a driver may take for one frame
_ENCODER = re.compile(r"^ V\S{5} (\S+)", re.MULTILINE)
# of lines that say why; a library that is missing ends ffmpeg
_MARKS = ("[error] ", "via dlopen: ")
# that tell no more than that it failed
_VAGUE = ("Nothing was written", "Error while opening encoder", "Task finished", "Terminating")


def choose(
    name: str,
    ending: str,
    size_hw: tuple[int, int],
    *,
    codec: str | None = None,
    encoder: str = SOFTWARE_ENCODER,
    depth: int = 8,
    has_alpha: bool = False,
    on_message: Callable[[str], None] = lambda text: None,
) -> Encoding:
    """Return how an output is encoded.

    Args:
        name: of the output, for people.
        ending: of its container, a key of `FORMATS`.
        size_hw: height and width of the pictures.
        codec: one of `VIDEO_CODECS`, `None` for what the container has unless told otherwise.
        encoder: one of `ENCODERS`.
        depth: bits a channel.
        has_alpha: there is transparency.
        on_message: told, in one line, what `AUTO` has chosen.

    Raises:
        StreamError: the container does not hold that, or the encoder does not work here; ffmpeg is
            not there or cannot be run.
    """
    chosen = _codec(name, ending, codec, has_alpha)
    if encoder in HARDWARE:
        found = _on_hardware(name, chosen, encoder, depth, has_alpha)
        if why := failure(found, size_hw):
            raise StreamError(
                f"{name}: --encoder {encoder} cannot be used here ({why}); "
                f"use --encoder {AUTO} or {SOFTWARE_ENCODER}"
            )
        return found
    if encoder == AUTO:
        for found in _hardware_for(chosen, depth, has_alpha):
            if not failure(found, size_hw):
                on_message(f"{name}: encoded by {found.encoder.name}")
                return found
    found = _in_software(name, chosen, depth, has_alpha)
    _check_size(name, ending, found, size_hw)
    if encoder == AUTO:
        on_message(
            f"{name}: encoded by {found.encoder.name}, in software; no hardware that works here "
            f"encodes {_what(chosen, depth, has_alpha)}"
        )
    return found


def _check_size(name: str, ending: str, encoding: Encoding, size_hw: tuple[int, int]) -> None:
    """Raise `StreamError` where pictures are too small or too large for an encoder."""
    title = encoding.codec.title
    if min(size_hw) < (least := encoding.encoder.least_side):
        raise StreamError(
            f"{name}: {title} has at least {least} pixels a side, and the picture is "
            f"{size_hw[1]}x{size_hw[0]}; use --codec {FORMATS[ending].codec}"
        )
    if max(size_hw) > (most := encoding.encoder.most_side):
        others = [
            each.name
            for each in CODECS.values()
            if _holds(each, ending, size_hw, encoding.has_alpha)
        ]
        instead = f"use --codec {' or '.join(others)}" if others else "write it smaller, or a photo"
        raise StreamError(
            f"{name}: {title} has at most {most} pixels a side here, and the picture is "
            f"{size_hw[1]}x{size_hw[0]}; {instead}"
        )


def _holds(codec: Codec, ending: str, size_hw: tuple[int, int], has_alpha: bool) -> bool:
    """Return whether a container holds a codec whose pictures can be of that size."""
    endings = codec.alpha_endings if has_alpha else codec.endings
    return ending in endings and max(size_hw) <= SOFTWARE[codec.name][0].most_side


def failure(encoding: Encoding, size_hw: tuple[int, int]) -> str:
    """Return why an encoder cannot encode a frame here, "" where it can: one is tried.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    if encoding.encoder.name not in available():
        return "this ffmpeg was built without it"
    return _failure(executable(), encoding, size_hw)


def sound_failure(encoder: str) -> str:
    """Return why an encoder of sound cannot be used here, "" where it can.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    return _tried("anullsrc=r=48000", ["-t", "0.1", "-c:a", encoder])


def available() -> set[str]:
    """Return the names of the video encoders that this ffmpeg was built with, usable or not.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    return _available(executable())


def _codec(name: str, ending: str, asked: str | None, has_alpha: bool) -> Codec:
    kind = FORMATS[ending]
    if asked is None:
        return CODECS[kind.alpha_codec if has_alpha else kind.codec]
    codec = CODECS[asked]
    if ending not in codec.endings:
        raise StreamError(
            f"{name}: {ending} cannot hold {codec.title}; --codec {asked} is for "
            f"{' '.join(codec.endings)}"
        )
    if has_alpha and ending not in codec.alpha_endings:
        raise StreamError(
            f"{name}: {codec.title} in {ending} holds no transparency; leave out --codec {asked}, "
            "and use .mov or .webm"
        )
    return codec


def _on_hardware(name: str, codec: Codec, kind: str, depth: int, has_alpha: bool) -> Encoding:
    encoder = HARDWARE[kind].get(codec.name)
    if encoder is None or has_alpha or depth not in encoder.pixels:
        raise StreamError(
            f"{name}: {kind} does not encode {_what(codec, depth, has_alpha)}, but --codec "
            f"{'|'.join(HARDWARE[kind])}; use --encoder {SOFTWARE_ENCODER}"
        )
    return Encoding(codec, encoder, depth)


def _hardware_for(codec: Codec, depth: int, has_alpha: bool) -> Iterator[Encoding]:
    """Yield what hardware could encode it, if it were there."""
    for encoders in HARDWARE.values():
        encoder = encoders.get(codec.name)
        if encoder is not None and not has_alpha and depth in encoder.pixels:
            yield Encoding(codec, encoder, depth)


def _in_software(name: str, codec: Codec, depth: int, has_alpha: bool) -> Encoding:
    encoders = [each for each in SOFTWARE[codec.name] if has_alpha or depth in each.pixels]
    # asked for only where there is a choice: a listing takes its time
    for encoder in encoders:
        if len(encoders) == 1 or encoder.name in available():
            return Encoding(codec, encoder, depth, has_alpha)
    raise StreamError(f"{name}: this ffmpeg cannot encode {_what(codec, depth, has_alpha)}")


def _what(codec: Codec, depth: int, has_alpha: bool) -> str:
    if has_alpha:
        return f"{codec.title} with transparency"
    return codec.title if depth == 8 else f"{codec.title} of {depth} bits"


@functools.cache
def _available(ffmpeg: str) -> set[str]:
    return set(_ENCODER.findall(listing("-encoders")))


@functools.cache
def _failure(ffmpeg: str, encoding: Encoding, size_hw: tuple[int, int]) -> str:
    colour = Colour("bt709", "bt709", "bt709")
    filters, (height, width) = [f"format={encoding.pixels}"], size_hw
    arguments = encoding.arguments(".mkv", colour, "veryfast", 20, width=width, filters=filters)
    return _tried(f"color=gray:size={width}x{height}:rate=25", ["-frames:v", "1", *arguments])


def _tried(source: str, options: list[str]) -> str:
    """Return why ffmpeg could not encode what a filter makes, "" where it could."""
    errors: list[str] = []

    def take(line: str | None) -> None:
        for mark in _MARKS:
            if line is not None and mark in line and not any(each in line for each in _VAGUE):
                errors.append(line.partition(mark)[2].strip())

    arguments = ["-f", "lavfi", "-i", source, *options, "-f", "null", "-"]
    with closing(Ffmpeg(arguments, on_line=take)) as process:
        timer = threading.Timer(TRIAL_S, process.kill)
        timer.start()
        status = process.wait()
        timer.cancel()
        timer.join()
        if status == 0:
            return ""
        return errors[0] if errors else process.failure()
