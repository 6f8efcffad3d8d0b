"""A camera that is on only while a program reads the virtual camera it is shown on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path

from stream.cameras.readers import Readers
from stream.running.loop import Run
from stream.sinks.virtual_camera import VirtualCamera
from stream.sources.camera import Camera

#: From one look at who reads to the next.
_LOOK_S = 0.2
#: How long nobody must have read; programs that change a setting close the camera for a moment.
_QUIET_S = 3.0


def rest_on_demand(
    run: Run,
    is_wanted: Callable[[], bool],
    on_message: Callable[[str], None],
    stack: ExitStack,
) -> None:
    """Let a camera rest while nobody sees it, where that can be known; `stack` ends it.

    On Linux, for a camera that is shown on virtual cameras alone: a window, a recording, or a
    program that takes the outputs is somebody as well.

    Args:
        run: not played yet.
        is_wanted: whether somebody looks on or records beside its sinks.
        on_message: told, in one line each, that the camera is off or on.
        stack: of the run.
    """
    source = run.source
    asked_for = [sink for sink in run.sinks.values() if not sink.accompanies]
    cameras = [sink for sink in asked_for if isinstance(sink, VirtualCamera)]
    is_alone = bool(cameras) and len(cameras) == len(asked_for)
    if not (is_alone and isinstance(source, Camera) and sys.platform.startswith("linux")):
        return
    readers = [Readers(Path(camera.device)) for camera in cameras]
    for each in readers:
        stack.callback(each.close)

    def is_read() -> bool:
        return any(each.are_there() for each in readers)

    def is_seen() -> bool:
        return run.taken.is_set() or is_wanted()

    demand = OnDemand(source, cameras, is_read, is_seen, on_message)
    demand.start()
    stack.callback(demand.end)


class OnDemand:
    """Tells a camera, and where it is shown, to rest and to wake.

    Args:
        source: the camera.
        cameras: where it is shown.
        is_read: whether a program reads one of these.
        is_seen: whether somebody has their pictures elsewhere.
        on_message: see `rest_on_demand`.
    """

    def __init__(
        self,
        source: Camera,
        cameras: Collection[VirtualCamera],
        is_read: Callable[[], bool],
        is_seen: Callable[[], bool],
        on_message: Callable[[str], None],
    ) -> None:
        """Begin with a camera that is on."""
        self._source, self._cameras, self._is_read = source, cameras, is_read
        self._is_seen, self._on_message = is_seen, on_message
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="on demand")

    def start(self) -> None:
        """Look at once; where nobody reads it the camera rests from the start."""
        self._thread.start()

    def end(self) -> None:
        """Look no more. May be called again."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            self._look()
        except Exception as error:  # better on for ever than off for ever
            self._turn(True)
            self._on_message(f"virtualcam: not known who reads it ({error}), the camera stays on")

    def _look(self) -> None:
        is_on, read_s = True, time.monotonic() - _QUIET_S
        while not self._ended.is_set():
            now_s = time.monotonic()
            if self._is_read() or self._is_seen():
                read_s = now_s
            if is_on != (now_s - read_s < _QUIET_S):
                is_on = not is_on
                self._turn(is_on)
            self._ended.wait(_LOOK_S)

    def _turn(self, is_on: bool) -> None:
        for each in self._cameras:
            each.wake() if is_on else each.rest()
        self._source.wake() if is_on else self._source.rest()
        if is_on:
            why = "somebody looks on" if self._is_seen() else "a program reads it"
            self._on_message(f"virtualcam: {why}, the camera is on")
        else:
            self._on_message(
                "virtualcam: no program reads it, the camera is off; --always-on leaves it on"
            )
