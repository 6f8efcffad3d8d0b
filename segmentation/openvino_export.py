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

    signature = [tf.TensorSpec(x.shape, x.dtype, name=x.name) for x in network.inputs]
    function = tf.function(
        lambda *inputs: network(list(inputs)), input_signature=signature, autograph=False
    )
    model = openvino.convert_model(function, input=[tuple(x.shape) for x in network.inputs])
    _sort_fast(model)
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
