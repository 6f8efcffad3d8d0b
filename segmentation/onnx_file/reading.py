"""An ONNX file as a model of OpenVINO, and the input that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.onnx_file.claims import Claims
from segmentation.onnx_file.known import Scaling
from segmentation.onnx_file.memory_limit import at_most
from segmentation.runtime.openvino_network import import_openvino

#: inputs of Robust Video Matting as its authors export it
_RVM = {"src", "r1i", "r2i", "r3i", "r4i"}
#: OpenVINO's names of types in which pixels may go in
_TYPES: dict[str, type[np.generic]] = {
    "f32": np.float32,
    "f16": np.float16,
    "f64": np.float64,
    "u8": np.uint8,
}
#: longest side of an input that anybody means
MAX_SIDE = 8192


def read_model(claims: Claims) -> Any:
    """Return the part of a network that its first result takes, as an `openvino.Model`.

    Raises:
        WeightsError: OpenVINO cannot read it.
    """
    openvino = import_openvino()
    core = openvino.Core()
    try:
        with at_most(claims.most_bytes):
            model = core.read_model(claims.path)
            first = model.outputs[0].get_node()
            return openvino.Model([first], model.get_parameters(), "first result")
    except (RuntimeError, IndexError, UnicodeDecodeError, MemoryError) as error:
        raise claims.refuse(_why(error)) from error


def _why(error: Exception) -> str:
    """Return what OpenVINO says, in one line."""
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip(" -")]
    unknown = "No conversion rule found for operations: "
    for line in lines:
        if unknown in line:
            return f"needs operations that OpenVINO does not have: {line.partition(unknown)[2]}"
    told = [line for line in lines if not line.startswith(("Exception from", "Check ", "FrontEnd"))]
    return f"OpenVINO cannot read it: {(told or lines or ['it does not say why'])[-1][:200]}"


def with_size(model: Any, claims: Claims, given: Input, size_hw: tuple[int, int]) -> Any:
    """Return the model for inputs of that size.

    Raises:
        WeightsError: it has no such size.
    """
    shape = given.shape(size_hw)
    try:
        if model.inputs[0].get_partial_shape().is_dynamic:
            with at_most(claims.most_bytes):
                model.reshape({0: list(shape)})
    except (RuntimeError, MemoryError) as error:
        sides = f"{size_hw[1]}x{size_hw[0]}"
        raise claims.refuse(f"takes no input of {sides}; another --input-size may suit") from error
    return model


@dataclass(frozen=True)
class Input:
    """What a network takes.

    Attributes:
        is_nchw: channels come before rows and columns.
        size_hw: a side that is free is `None`.
        dtype: of its pixels.
    """

    is_nchw: bool
    size_hw: tuple[int | None, int | None]
    dtype: type[np.generic]

    @classmethod
    def of(cls, model: Any, claims: Claims) -> Input:
        """Read it.

        Raises:
            WeightsError: the network takes something else than one image.
        """
        names = [_name(each) for each in model.inputs]
        if set(names) >= _RVM:
            raise claims.refuse(
                "is Robust Video Matting, which remembers frames; use --model rvm-mobilenet or "
                "rvm-resnet50, with its authors' weights"
            )
        if len(names) != 1:
            told = ", ".join(names)[:120] or "none"
            raise claims.refuse(f"takes {len(names)} inputs ({told}); one image is given")
        (given,) = model.inputs
        shape = given.get_partial_shape()
        sides = (
            [None if side.is_dynamic else side.get_length() for side in shape]
            if (shape.rank.is_static)
            else []
        )
        dtype = _TYPES.get(_short(given.get_element_type()))
        is_nchw = len(sides) == 4 and sides[1] == 3
        if len(sides) != 4 or 3 not in (sides[1], sides[3]) or sides[0] not in (None, 1):
            told = "x".join("?" if side is None else str(side) for side in sides) or "of any shape"
            raise claims.refuse(f"its input is {told}; one image of three channels is given")
        if dtype is None:
            raise claims.refuse(f"takes {_short(given.get_element_type())}, which are no pixels")
        size_hw = (sides[2], sides[3]) if is_nchw else (sides[1], sides[2])
        if any(side is not None and not 1 <= side <= MAX_SIDE for side in size_hw):
            raise claims.refuse(f"its input has sides of {size_hw}; the most is {MAX_SIDE}")
        return cls(is_nchw, size_hw, dtype)

    def shape(self, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return the shape of one image of that size."""
        height, width = size_hw
        return (1, 3, height, width) if self.is_nchw else (1, height, width, 3)

    def array(self, image: NDArray[np.uint8], scaling: Scaling) -> NDArray[Any]:
        """Return an image, (H, W, 3) uint8 RGB, as the network takes it."""
        if self.dtype is np.uint8:
            pixels: NDArray[Any] = image
        else:
            slope = np.float32(1 / 255) / np.array(scaling.std, np.float32)
            offset = np.array(scaling.mean, np.float32) / np.array(scaling.std, np.float32)
            pixels = (image * slope - offset).astype(self.dtype)
        if scaling.is_bgr:
            pixels = pixels[..., ::-1]
        laid_out = pixels.transpose(2, 0, 1) if self.is_nchw else pixels
        return np.ascontiguousarray(laid_out[None])


def _name(given: Any) -> str:
    return str(next(iter(sorted(given.get_names())), given.get_node().get_friendly_name()))


def _short(kind: Any) -> str:
    """Return "f32" for OpenVINO's type of that name."""
    return str(kind.to_string())
