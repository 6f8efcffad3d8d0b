"""Networks and what becomes of their masks; the only package that imports keras or openvino."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segmentation.errors import DataError, WeightsError
    from segmentation.instances import Instances
    from segmentation.loading import load
    from segmentation.segmenter import Options, Segmenter

__all__ = ["DataError", "Instances", "Options", "Segmenter", "WeightsError", "load"]

# where each of them is: imported when it is asked for, since whoever needs an error class alone
# should not wait for numpy and OpenCV, nor fail where one of them is broken
_HOMES = {
    "DataError": "errors",
    "WeightsError": "errors",
    "Instances": "instances",
    "load": "loading",
    "Options": "segmenter",
    "Segmenter": "segmenter",
}

# openvino reports its use to its makers, over the network and from a thread of its own, unless
# the package that does so cannot be imported; nobody's webcam program should
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# TensorFlow greets with a screen of notes about the machine
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def __getattr__(name: str) -> object:
    """Return what `__all__` names."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
