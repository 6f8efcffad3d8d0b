"""A state dict of PyTorch into a Keras network: its names, its order of axes, matched exactly.

The layers of a network are named as the modules of the original program
(`roi_heads.mask_head.deconv`). Where a module's name has a slash, which Keras does not allow, the
layer's has a dot.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.weights.strict_match import Shape, finite, match_shapes, tensor_name

if TYPE_CHECKING:
    import keras

#: Keras' name of a tensor -> PyTorch's; other names are the same
_TORCH_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def torch_name(variable: keras.Variable) -> str:
    """Return what PyTorch calls a variable: `stem.norm.running_mean`."""
    layer, tensor = tensor_name(variable).split("/")
    return f"{layer}.{_TORCH_NAMES.get(tensor, tensor)}"


def named_tensors(tensors: dict[Any, Any], path: Path) -> dict[str, object]:
    """Return a dict of tensors by name.

    Raises:
        WeightsError: a key is no text.
    """
    for name in tensors:
        if not isinstance(name, str):
            raise WeightsError(
                f"{path}: a tensor has a name of type {type(name).__name__}, no text; give a file "
                "of weights"
            )
    return tensors


def load_state_dict(network: keras.Model, tensors: Mapping[str, object], path: Path) -> None:
    """Set every variable of the network from a state dict that has exactly these tensors.

    Args:
        network: whose layers are named as the modules.
        tensors: arrays by name, as `segmentation.weights.pth_weights.read_pth` returns them.
        path: of the file they come from, for errors.

    Raises:
        WeightsError: a tensor is missing, one too many, of another shape, no numbers, or has
            values that are not finite. The network is then as it was.
    """
    variables = {torch_name(variable): variable for variable in network.variables}
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    try:
        arrays = {name.replace("/", "."): _array(tensor, name) for name, tensor in tensors.items()}
        arrays |= {
            name: to_keras_order(arrays[name], shape)
            for name, shape in shapes.items()
            if name in arrays
        }
        match_shapes({name: array.shape for name, array in arrays.items()}, shapes)
        values = {name: finite(array, name) for name, array in arrays.items()}
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    for name, variable in variables.items():
        variable.assign(values[name])


def _array(tensor: object, name: str) -> NDArray[Any]:
    if not isinstance(tensor, np.ndarray) or tensor.dtype.kind not in "fiu":
        raise WeightsError(f"{name} is no array of numbers; get the file from its publisher")
    return tensor


def to_keras_order(array: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return a tensor of PyTorch with its axes in Keras' order; as it is where it does not fit.

    Kernels: of a convolution (out, in, h, w), of a transposed one (in, out, h, w), of a depthwise
    one (channels, 1, h, w), of a dense layer (out, in). A dense layer over a flattened map may be
    a convolution as large as the map here.

    Args:
        array: as in the file.
        shape: of the variable.
    """
    if array.ndim == 2 and len(shape) == 4 and array.size == np.prod(shape):
        height, width, num_in, num_out = shape
        array = array.reshape(num_out, num_in, height, width)
    is_depthwise = array.ndim == 4 and array.shape[1] == 1 and shape[-1] == 1
    orders = {4: (2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0), 2: (1, 0)}
    turned = array.transpose(orders.get(array.ndim, range(array.ndim)))
    return turned if turned.shape == shape else array
