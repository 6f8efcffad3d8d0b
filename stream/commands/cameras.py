"""`run.py cameras`: which cameras there are, what they really give, and which microphones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from stream.commands.parts.command_line import Parser, add_debug_option, say
from stream.errors import StreamError

if TYPE_CHECKING:
    from stream.cameras.devices import VideoDevice
    from stream.cameras.modes import Mode

MEASURED_S = 1.0
_MAX_NUMBERS = 10  # that are tried where the system has no list


def run(arguments: Sequence[str]) -> int:
    """Run `cameras`; returns 1 where there is none."""
    command_parser().parse_args(arguments)
    is_linux = sys.platform.startswith("linux")
    num_found = 0
    for lines in _on_linux() if is_linux else _elsewhere():
        num_found += 1
        for line in lines:
            print(line, flush=True)
    for line in _microphones():
        print(line, flush=True)
    if not is_linux:
        say("names and modes of cameras are known on Linux only; elsewhere OpenCV tries numbers")
    if num_found == 0:
        raise StreamError("no camera found; plug one in")
    return 0


def command_parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        "cameras",
        description="List the cameras: number, name and path, what each offers (frames a second "
        "in brackets), and what it gives, for which each is opened for about a second. Then the "
        "microphones.",
        epilog="A camera is named by its number, camera:PART-OF-ITS-NAME or its path; a "
        "microphone by --sound mic:PART-OF-ITS-NAME.",
    )
    add_debug_option(parser)
    return parser


def _on_linux() -> Iterator[Iterator[str]]:
    from stream.cameras.devices import cameras

    return (_described(device) for device in cameras())


def _described(device: VideoDevice) -> Iterator[str]:
    """Yield what is printed of a camera."""
    from stream.cameras.choice import is_busy
    from stream.cameras.holders import who_uses
    from stream.cameras.modes import mode_lines, offered_modes

    yield f"camera:{device.number}  {device.name}  {device.path}"
    offered = offered_modes(device.path)
    for index, line in enumerate(mode_lines(offered)):
        yield f"  {'' if index else 'offers':<8} {line}"
    if device.permitted and is_busy(device.path):
        yield f"  {'used by':<8} {who_uses(device.path)}"
    else:
        yield from _given(device.number, offered)


def _given(number: int, offered: Sequence[Mode]) -> Iterator[str]:
    """Yield what a camera gives, and what would make it faster."""
    from stream.cameras.modes import advice

    try:
        description, mode, measured_fps = _measured(number)
    except StreamError as error:
        yield f"  {'gives':<8} nothing: {str(error).removeprefix(f'camera {number}: ')}"
        return
    yield f"  {'gives':<8} {description}; measured: {measured_fps:.1f} frames/s"
    if remedy := advice(mode, measured_fps, offered):
        yield f"  {'':<8} -> {remedy}"


def _microphones() -> Iterator[str]:
    """Yield what is printed of the microphones."""
    from stream.microphone.devices import found

    devices = []
    with suppress(StreamError):  # nothing records here, as doctor says
        devices = found()
    for device in devices:
        yield f"mic:{device.title}{'  (taken for --sound mic)' if device.is_default else ''}"


def _elsewhere() -> Iterator[Iterator[str]]:
    """Yield the same of the numbers that OpenCV can open."""

    def lines(number: int, given: tuple[str, Mode, float]) -> Iterator[str]:
        yield f"camera:{number}"
        yield f"  {'gives':<8} {given[0]}; measured: {given[2]:.1f} frames/s"

    for number in range(_MAX_NUMBERS):
        try:
            given = _measured(number)
        except StreamError:
            return
        yield lines(number, given)


def _measured(number: int) -> tuple[str, Mode, float]:
    """Open a camera for a while; returns how it describes its mode, that, and its real rate.

    Raises:
        StreamError: it cannot be opened or gives no more than a picture.
    """
    from stream.sources.camera import Camera

    lost: list[str] = []
    times: list[float] = []
    with Camera(number, lambda text: _note(text, lost, camera.interrupt)) as camera:
        for frame in camera:
            times.append(frame.time_s)
            if times[-1] - times[0] >= MEASURED_S:
                break
    if len(times) < 2:
        raise StreamError(lost[0] if lost else f"camera {number}: gives one picture and no more")
    description = camera.description.partition(": ")[2]
    return description, camera.mode, (len(times) - 1) / (times[-1] - times[0])


def _note(text: str, lost: list[str], interrupt: Callable[[], None]) -> None:
    lost.append(text)
    interrupt()
