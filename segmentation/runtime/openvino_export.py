"""A Keras network becomes an OpenVINO model of fixed shapes."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import keras

from segmentation.runtime.openvino_network import import_openvino

#: Bytes left on a disk on which a model did not find room
NEARLY_FULL = 1_000_000


def to_openvino(network: keras.Model) -> Any:
    """Convert a network; weights stay in float32.

    Args:
        network: a functional model on Keras' TensorFlow backend, its batch size fixed. Sides of
            images may be unknown (`None`): whoever compiles the model then chooses.

    Returns:
        An `openvino.Model` with the inputs and outputs of the network, in order.

    Raises:
        ValueError: Keras runs on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"Keras backend: expected tensorflow, got {keras.backend.backend()}")
    import tensorflow as tf

    import_openvino()  # not while another thread still does so, without the converter
    from openvino.tools.ovc import convert_model

    variables = [*network.trainable_variables, *network.non_trainable_variables]
    num_trainable = len(network.trainable_variables)

    def call(*tensors: Any) -> Any:
        weights, inputs = tensors[: len(variables)], tensors[len(variables) :]
        return network.stateless_call(
            list(weights[:num_trainable]), list(weights[num_trainable:]), list(inputs)
        )[0]

    # Weights are inputs at first: conversion would copy those within the graph several times.
    names = [f"weight_{index}" for index in range(len(variables))]
    inputs = [*zip(variables, names, strict=True), *((x, x.name) for x in network.inputs)]
    signature = [tf.TensorSpec(x.shape, x.dtype, name=name) for x, name in inputs]
    function = tf.function(call, input_signature=signature, autograph=False)
    shapes = [tuple(-1 if side is None else side for side in x.shape) for x, _ in inputs]
    model = convert_model(function, input=shapes)
    # sizes that are worked out on the way may end up behind the outputs
    for result in model.get_results()[len(network.outputs) :]:
        model.remove_result(result)
    _insert_weights(model, dict(zip(names, variables, strict=True)))
    _sort_fast(model)
    _cancel_transposes(model)
    _unshare_biases(model)
    return model


def export(network: keras.Model, path: Path) -> None:
    """Write `to_openvino` of a network as `path` (.xml) with its .bin beside it.

    Raises:
        OSError: it cannot be written there.
    """
    import openvino

    model = to_openvino(network)
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:  # which does not say why
        is_full = shutil.disk_usage(path.parent).free < NEARLY_FULL
        number = errno.ENOSPC if is_full else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def _insert_weights(model: Any, weights: dict[str, keras.Variable]) -> None:
    """Put constants in the place of the inputs of these names, and work out what they decide."""
    import openvino
    from openvino._offline_transformations import apply_moc_transformations

    for parameter in model.get_parameters():
        variable = weights.get(parameter.get_friendly_name())
        if variable is not None:
            constant = openvino.op.Constant(keras.ops.convert_to_numpy(variable))
            parameter.output(0).replace(constant.output(0))
            model.remove_parameter(parameter)
    apply_moc_transformations(model, cf=True)


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


def _unshare_biases(model: Any) -> None:
    """Give every addition constants of its own: OpenVINO merges only those into convolutions."""
    import openvino

    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant":
            continue
        _, *others = node.output(0).get_target_inputs()
        for consumer in others:
            if consumer.get_node().get_type_name() == "Add":
                own = openvino.op.Constant(node.data)
                consumer.replace_source_output(own.output(0))
