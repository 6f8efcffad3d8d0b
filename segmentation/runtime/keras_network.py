"""A network run by Keras itself: on a GPU, or for comparison."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.pip_command import install_extra

Array = NDArray[Any]


class KerasNetwork:
    """A network run by Keras itself: on a GPU, or for comparison.

    Args:
        make: builds the network, weights included, for the shapes of its inputs.
        device: "gpu", which is the first one where there are several, or "cpu".
        precision: see `segmentation.segmenter.Options`. What "bfloat16" means is up to `make`.

    Attributes:
        device: what it runs on, for people.
        networks: those built so far, by the shapes of their inputs.

    Raises:
        ValueError: there is no such device that Keras' backend can use, or not with `precision`.
    """

    def __init__(self, make: Callable[..., Any], device: str, precision: str = "float32") -> None:
        """Find the device; nothing is built yet."""
        keras = import_keras()
        names = keras_devices(keras, device)
        if not names:
            raise ValueError(
                f"device {device}: Keras ({keras.backend.backend()}) sees none; "
                f"for an NVIDIA GPU: {install_extra('gpu')}, and check nvidia-smi"
            )
        backend = keras.backend.backend()
        precision = _set_precision(precision, device, backend)
        self.device = f"{device.upper()} (Keras on {backend}, {precision})"
        self._scope: Callable[[], Any] = lambda: keras.device(names[0])
        self._make = make
        self.networks: dict[tuple[tuple[int, ...], ...], Any] = {}

    def __call__(self, *inputs: Array) -> list[Array]:
        """Run the network; returns its outputs in order."""
        shapes = tuple(array.shape for array in inputs)
        with self._scope():
            if shapes not in self.networks:
                self.networks[shapes] = self._make(shapes)
            arguments = list(inputs) if len(inputs) > 1 else inputs[0]
            outputs = self.networks[shapes].predict_on_batch(arguments)
        return [
            np.asarray(value) for value in (outputs if isinstance(outputs, list) else [outputs])
        ]


def import_keras() -> Any:
    """Import Keras and its backend, without what TensorFlow prints while it looks for GPUs.

    These are notes about the machine, by C++ and past every setting of verbosity.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import keras

            keras_devices(keras, "gpu")
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
    return keras


def keras_devices(keras: Any, kind: str) -> list[str]:
    """Return the names of the devices of a kind, "cpu" or "gpu", that Keras' backend can use."""
    if keras.backend.backend() == "torch":  # which Keras cannot ask; for GPUs TensorFlow is better
        return ["cpu:0"] if kind == "cpu" else []
    return [name for name in keras.distribution.list_devices() if name.startswith(kind)]


def _set_precision(precision: str, device: str, backend: str) -> str:
    """Let convolutions and matrix products round their operands to TF32, or not; returns which.

    TF32 keeps 10 of 23 bits of the fraction (NVIDIA A100 whitepaper) and is several times faster
    on GPUs that have it; others compute in float32 all the same.
    """
    has_tf32 = device == "gpu" and backend == "tensorflow"
    if precision == "auto":
        precision = "tf32" if has_tf32 else "float32"
    if precision == "tf32" and not has_tf32:
        raise ValueError("precision tf32: only on an NVIDIA GPU with TensorFlow; use float32")
    if has_tf32:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(precision != "float32")
    return precision
