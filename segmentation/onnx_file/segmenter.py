"""Networks of others in ONNX files: one image in, how much of each pixel is foreground out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.family import check_images
from segmentation.instances import Instances, Matte
from segmentation.onnx_file.claims import Claims, read_claims
from segmentation.onnx_file.graph import (
    Limits,
    memory_needed,
    multiplications,
    pixels_taken,
    result_limits,
)
from segmentation.onnx_file.known import (
    AS_THEY_ARE,
    FOREGROUND,
    PLAIN,
    Known,
    Scaling,
    known_by_name,
)
from segmentation.onnx_file.reading import Input, read_model, with_size
from segmentation.onnx_file.result import Layout, foreground_share, layout_of
from segmentation.parts.resample import nearest_aspect, resized
from segmentation.runtime.devices import check_float32, spare_threads
from segmentation.runtime.openvino_network import OpenVINONetwork
from segmentation.segmenter import Options, check_classes

#: multiplications up to which a network takes some milliseconds on one core
FAST_MULTIPLICATIONS = 5e8
#: A result is shown as a matte in images of up to so many times its sides: `python -m
#: benchmarks.quality.enlarging` has the errors. In larger ones its edges would be a blur.
MATTE_REACH = 2
#: short side x these are the sides of an input that is free
_ASPECTS = (1.0, 4 / 3, 16 / 9)
_STRIDE = 32


def load_onnx_file(options: Options) -> ONNXFile:
    """Return the network of `options.weights`, compiled; see `segmentation.loading.load`.

    Raises:
        ValueError: it needs to be told more, or cannot do what the options ask for.
        WeightsError: the file is not there, or no network of one image and one foreground.
    """
    path = options.weights
    if path is None:
        raise ValueError("onnx is for files of others; name one, --model FILE.onnx")
    _check_options(path, options)
    known = known_by_name(path)
    claims = read_claims(path)
    model = read_model(claims)
    given = Input.of(model, claims)
    finds = options.classes or (known.finds if known else FOREGROUND,)
    check_classes(options.keep or (), tuple(finds))
    scaling = _scaling(claims, model, options, known)
    sizes_hw = _sizes_hw(claims, given, options, known)
    largest_hw = max(sizes_hw, key=math.prod)
    model = with_size(model, claims, given, largest_hw)
    layout, limits = _result(model, claims, largest_hw)
    network = OpenVINONetwork(path, spare_threads(), path, read=partial(read_model, claims))
    loaded = ONNXFile(
        network,
        path=path,
        name=path.name,
        device=network.device,
        classes=tuple(finds),
        given=given,
        scaling=scaling,
        sizes_hw=sizes_hw,
        layout=layout,
        limits=limits,
        fast=multiplications(model) <= FAST_MULTIPLICATIONS,
    )
    del model
    if len(sizes_hw) == 1:  # what OpenVINO cannot run is told now
        loaded.prepare()
    return loaded


def _check_options(path: Path, options: Options) -> None:
    if options.min_score is not None:
        raise ValueError(f"{path.name} takes no least score: it finds one foreground")
    if options.classes is not None and len(options.classes) != 1:
        raise ValueError(f"{path.name} finds one foreground; give it one name, --classes NAME")
    if options.backend == "keras" or options.device == "gpu":
        raise ValueError(f"{path.name}: ONNX files run on the CPU, with backend openvino")
    check_float32(options.precision)


def _scaling(claims: Claims, model: Any, options: Options, known: Known | None) -> Scaling:
    """Return how pixels are scaled: as asked for, as the file says, or as is known."""
    if options.mean is not None or options.std is not None:
        return Scaling(_three(options.mean, 0.0), _three(options.std, 1.0))
    taken = pixels_taken(model)
    if taken is not None:
        return AS_THEY_ARE if taken == "bytes" else PLAIN
    if known is None:
        raise ValueError(
            f"{claims.path}: how its pixels are scaled is not in the file; say so: --mean "
            "0.485,0.456,0.406 --std 0.229,0.224,0.225 (most trained on ImageNet, U2-Net), "
            "--mean 0.5 --std 1 (IS-Net), --mean 0.5 --std 0.5 (-1 to 1, MODNet), --mean 0 (0 to 1)"
        )
    if options.on_message is not None:
        told = f"{claims.path.name}: taken for {known.title} by its name, {known.scaling.told()}"
        options.on_message(told + (", blue first" if known.scaling.is_bgr else ""))
    return known.scaling


def _three(values: Sequence[float] | None, default: float) -> tuple[float, float, float]:
    given = [default] if values is None else [float(value) for value in values]
    red, green, blue = given * 3 if len(given) == 1 else given
    return red, green, blue


def _sizes_hw(
    claims: Claims, given: Input, options: Options, known: Known | None
) -> tuple[tuple[int, int], ...]:
    """Return the sizes its input may have: one, or those of several aspects."""
    height, width = given.size_hw
    if height is not None and width is not None:
        if options.size is not None and options.size not in (height, width):
            raise ValueError(f"{claims.path}: its input is {width}x{height}, which cannot change")
        return ((height, width),)
    side = options.size or (known.size if known else None)
    if side is None:
        raise ValueError(f"{claims.path}: takes any size; say which, such as --input-size 512")
    if height is not None or width is not None:
        return ((height or side, width or side),)
    lying = {(_steps(side), _steps(side * aspect)) for aspect in _ASPECTS}
    return tuple(sorted(lying | {(width, height) for height, width in lying}))


def _steps(side: float) -> int:
    return max(1, round(side / _STRIDE)) * _STRIDE


def _result(model: Any, claims: Claims, size_hw: tuple[int, int]) -> tuple[Layout, Limits | None]:
    """Return how the result is laid out, and between what it lies; see `result_limits`."""
    try:
        layout = layout_of(model.outputs[0].get_partial_shape(), size_hw)
        limits = result_limits(model)
        needed = memory_needed(model)
    except ValueError as error:
        raise claims.refuse(str(error)) from error
    if needed > claims.most_bytes:
        size, most = f"{claims.num_bytes / 1e6:.1f} MB", f"{claims.most_bytes / 1e9:.1f} GB"
        told = f"needs {needed / 1e9:,.1f} GB for an image of {size_hw[1]}x{size_hw[0]}"
        raise claims.refuse(f"{told}, and is a file of {size}, which is given {most} at most")
    return layout, limits


@dataclass(eq=False)
class ONNXFile:
    """A network of somebody's as a `Segmenter`: one object, all that it calls foreground.

    What a fast one finds is a small mask, which is refined as that of portrait is. The result of
    others is shown as it is where it has nearly the size of the image: with all of its hair, in
    which refining, made for small masks, would put edges.

    Attributes:
        network: of one scaled image; returns arrays, of which the first counts.
        path: of the file.
        name: see `Segmenter`, likewise `device`, `classes` and `fast`.
        given: what it takes.
        scaling: of its pixels.
        sizes_hw: of its input that there are; the one nearest in aspect is taken.
        layout: of its result.
        limits: of its result, `None` for logits.
    """

    network: Callable[..., Sequence[NDArray[Any]]]
    path: Path
    name: str
    device: str
    classes: tuple[str, ...]
    given: Input
    scaling: Scaling
    sizes_hw: tuple[tuple[int, int], ...]
    layout: Layout
    limits: Limits | None
    fast: bool

    max_input: int | None = field(init=False)
    max_images = 1
    separates_objects = False

    def __post_init__(self) -> None:
        """Settle what follows from the size."""
        sides = max(map(max, self.sizes_hw))
        # squeezed into a square, a wide image must keep the detail of its short side
        self.max_input = sides * 16 // 9 if self.fast else sides * MATTE_REACH

    def prepare(self) -> None:
        """Let the network run once, on nothing."""
        self._share(np.zeros((*self.sizes_hw[0], 3), np.uint8))

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the foreground of N images; see `Segmenter.segment`. At most one, of label 0."""
        check_images(images)
        return [self._segment_one(image) for image in images]

    def _segment_one(self, image: NDArray[np.uint8]) -> Instances:
        size_hw = (image.shape[0], image.shape[1])
        network_hw = nearest_aspect(self.sizes_hw, size_hw)
        share = self._share(resized(np.ascontiguousarray(image), network_hw))
        reach = [MATTE_REACH * side for side in share.shape]
        alpha = resized(np.rint(share * 255).astype(np.uint8), size_hw)
        if self.fast or size_hw[0] > reach[0] or size_hw[1] > reach[1]:
            return Instances.of_mask(alpha)
        return Instances.of_matte(Matte(alpha))

    def _share(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return how much of each pixel of the result is foreground, 0 to 1."""
        pixels = self.given.array(image, self.scaling)
        try:
            result = self.network(pixels)[0]
        except RuntimeError as error:
            raise WeightsError(f"{self.path}: {_first_line(error)}") from error
        return foreground_share(result, self.layout, self.limits)


def _first_line(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check "))]
    return f"OpenVINO cannot run it: {(told or lines or ['it does not say why'])[0]}"
