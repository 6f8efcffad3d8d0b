"""The questions that Linux' video devices answer; all ioctl calls of the program are here.

Source: Linux media documentation, "Video for Linux API": VIDIOC_QUERYCAP, ENUM_FMT,
ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS, G_FMT, S_FMT, TRY_FMT, SUBSCRIBE_EVENT and DQEVENT; of
v4l2loopback 0.13 the event V4L2_EVENT_PRI_CLIENT_USAGE.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

CAPTURE, OUTPUT = 0x1, 0x2

_OF_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_DISCRETE = 1  # type of sizes and intervals that are listed one by one
_MAX_LISTED = 256  # of a driver that never comes to an end

_CAPABILITY = "16s32s32sII I12x"
_FORMAT = "III32sI16x"
_SIZE = "III6I8x"
_INTERVAL = "IIIII6I8x"
_SUBSCRIPTION = "III20x"
#: `struct v4l2_event`, as it is where pointers have 64 bits: what happened, and of it a number
_EVENT = "I4xI124x"
#: `struct v4l2_format`, whose union begins where a pointer may: a kind, and 200 bytes.
_WHOLE_FORMAT = 208 if struct.calcsize("P") == 8 else 204

#: Programs begin or end to have the pictures of a virtual camera: how many do.
_CLIENT_USAGE = 0x08000000 + 0x08E00000 + 1
_SEND_INITIAL = 1  # V4L2_EVENT_SUB_FL_SEND_INITIAL

_IOW, _IOR, _IOWR = 1, 2, 3


def _request(number: int, size: int, direction: int = _IOWR) -> int:
    """Return the number of a request, such as _IOWR('V', ...)."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


QUERYCAP = _request(0, struct.calcsize(_CAPABILITY), _IOR)
ENUM_FMT = _request(2, struct.calcsize(_FORMAT))
G_FMT = _request(4, _WHOLE_FORMAT)
S_FMT = _request(5, _WHOLE_FORMAT)
TRY_FMT = _request(64, _WHOLE_FORMAT)
ENUM_FRAMESIZES = _request(74, struct.calcsize(_SIZE))
ENUM_FRAMEINTERVALS = _request(75, struct.calcsize(_INTERVAL))
DQEVENT = _request(89, struct.calcsize(_EVENT), _IOR)
SUBSCRIBE_EVENT = _request(90, struct.calcsize(_SUBSCRIPTION), _IOW)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a device says of itself.

    Attributes:
        driver: "v4l2 loopback" for virtual cameras, "uvcvideo" for most webcams.
        card: its name.
        flags: of this device, among them `CAPTURE` and `OUTPUT`.
    """

    driver: str
    card: str
    flags: int


def ioctl(file: int, request: int, data: bytearray) -> None:
    """Ask the driver of an open device, which answers in `data`.

    Raises:
        OSError: it does not know the question, or knows no answer.
    """
    if sys.platform == "win32":
        raise OSError(errno.ENOTTY, "no video devices of this kind")
    import fcntl

    fcntl.ioctl(file, request, data)


class Device:
    """An open video device, of which one asks; pictures are read by others meanwhile.

    Args:
        path: of the device.

    Raises:
        OSError: it is not there or may not be used.
    """

    def __init__(self, path: Path) -> None:
        """Open it."""
        self._file = os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0))

    def __enter__(self) -> Self:
        """Do nothing more."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        os.close(self._file)

    def _asked(self, request: int, data: bytes | bytearray) -> bytes | None:
        """Return the answer to a question, `None` where there is none."""
        answer = bytearray(data)
        try:
            ioctl(self._file, request, answer)
        except OSError:
            return None
        return bytes(answer)

    def capability(self) -> Capability | None:
        """Return what it says of itself, `None` where it is no video device."""
        answer = self._asked(QUERYCAP, bytes(struct.calcsize(_CAPABILITY)))
        return None if answer is None else parse_capability(answer)

    def formats(self) -> Iterator[tuple[str, bool]]:
        """Yield the formats of its pictures, such as "MJPG", and which of them are compressed."""
        for index in range(_MAX_LISTED):
            answer = self._asked(ENUM_FMT, struct.pack(_FORMAT, index, _OF_CAPTURE, 0, b"", 0))
            if answer is None:
                return
            _, _, flags, _, code = struct.unpack(_FORMAT, answer)
            yield name_of(code), bool(flags & 1)

    def sizes(self, name: str) -> Iterator[tuple[int, int]]:
        """Yield the sizes of a format, width first; of a range the least and the largest."""
        for index in range(_MAX_LISTED):
            question = struct.pack(_SIZE, index, code_of(name), 0, *[0] * 6)
            answer = self._asked(ENUM_FRAMESIZES, question)
            if answer is None:
                return
            _, _, kind, *sides = struct.unpack(_SIZE, answer)
            if kind != _DISCRETE:
                least_wh, largest_wh = (sides[0], sides[3]), (sides[1], sides[4])
                yield from dict.fromkeys((least_wh, largest_wh))
                return
            yield sides[0], sides[1]

    def rates(self, name: str, size_wh: tuple[int, int]) -> Iterator[Fraction]:
        """Yield the frames a second of a format and a size; of a range the least and the most."""
        for index in range(_MAX_LISTED):
            question = struct.pack(_INTERVAL, index, code_of(name), *size_wh, 0, *[0] * 6)
            answer = self._asked(ENUM_FRAMEINTERVALS, question)
            if answer is None:
                return
            *_, kind, top, bottom, top_most, bottom_most, _, _ = struct.unpack(_INTERVAL, answer)
            if top and bottom:
                yield Fraction(bottom, top)
            if kind != _DISCRETE:
                if top_most and bottom_most:
                    yield Fraction(bottom_most, top_most)
                return

    def closest_size(self, name: str, size_wh: tuple[int, int]) -> tuple[int, int]:
        """Return the size, width first, that it would give in a format where one is asked for."""
        question = bytearray(_WHOLE_FORMAT)
        struct.pack_into("I", question, 0, _OF_CAPTURE)
        struct.pack_into("III", question, _WHOLE_FORMAT - 200, *size_wh, code_of(name))
        answer = self._asked(TRY_FMT, question)
        if answer is None:
            return size_wh
        width, height = struct.unpack_from("II", answer, _WHOLE_FORMAT - 200)
        return width, height

    def num_readers(self) -> int | None:
        """Return how many programs have a virtual camera's pictures, `None` where it is not told.

        To be asked of a device that was just opened: it tells this once.
        """
        if struct.calcsize("P") != 8:
            return None
        question = struct.pack(_SUBSCRIPTION, _CLIENT_USAGE, 0, _SEND_INITIAL)
        if self._asked(SUBSCRIBE_EVENT, question) is None:
            return None
        answer = self._asked(DQEVENT, bytes(struct.calcsize(_EVENT)))
        if answer is None:
            return None
        kind, number = struct.unpack(_EVENT, answer)
        return int(number) if kind == _CLIENT_USAGE else None

    def is_busy(self) -> bool:
        """Return whether another program has its pictures now: what is set cannot be set again."""
        answer = self._asked(G_FMT, struct.pack("I", _OF_CAPTURE).ljust(_WHOLE_FORMAT, b"\0"))
        if answer is None:
            return False
        try:
            ioctl(self._file, S_FMT, bytearray(answer))
        except OSError as error:
            return error.errno == errno.EBUSY
        return False


def parse_capability(data: bytes) -> Capability:
    """Return what a `struct v4l2_capability` says, flags of the device rather than its driver."""
    driver, card, _, _, whole, device = struct.unpack(_CAPABILITY, data)
    return Capability(_text(driver), _text(card), device or whole)


def name_of(code: int) -> str:
    """Return the four letters of a format, such as "MJPG"."""
    return code.to_bytes(4, "little").decode("ascii", "replace").rstrip("\0 ")


def code_of(name: str) -> int:
    """Return the number of a format."""
    return int.from_bytes(name.ljust(4).encode("ascii", "replace")[:4], "little")


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace").strip()
