"""Stands in for Linux' video devices: what their drivers answer, and what their cameras give.

Answers are made at the file descriptor, by the kernel's numbers and layouts; OpenCV's reader and
ffmpeg's input are replaced by ones that are given the pictures of the same cameras.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stream.cameras import devices, v4l2
from stream.ffmpeg import video4linux

CAPTURE, OUTPUT, METADATA = 0x1, 0x2, 0x00800000
Rates = dict[tuple[int, int], list[int]]

SMALL: Rates = {(64, 48): [30, 15]}
COMPRESSED = ("MJPG", "H264")


@dataclass
class VideoNode:
    """A device.

    Attributes:
        name: as the system calls it.
        formats: frames a second by size, by format in four letters.
        flags: what it can do.
        driver: of it; `None` where it does not answer.
        busy: another program has its pictures.
        real_fps: what it gives in a format whatever it says; all of what it says elsewhere.
        by_opencv: that opens it; otherwise OpenCV fails at this, or at its pictures
            ("broken", "raises").
        takes_format: OpenCV sets the format that is asked for, and not the last one there is.
        by_ffmpeg: ffmpeg can read it.
        bgr: colour of its pictures.
        num_readers: programs that have the pictures of a virtual camera; `None` of an old one,
            which has no event for that.
    """

    name: str
    formats: dict[str, Rates] = field(default_factory=lambda: {"MJPG": SMALL, "YUYV": SMALL})
    flags: int = CAPTURE
    driver: str | None = "uvcvideo"
    busy: bool = False
    real_fps: dict[str, float] = field(default_factory=dict)
    by_opencv: bool | str = True
    takes_format: bool = True
    by_ffmpeg: bool = True
    bgr: tuple[int, int, int] = (60, 90, 120)
    num_readers: int | None = None

    def closest(self, name: str, size_wh: tuple[int, int]) -> tuple[str, tuple[int, int]]:
        """Return the format and size that its driver sets where these are asked for."""
        if name not in self.formats or not self.takes_format:
            name = list(self.formats)[-1]
        area = size_wh[0] * size_wh[1]
        return name, min(self.formats[name], key=lambda wh: abs(wh[0] * wh[1] - area))


class VideoKernel:
    """The devices of a system whose root is a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.nodes: dict[int, VideoNode] = {}  # by the number of the file
        self.asked: list[tuple[str, ...]] = []  # of ffmpeg
        self._subscribed: set[int] = set()  # files that have an event to tell
        (root / "dev").mkdir(exist_ok=True)

    def add(self, number: int, node: VideoNode) -> Path:
        """Plug it in; returns its path."""
        path = self.root / f"dev/video{number}"
        path.touch()
        self.nodes[path.stat().st_ino] = node
        folder = self.root / f"sys/class/video4linux/video{number}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "name").write_text(f"{node.name}\n")
        if node.driver in ("v4l2 loopback", None):
            (self.root / f"sys/devices/virtual/video4linux/video{number}").mkdir(parents=True)
        return path

    def remove(self, number: int) -> None:
        """Unplug it."""
        path = self.root / f"dev/video{number}"
        del self.nodes[path.stat().st_ino]
        path.unlink()

    def node(self, target: int | str | Path) -> VideoNode | None:
        """Return the device of a number or path, `None` where there is none."""
        path = self.root / f"dev/video{target}" if isinstance(target, int) else Path(target)
        return self.nodes.get(path.stat().st_ino) if path.exists() else None

    # === Answers ===

    def ioctl(self, file: int, request: int, data: bytearray) -> None:
        """Answer a question about an open device."""
        self._file = file
        node = self.nodes.get(os.fstat(file).st_ino)
        answers: dict[int, Callable[[VideoNode, bytearray], bool]] = {
            0x80685600: self._querycap,
            0xC0405602: self._enum_fmt,
            0xC02C564A: self._enum_framesizes,
            0xC034564B: self._enum_frameintervals,
            0xC0D05604: self._g_fmt,
            0xC0D05605: self._s_fmt,
            0xC0D05640: self._try_fmt,
            0x4020565A: self._subscribe,
            0x80885659: self._dqevent,
        }
        if node is None or node.driver is None or request not in answers:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        if len(data) != request >> 16 & 0x3FFF:
            raise OSError(errno.EFAULT, "Bad address")
        if not answers[request](node, data):
            raise OSError(errno.EINVAL, "Invalid argument")

    def _querycap(self, node: VideoNode, data: bytearray) -> bool:
        data[:] = struct.pack(
            "16s32s32sIII12x",
            (node.driver or "").encode(),
            node.name.encode()[:31],
            b"usb-0000:00:14.0-1",
            0x60800,
            0x80000000 | CAPTURE | METADATA | node.flags,
            node.flags,
        )
        return True

    def _enum_fmt(self, node: VideoNode, data: bytearray) -> bool:
        index, kind = struct.unpack_from("II", data)
        if kind != 1 or index >= len(node.formats):
            return False
        name = list(node.formats)[index]
        flags = int(name in COMPRESSED)
        struct.pack_into("II32s4s", data, 4, kind, flags, b"a format", name.ljust(4).encode())
        return True

    def _enum_framesizes(self, node: VideoNode, data: bytearray) -> bool:
        index, name = struct.unpack_from("I4s", data)
        sizes = list(node.formats.get(name.decode().strip(), {}))
        if index >= len(sizes):
            return False
        struct.pack_into("III", data, 8, 1, *sizes[index])
        return True

    def _enum_frameintervals(self, node: VideoNode, data: bytearray) -> bool:
        index, name, width, height = struct.unpack_from("I4sII", data)
        rates = node.formats.get(name.decode().strip(), {}).get((width, height), [])
        if index >= len(rates):
            return False
        struct.pack_into("III", data, 16, 1, 1, rates[index])
        return True

    def _g_fmt(self, node: VideoNode, data: bytearray) -> bool:
        name, size_wh = node.closest("MJPG", (640, 480))
        struct.pack_into("II4s", data, 8, *size_wh, name.encode())
        return True

    def _s_fmt(self, node: VideoNode, data: bytearray) -> bool:
        if node.busy:
            raise OSError(errno.EBUSY, "Device or resource busy")
        return struct.unpack_from("8xII", data) in [wh for f in node.formats.values() for wh in f]

    def _try_fmt(self, node: VideoNode, data: bytearray) -> bool:
        width, height, name = struct.unpack_from("8xII4s", data)
        name, size_wh = replace(node, takes_format=True).closest(
            name.decode().strip(), (width, height)
        )
        struct.pack_into("II4s", data, 8, *size_wh, name.ljust(4).encode())
        return True

    def _subscribe(self, node: VideoNode, data: bytearray) -> bool:
        is_usage = struct.unpack_from("III", data) == (0x10E00001, 0, 1)
        if is_usage and node.num_readers is not None:
            self._subscribed.add(self._file)
            return True
        return False

    def _dqevent(self, node: VideoNode, data: bytearray) -> bool:
        if self._file not in self._subscribed:
            raise OSError(errno.ENOENT, "No such file or directory")
        self._subscribed.remove(self._file)
        struct.pack_into("I4xI", data, 0, 0x10E00001, node.num_readers or 0)
        return True

    # === Pictures ===

    def capture(self, target: int | str, backend: int) -> Capture:
        """Stand in for `cv2.VideoCapture`."""
        return Capture(self.node(target))

    def lavfi_options(
        self, path: Path, name: str, size_wh: tuple[int, int], fps: Any
    ) -> tuple[str, ...]:
        """Return ffmpeg's arguments that give the pictures of a device, made by a filter."""
        node = self.node(path)
        self.asked.append((str(path), name))
        formats = {} if node is None else node.formats
        if node is None or node.busy or not node.by_ffmpeg or size_wh not in formats.get(name, {}):
            return ("-f", "lavfi", "-i", "nothing_of_this_name")
        width, height = size_wh
        rate = node.real_fps.get(name, max(node.formats[name][width, height]))
        blue, green, red = node.bgr
        colour = f"color=0x{red:02x}{green:02x}{blue:02x}:size={width}x{height}:rate={rate}"
        return ("-re", "-f", "lavfi", "-i", f"{colour},noise=alls=12:allf=t,format=rgb24")


class Capture:
    """Stands in for `cv2.VideoCapture` over one device, whose pictures come at their pace."""

    def __init__(self, node: VideoNode | None) -> None:
        self._node = node
        self._wanted = ["YUYV", 640, 480, 30.0]
        self._due_s = time.monotonic()
        self._noise = np.random.default_rng(0)
        self._is_open = node is not None and bool(node.formats) and not node.busy
        self._is_open &= node is not None and bool(node.by_opencv)

    def isOpened(self) -> bool:
        return self._is_open

    def set(self, key: int, value: float) -> bool:
        code = int(value).to_bytes(4, "little").decode("latin-1").strip()
        places: dict[int, tuple[int, Any]] = {
            cv2.CAP_PROP_FOURCC: (0, code),
            cv2.CAP_PROP_FRAME_WIDTH: (1, int(value)),
            cv2.CAP_PROP_FRAME_HEIGHT: (2, int(value)),
            cv2.CAP_PROP_FPS: (3, value),
        }
        if key in places:
            place, given = places[key]
            self._wanted[place] = given
        return key in places

    def _mode(self) -> tuple[str, tuple[int, int], float]:
        assert self._node is not None
        name, width, height, fps = self._wanted
        name, size_wh = self._node.closest(name, (width, height))
        rates = self._node.formats[name][size_wh]
        return name, size_wh, min(rates, key=lambda rate: abs(rate - fps))

    def get(self, key: int) -> float:
        name, _, fps = self._mode()
        code = int.from_bytes(name.ljust(4).encode(), "little")
        return {cv2.CAP_PROP_FPS: float(fps), cv2.CAP_PROP_FOURCC: float(code)}[key]

    def read(self) -> tuple[bool, Any]:
        if not self._is_open or self._node is None or self._node.by_opencv == "broken":
            return False, None
        if self._node.by_opencv == "raises":
            raise cv2.error("Assertion failed in function 'read_frame_v4l2'")
        name, (width, height), fps = self._mode()
        self._due_s += 1 / self._node.real_fps.get(name, fps)
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._due_s = max(self._due_s, time.monotonic())
        noise = self._noise.integers(0, 9, (height, width, 3))
        return True, (np.array(self._node.bgr) + noise).astype(np.uint8)

    def release(self) -> None:
        self._is_open = False


@contextmanager
def video_kernel(root: Path) -> Iterator[VideoKernel]:
    """Be a Linux whose devices lie under a folder, with the readers of their pictures."""
    kernel = VideoKernel(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.platform", "linux")
        patch.setattr(devices, "ROOT", root)
        patch.setattr(v4l2, "ioctl", kernel.ioctl)
        patch.setattr(cv2, "VideoCapture", kernel.capture)
        patch.setattr(video4linux, "capture_options", kernel.lavfi_options)
        yield kernel
