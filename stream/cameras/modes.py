"""In which sizes, rates and formats a camera gives its pictures: asked for, offered, given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stream.cameras.v4l2 import Device

#: Asked for where nothing else is; the camera may choose others. Uncompressed video would fill
#: USB 2 at 5 frames a second in 1080p.
SIZE_WH, FPS, FORMAT = (1280, 720), Fraction(30), "MJPG"
_CLOSE = 0.02  # of a rate: 29.97 is 30
_SLOW = 1.5  # times as many frames are worth another mode
_FLUENT = 20  # frames a second that are enough for a smaller size
_LARGEST = 16384


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a camera, `None` where somebody leaves it to the program.

    Attributes:
        size_wh: of its pictures, width first.
        fps: frames a second.
        format: in V4L2's four letters, such as "MJPG" or "YUYV".
    """

    size_wh: tuple[int, int] | None = None
    fps: Fraction | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """How pictures come, or could come.

    Attributes:
        size_wh: width first.
        fps: frames a second, `None` where the driver does not say.
        format: in V4L2's four letters, "" where the system does not say.
        compressed: it is decoded to pixels, and takes less of a cable.
    """

    size_wh: tuple[int, int]
    fps: Fraction | None
    format: str
    compressed: bool = False

    def __str__(self) -> str:
        """Return it for people: "1280x720, 30 frames/s, MJPG"."""
        rate = "" if self.fps is None else f"{float(self.fps):.4g} frames/s"
        return ", ".join(filter(None, [size_text(self.size_wh), rate, self.format]))

    def unlike(self, wanted: Wanted) -> str:
        """Say what of `wanted` it is not: "1920x1080, 60 frames/s"; "" where it is all of it."""
        missing = []
        if wanted.size_wh not in (None, self.size_wh):
            missing.append(size_text(wanted.size_wh or self.size_wh))
        if wanted.fps is not None and self.fps is not None:
            if abs(self.fps - wanted.fps) > _CLOSE * wanted.fps:
                missing.append(f"{float(wanted.fps):.4g} frames/s")
        if wanted.format is not None and self.format and wanted.format != self.format:
            missing.append(wanted.format)
        return ", ".join(missing)


def parse_size(text: str) -> tuple[int, int]:
    """Return the size, width first, that a text such as "1280x720" means.

    Raises:
        ValueError: it has another form.
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    size_wh = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(0 < side <= _LARGEST for side in size_wh):
        raise ValueError(f"a size such as 1280x720, got {text!r}")
    return size_wh


def parse_format(text: str) -> str:
    """Return the format, in V4L2's letters, that a text such as "mjpg" means.

    Raises:
        ValueError: it has another form.
    """
    if not re.fullmatch(r"[A-Za-z0-9]{2,4}", text):
        raise ValueError(f"a format such as mjpg or yuyv, got {text!r}")
    return text.upper()


def offered_modes(path: Path) -> list[Mode]:
    """Return what a camera says it can do: by format, the largest first, then the fastest.

    Args:
        path: of a video device of Linux; of any other nothing is known.
    """
    found = []
    try:
        with Device(path) as device:
            for name, compressed in device.formats():
                for size_wh in sorted(set(device.sizes(name)), key=_area, reverse=True):
                    rates = sorted(set(device.rates(name, size_wh)), reverse=True)
                    at_rates = [Mode(size_wh, rate, name, compressed) for rate in rates]
                    found += at_rates or [Mode(size_wh, None, name, compressed)]
    except OSError:
        return []
    return found


def closest_size(path: Path, name: str, size_wh: tuple[int, int]) -> tuple[int, int]:
    """Return the size that a camera would give in a format where another may be asked for.

    Args:
        path: see `offered_modes`.
        name: of the format.
        size_wh: asked for, width first, as the returned one.
    """
    try:
        with Device(path) as device:
            return device.closest_size(name, size_wh)
    except OSError:
        return size_wh


def mode_lines(modes: Iterable[Mode]) -> list[str]:
    """Return for people what a camera offers, a line a format: "MJPG 1280x720 (5-30), ...".

    In brackets are the frames a second from the fewest to the most.
    """
    sizes: dict[str, dict[tuple[int, int], list[Fraction]]] = {}
    for mode in modes:
        rates = sizes.setdefault(mode.format, {}).setdefault(mode.size_wh, [])
        rates += [] if mode.fps is None else [mode.fps]
    return [
        f"{name} {', '.join(size_text(size_wh) + _rates_text(of[size_wh]) for size_wh in of)}"
        for name, of in sizes.items()
    ]


def advice(given: Mode, measured_fps: float, modes: Sequence[Mode]) -> str:
    """Say what to do where a camera is slow, "" where it is not or nothing is known to help.

    Args:
        given: how its pictures come now.
        measured_fps: how many a second really come.
        modes: what it offers.
    """
    own = [each for each in modes if each.format == given.format and each.size_wh == given.size_wh]
    claimed = float(given.fps or max(map(_rate, own), default=0.0))
    is_less = claimed > _SLOW * measured_fps
    if measured_fps >= _FLUENT and not is_less:
        return ""
    # what is compressed is not slow because of its cable
    compressed = any(each.compressed for each in own)
    enough = max(_SLOW * measured_fps, claimed if compressed else 0.0)
    better = [
        each
        for each in modes
        if each.size_wh == given.size_wh and each.format != given.format and _rate(each) > enough
    ]
    if better:
        best = max(better, key=lambda each: (_rate(each), each.compressed))
        return f"{best.format} at {_rate(best):.4g} is offered: --camera-format {_option(best)}"
    if is_less:
        return "more light may help (cameras expose longer in the dark), or another USB port"
    smaller = [each for each in modes if _area(each.size_wh) < _area(given.size_wh)]
    fluent = [each for each in smaller if _rate(each) > max(_FLUENT, _SLOW * measured_fps)]
    if fluent:
        best = max(fluent, key=lambda each: (_area(each.size_wh), _rate(each)))
        size = size_text(best.size_wh)
        other = "" if best.format == given.format else f" --camera-format {_option(best)}"
        return f"{size} at {_rate(best):.4g} is offered: --camera-size {size}{other}"
    return ""


def size_text(size_wh: tuple[int, int]) -> str:
    """Return a size for people."""
    return f"{size_wh[0]}x{size_wh[1]}"


def _option(mode: Mode) -> str:
    return mode.format.lower()


def _rate(mode: Mode) -> float:
    return float(mode.fps or 0)


def _area(size_wh: tuple[int, int]) -> int:
    return size_wh[0] * size_wh[1]


def _rates_text(rates: Sequence[Fraction]) -> str:
    if not rates:
        return ""
    least, most = (f"{float(rate):.4g}" for rate in (min(rates), max(rates)))
    return f" ({most})" if least == most else f" ({least}-{most})"
