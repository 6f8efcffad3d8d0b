"""A network run by OpenVINO, on the processor."""

from __future__ import annotations

import contextlib
import copy
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.runtime.signal_stack import same_signal_stack
from segmentation.runtime.winograd import use_winograd

Array = NDArray[Any]
#: Shapes of input that are kept compiled; each has its own copy of the weights, which takes up to
#: eight times as much memory as they do in their file. Photos lie or stand: there are always two.
MAX_COMPILED, MAX_WEIGHTS = 5, 300_000_000
_IMPORTING = threading.Lock()


class OpenVINONetwork:
    """A model on the CPU, compiled for each shape of input it meets; the last few are kept.

    Compiled for a shape it is faster than for any, by a third where convolutions have many
    channels, but compiling takes as long as several runs, and each shape its memory.

    Args:
        path: the model's .xml.
        num_threads: processor threads of one call.
        weights: the model's .bin; the one of the same name beside it without that.
        read: returns the model anew at each call, in the place of `path`; called when a shape is
            compiled.
        any_shape: it is compiled once, for inputs of all shapes that it can take.
        cache: folder for what OpenVINO compiles, about as large as the model, so that the next
            start takes a quarter of the time; made if absent, not used where that fails.

    Raises:
        WeightsError: the file is missing or no OpenVINO model.
    """

    def __init__(
        self,
        path: Path,
        num_threads: int,
        weights: Path | None = None,
        *,
        read: Callable[[], Any] | None = None,
        any_shape: bool = False,
        cache: Path | None = None,
    ) -> None:
        """Read the model, unless `read` does; nothing is compiled yet.

        Its files may be deleted from then on.
        """
        self.device = openvino_device(num_threads)
        self._core = import_openvino().Core()
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": num_threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        if cache is not None and _is_writable(cache):
            self._settings["CACHE_DIR"] = str(cache)
        self._any_shape = any_shape
        weights = weights or path.with_suffix(".bin")
        num_bytes = weights.stat().st_size if weights.exists() else 0
        self._max_compiled = max(2, min(MAX_COMPILED, MAX_WEIGHTS // max(1, num_bytes)))
        self._requests: dict[tuple[tuple[int, ...], ...], Any] = {}
        # copies share the weights, which are mapped from their file once for all shapes; a method
        # of the network in its own attribute would keep it until the garbage collector comes
        self._fresh: Callable[[], Any] = read or _read_files(self._core, path, weights).clone

    def __call__(self, *inputs: Array) -> list[Array]:
        """Run the network on inputs of any shapes it can take; returns its outputs in order."""
        shapes = () if self._any_shape else tuple(array.shape for array in inputs)
        request = self._requests.pop(shapes, None) or self._compile(shapes)
        self._requests[shapes] = request
        if len(self._requests) > self._max_compiled:
            del self._requests[next(iter(self._requests))]
        outputs = request.infer(list(inputs), share_inputs=True)
        return [np.array(value) for value in outputs.values()]

    def for_each_shape(self) -> OpenVINONetwork:
        """Return the same model compiled for each shape it meets."""
        other = copy.copy(self)
        other._any_shape, other._requests = False, {}
        return other

    def _compile(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        model = self._fresh()
        is_open = any(node.get_partial_shape().is_dynamic for node in model.inputs)
        if is_open and not self._any_shape:
            model.reshape({index: list(shape) for index, shape in enumerate(shapes)})
        use_winograd(model)
        with same_signal_stack():
            compiled = self._core.compile_model(model, "CPU", self._settings)
        return compiled.create_infer_request()


def _read_files(core: Any, path: Path, weights: Path) -> Any:
    try:
        return core.read_model(path, weights)
    except RuntimeError as error:
        raise WeightsError(
            f"{path}: not a readable OpenVINO model; delete it, or install the program again"
        ) from error


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def openvino_device(num_threads: int) -> str:
    """Return what an `OpenVINONetwork` runs on, for people."""
    return f"CPU (OpenVINO, {num_threads} thread{'s' if num_threads > 1 else ''})"


def import_openvino() -> Any:
    """Import OpenVINO without its converter of networks.

    That takes longer than all the rest. Whoever converts imports it from `openvino.tools.ovc`.
    """
    converter = "openvino.tools.ovc"
    with _IMPORTING:
        is_hidden = converter not in sys.modules
        if is_hidden:
            # whoever imports it then gets an ImportError, which OpenVINO allows for
            sys.modules[converter] = None  # type: ignore[assignment]
        try:
            import openvino
        finally:
            if is_hidden:
                del sys.modules[converter]
        # its table of types is made at the first use, by Python code: where two threads are first,
        # one waits for the table and the other for the interpreter, and the process stands still
        openvino.Type.f32.to_dtype()
    return openvino


def openvino_devices() -> list[str]:
    """Return the processors that OpenVINO sees, as their makers call them.

    Raises:
        ImportError: OpenVINO is not installed, or its libraries cannot be loaded.
        RuntimeError: it cannot look for devices.
    """
    core = import_openvino().Core()
    with same_signal_stack():
        return [
            f"{device}: {str(core.get_property(device, 'FULL_DEVICE_NAME')).strip()}"
            for device in core.available_devices
        ]


def import_openvino_ahead() -> threading.Thread:
    """Begin to import OpenVINO for a caller who is about to wait for something else.

    If that fails it does so again for whoever needs it.

    Returns:
        The thread in which it is done, for the caller to join.
    """

    def work() -> None:
        with contextlib.suppress(Exception):
            import_openvino()

    thread = threading.Thread(target=work, name="import")
    thread.start()
    return thread
