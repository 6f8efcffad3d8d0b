"""A Keras network becomes an OpenVINO model of fixed shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras


def to_openvino(network: keras.Model) -> Any:
    """Convert a network with fixed input shapes; weights stay in float32.

    Args:
        network: a functional model on Keras' TensorFlow backend, its batch size fixed.

    Returns:
        An `openvino.Model` with the inputs and outputs of the network, in order.

    Raises:
        ValueError: Keras runs on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"Keras backend: expected tensorflow, got {keras.backend.backend()}")
    import openvino
    import tensorflow as tf

    def constant(variable: keras.Variable) -> Any:
        with tf.init_scope():
            value = variable.numpy()
        return tf.constant(value)

    def call(*inputs: Any) -> Any:
        # Weights enter as constants: OpenVINO looks through all variables at each operation.
        groups = (network.trainable_variables, network.non_trainable_variables)
        constants = [[constant(variable) for variable in group] for group in groups]
        return network.stateless_call(*constants, list(inputs))[0]

    signature = [tf.TensorSpec(x.shape, x.dtype, name=x.name) for x in network.inputs]
    function = tf.function(call, input_signature=signature, autograph=False)
    model = openvino.convert_model(function, input=[tuple(x.shape) for x in network.inputs])
    _sort_fast(model)
    _cancel_transposes(model)
    return model


def export(network: keras.Model, path: Path) -> None:
    """Write `to_openvino` of a network as `path` (.xml) with its .bin beside it."""
    import openvino

    openvino.save_model(to_openvino(network), path, compress_to_fp16=False)


def _sort_fast(model: Any) -> None:
    """Let equal values come out of top-k in any order: hundreds of times faster on a CPU."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "TopK":
            node.set_attribute("stable", False)
        elif node.get_type_name() == "Loop":
            _sort_fast(node.get_function())


def _cancel_transposes(model: Any) -> None:
    """Take out pairs of transposes that undo each other; the conversion leaves some of them."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Transpose":
            continue
        before = node.input_value(0).get_node()
        if before.get_type_name() != "Transpose":
            continue
        orders = [transpose.input_value(1).get_node() for transpose in (before, node)]
        if any(order.get_type_name() != "Constant" for order in orders):
            continue
        first, second = (order.data for order in orders)
        if first[second].tolist() == list(range(len(first))):
            for consumer in node.output(0).get_target_inputs():
                consumer.replace_source_output(before.input_value(0))
