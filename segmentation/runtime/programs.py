"""A Keras network becomes one program of XLA for each shape of its inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tensor = Any
#: makes what a network takes of what its program is given
Prepare = Callable[..., Sequence[Tensor]]
#: Shapes of inputs whose programs are kept: those beyond are of photos, each of another size.
MAX_COMPILED = 16


class Program:
    """A network with all that is done to its inputs, one operation after the other, without XLA.

    Args:
        network: a `keras.Model`, weights included.
        prepare: makes what it takes of the inputs of the program; `None` where it takes these.

    Attributes:
        num_traced: how often it was put together anew: once for each shape of inputs.
    """

    def __init__(self, network: Any, prepare: Prepare | None) -> None:
        """Nothing is compiled yet."""
        self._network = network
        self._prepare = prepare
        self.num_traced = 0

    def run(self, *inputs: Any) -> list[Tensor]:
        """Return the network's outputs in order, on its device; they may not be there yet."""
        import keras

        return self._outputs(self._network, [keras.ops.convert_to_tensor(x) for x in inputs])

    def fetch(self, outputs: Sequence[Tensor]) -> list[Array]:
        """Wait for outputs of `run`."""
        import keras

        return [keras.ops.convert_to_numpy(output) for output in outputs]

    def _outputs(self, compute: Callable[[Any], Any], inputs: Sequence[Tensor]) -> list[Tensor]:
        given = list(inputs) if self._prepare is None else list(self._prepare(*inputs))
        outputs = compute(given if len(given) > 1 else given[0])
        return outputs if isinstance(outputs, list) else [outputs]


class XLAProgram(Program, ABC):
    """One that XLA compiles for each shape of inputs, of which the last ones are kept."""

    def __init__(self, network: Any, prepare: Prepare | None) -> None:
        """Nothing is compiled yet."""
        super().__init__(network, prepare)
        self._compiled = self._to_compile()
        self._num_forgotten = 0

    @abstractmethod
    def _to_compile(self) -> Callable[..., Sequence[Tensor]]:
        """Return what compiles a program when it is called with inputs of a shape."""

    def run(self, *inputs: Any) -> list[Tensor]:
        """See `Program.run`."""
        if self.num_traced - self._num_forgotten > MAX_COMPILED:
            self._compiled, self._num_forgotten = self._to_compile(), self.num_traced
        return list(self._compiled(*inputs))


class TensorFlowProgram(XLAProgram):
    """A `tf.function` of XLA."""

    def _to_compile(self) -> Callable[..., Sequence[Tensor]]:
        import tensorflow as tf

        compiled: Callable[..., Sequence[Tensor]] = tf.function(
            self._traced, jit_compile=True, autograph=False
        )
        return compiled

    def _traced(self, *inputs: Any) -> list[Tensor]:
        import tensorflow as tf

        self.num_traced += 1
        # arrays, where functions are told to run as they are
        return self._outputs(self._network, [tf.convert_to_tensor(x) for x in inputs])


class JAXProgram(XLAProgram):
    """A `jax.jit` whose arguments are the weights, which stay on the device, and the inputs."""

    def _to_compile(self) -> Callable[..., Sequence[Tensor]]:
        import jax

        network = self._network
        weights = tuple(
            [variable.value for variable in variables]
            for variables in (network.trainable_variables, network.non_trainable_variables)
        )
        return partial(jax.jit(self._traced), weights)

    def _traced(self, weights: Any, *inputs: Tensor) -> list[Tensor]:
        self.num_traced += 1
        return self._outputs(lambda given: self._network.stateless_call(*weights, given)[0], inputs)

    def fetch(self, outputs: Sequence[Tensor]) -> list[Array]:
        """See `Program.fetch`; copies to the host begin all at once."""
        import jax

        return [np.asarray(output) for output in jax.device_get(list(outputs))]


def make_program(network: Any, prepare: Prepare | None, backend: str) -> Program:
    """Return the program of a network on a backend of Keras."""
    programs = {"jax": JAXProgram, "tensorflow": TensorFlowProgram}
    return programs.get(backend, Program)(network, prepare)
