"""A network run by Keras itself: on a GPU, or for comparison."""

from __future__ import annotations

import contextlib
import copy
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from numpy.typing import NDArray

from segmentation.pip_command import install_extra
from segmentation.runtime.programs import Prepare, Program, make_program

Array = NDArray[Any]
Shapes = tuple[tuple[int, ...], ...]


class KerasNetwork:
    """A network run by Keras itself, each shape of its inputs by one compiled program.

    Nothing returns to the host within a run but the outputs at its end, whose sizes do not depend
    on what is found: a program is compiled when inputs of a shape come for the first time.

    Args:
        make: builds the network, weights included, for the shapes of its inputs, in "float32" or
            "bfloat16". It may return the same one for several shapes.
        device: "gpu", which is the first one where there are several, or "cpu".
        precision: see `segmentation.segmenter.Options`.
        num_fetched: outputs that come back to the host; those behind them stay on the device, as
            arrays of the backend, to be given to the next run. All without it.

    Attributes:
        device: what it runs on, for people.
        networks: those built so far, by the shapes of the inputs.
        scope: gives the context in which arrays are made on the device.
        num_compiled: programs so far.

    Raises:
        ValueError: there is no such device that Keras' backend can use, or not with `precision`.
    """

    def __init__(
        self,
        make: Callable[[Shapes, str], Any],
        device: str,
        precision: str = "float32",
        *,
        num_fetched: int | None = None,
    ) -> None:
        """Find the device; nothing is built yet."""
        keras = import_keras()
        names = keras_devices(keras, device)
        if not names:
            raise ValueError(
                f"device {device}: Keras ({keras.backend.backend()}) sees none; "
                f"for an NVIDIA GPU: {install_extra('gpu')}, and check nvidia-smi"
            )
        backend = keras.backend.backend()
        precision, self._computing = _set_precision(precision, device, backend)
        self.device = f"{device.upper()} (Keras on {backend}, {precision})"
        self.scope: Callable[[], Any] = lambda: keras.device(names[0])
        self._make = make
        self._dtype = "bfloat16" if precision == "bfloat16" else "float32"
        self._prepare: Prepare | None = None
        self._num_fetched = num_fetched
        self._backend = backend
        self._programs: dict[int, Program] = {}
        self.networks: dict[Shapes, Any] = {}

    @property
    def num_compiled(self) -> int:
        """Programs so far: as many as shapes of inputs, whatever was found in them."""
        return sum(program.num_traced for program in self._programs.values())

    def preparing(self, prepare: Prepare) -> KerasNetwork:
        """Return the same network, its weights shared, with something else before it.

        Args:
            prepare: makes what the network takes of what it is called with, all as tensors, as a
                part of the program.
        """
        other = copy.copy(self)
        other._prepare, other._programs = prepare, {}
        return other

    def start(self, *inputs: Any) -> list[Any]:
        """Begin to run the network; returns its outputs on the device, before they are there.

        Args:
            *inputs: as of a call, or what is on the device already.
        """
        with self.scope(), self._computing():
            return self._program(inputs).run(*inputs)

    def __call__(self, *inputs: Array) -> list[Array]:
        """Run the network; returns its outputs in order."""
        outputs = self.start(*inputs)
        num = len(outputs) if self._num_fetched is None else self._num_fetched
        return [*self._program(inputs).fetch(outputs[:num]), *outputs[num:]]

    def _program(self, inputs: Sequence[Any]) -> Program:
        shapes = tuple(tuple(array.shape) for array in inputs)
        if shapes not in self.networks:
            self.networks[shapes] = self._make(shapes, self._dtype)
        network = self.networks[shapes]
        if id(network) not in self._programs:
            self._programs[id(network)] = make_program(network, self._prepare, self._backend)
        return self._programs[id(network)]


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


def _set_precision(
    precision: str, device: str, backend: str
) -> tuple[str, Callable[[], contextlib.AbstractContextManager[None]]]:
    """Let convolutions and matrix products round their operands to TF32, or not.

    TF32 keeps 10 of 23 bits of the fraction (NVIDIA A100 whitepaper) and is several times faster
    on GPUs that have it; others compute in float32 all the same. Left alone, JAX rounds on GPUs
    whatever is called float32.

    Returns:
        Which precision it is, and the context that programs are compiled and run in.
    """
    has_tf32 = device == "gpu" and backend in ("tensorflow", "jax")
    if precision == "auto":
        precision = "tf32" if has_tf32 else "float32"
    if precision == "tf32" and not has_tf32:
        raise ValueError(
            "precision tf32: only on an NVIDIA GPU with TensorFlow or JAX; use float32"
        )
    if has_tf32 and backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(precision != "float32")
    if has_tf32 and backend == "jax":
        import jax

        rounding = "highest" if precision == "float32" else "tensorfloat32"
        return precision, partial(jax.default_matmul_precision, rounding)
    return precision, contextlib.nullcontext
