"""Stands in for the system's virtual camera, behind pyvirtualcam's own interface for devices."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
import pytest

pyvirtualcam = pytest.importorskip("pyvirtualcam")


class Device(pyvirtualcam.Backend):
    """A device that notes what is sent to it, and when."""

    made: ClassVar[dict[str, Any]] = {}
    sent: ClassVar[list[tuple[float, np.ndarray]]] = []
    closed: ClassVar[bool] = False
    fails: ClassVar[bool] = False

    def __init__(self, *, width, height, fps, fourcc, device, **more):
        if device == "/dev/video7":
            raise RuntimeError("Device /dev/video7 is busy.\nhint")
        Device.made = {"width": width, "height": height, "fps": fps, "fourcc": fourcc}
        Device.sent, Device.closed, Device.fails = [], False, False
        self._device = device or "/dev/video10"

    def close(self) -> None:
        assert not Device.closed
        Device.closed = True

    def send(self, frame: np.ndarray) -> None:
        assert not Device.closed
        if Device.fails:
            raise RuntimeError("no such device")
        image = frame.reshape(Device.made["height"], Device.made["width"], 3)
        Device.sent.append((time.monotonic(), image.copy()))

    def device(self) -> str:
        return self._device

    def native_fourcc(self) -> int | None:
        return None


def device_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the stand-in in the place of all devices."""
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {"fake": Device})
