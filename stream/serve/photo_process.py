"""Decodes what visitors upload in a process of its own, which is ended when it takes too long.

A decoder is C code that a file of a few kilobytes can keep busy for minutes, and no thread can be
ended. The process is started before anybody needs it, works one photo after the other, has limits
of time and memory, and does not outlive this one: its input ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import struct
import sys
import time
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.serve.fairness.allowance import Allowances
from stream.serve.fairness.turns import Turns
from stream.serve.site.limits import Limits, Refusal
from stream.serve.uploads import decode_photo

ROOT = Path(__file__).parents[2]
#: What the process runs; where the program lies is its first argument.
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    "from stream.serve.photo_process import decode_photos; decode_photos(sys.argv[2:])"
)
#: How long a photo may take by the clock, where others have the processor.
MAX_WAIT_S = 12.0
#: The process has what others leave: nobody's picture waits for somebody's photo.
NICENESS = 10
# From linux/prctl.h: the signal a process gets when the one that has started it is gone.
_PR_SET_PDEATHSIG = 1

#: Before an answer: how it went (0 or the HTTP status of a refusal), then height and width of a
#: photo, or the length of a reason.
_ANSWER = struct.Struct("<HII")
_LENGTH = struct.Struct("<I")

TOO_LONG = "this photo takes too long to decode, or too much memory; save it anew, smaller"


class PhotoProcess:
    """The process that decodes, and its end; belongs to one event loop.

    Args:
        limits: of uploads.
    """

    def __init__(self, limits: Limits) -> None:
        """Prepare; `start` starts it."""
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None
        self._turns = Turns(1)
        self._time = Allowances(limits.max_decode_minute_s / 60, limits.max_decode_minute_s)
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Process number, for tests and people; `None` while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process if there is none; it prepares itself while others go on."""
        if self._is_closed or (self._process is not None and self._process.returncode is None):
            return
        names = "max_upload_pixels max_upload_scans kept_side max_decode_s max_decode_bytes"
        numbers = [str(getattr(self._limits, name)) for name in names.split()]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, str(ROOT), *numbers),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=1 << 20,
            process_group=0,  # Ctrl-C in a terminal is for us
        )

    async def decode(self, data: bytes, address: str) -> NDArray[np.uint8]:
        """Return a photo as `decode_photo` does; whose address had least of the time comes first.

        Raises:
            Refusal: `decode_photo` refuses it, it takes too long or too much memory, or this
                address has had all its time.
        """
        async with self._turns.turn(address):
            if self._time.left(address) <= 0:
                raise Refusal(429, "photos from this address took too long; wait a minute")
            began_s = time.monotonic()
            try:
                return await self._decode(data)
            finally:
                self._time.spend(address, time.monotonic() - began_s)

    async def _decode(self, data: bytes) -> NDArray[np.uint8]:
        await self.start()
        if self._process is None:
            raise Refusal(503, "the server is being stopped")
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                return await _exchange(self._process, data)
        except Refusal:
            raise
        except BaseException as error:
            await self._end()  # what it would still say is no answer to anybody
            await self.start()
            if isinstance(error, TimeoutError | OSError | EOFError):
                raise Refusal(413, TOO_LONG) from error
            raise

    async def close(self) -> None:
        """End the process, whatever it is doing, for good."""
        self._is_closed = True
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _exchange(process: asyncio.subprocess.Process, data: bytes) -> NDArray[np.uint8]:
    """Give the process a photo and take its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(_LENGTH.pack(len(data)) + data)
    await process.stdin.drain()
    status, height, width = _ANSWER.unpack(await process.stdout.readexactly(_ANSWER.size))
    if status:
        raise Refusal(status, (await process.stdout.readexactly(height)).decode())
    pixels = await process.stdout.readexactly(height * width * 3)
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def decode_photos(numbers: list[str]) -> None:
    """Decode what comes by standard input until it ends; what the process runs.

    Args:
        numbers: `Limits.max_upload_pixels`, `max_upload_scans`, `kept_side`, `max_decode_s`,
            `max_decode_bytes`.
    """
    pixels, scans, side, max_s, max_bytes = map(int, numbers)
    _be_modest(max_bytes)
    limits = Limits(max_upload_pixels=pixels, max_upload_scans=scans, kept_side=side)
    with os.fdopen(os.dup(1), "wb") as out, os.fdopen(os.dup(0), "rb") as source:
        os.dup2(2, 1)  # whatever a library prints is no answer
        while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
            data = source.read(*_LENGTH.unpack(head))
            _limit_time(max_s)
            _answer(out, data, limits)


def _answer(out: BinaryIO, data: bytes, limits: Limits) -> None:
    try:
        photo = decode_photo(data, limits)
    except Refusal as refusal:
        reason = refusal.reason.encode()
        out.write(_ANSWER.pack(refusal.status, len(reason), 0) + reason)
    else:
        out.write(_ANSWER.pack(0, *photo.shape[:2]))
        out.write(np.ascontiguousarray(photo).data)
    out.flush()


def _be_modest(max_bytes: int) -> None:
    """Let others go first, end with whoever has started this, and take no more memory than that."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    cv2.setNumThreads(1)
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        import resource

        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + max_bytes, taken + max_bytes))


def _limit_time(max_s: int) -> None:
    """End this process once it has computed for so much longer."""
    if sys.platform != "win32":
        import resource

        most = int(time.process_time()) + 1 + max_s
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))
