"""Makes the files of the bundled portrait network from trained weights.

python -m segmentation.training.bundled.export_portrait runs/portrait/best.npz [...] --data FOLDER

writes portrait.npz (the weights, kernels in 16 bits) and portrait.xml and .bin (the same network
for OpenVINO, of any input size, in 8 bits: more than twice as fast on processors with such
instructions) into the package. From the weights training can go on, and another runtime start; with
the model the default network runs without Keras. Its graph is rewritten to operations that OpenVINO
is faster at (`segmentation.training.bundled.faster_graph`). Needs the packages of the extra
`train`, with TensorFlow as the backend of Keras.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.parts.resample import nearest_aspect, resized
from segmentation.portrait.segmenter import EXPORT, SIZES_HW, WEIGHTS
from segmentation.training.bundled.portrait_photos import read_photos
from segmentation.weights.ordered_weights import read_weights

NUM_CALIBRATION = 300  # photos whose activations decide the ranges of the 8-bit numbers
Image = NDArray[np.uint8]


def mean_of(runs: Sequence[Sequence[NDArray[np.float32]]]) -> list[NDArray[np.float32]]:
    """Return the mean of the weights of runs, each begun with those of the one before.

    It is often better than each (Wortsman et al. 2022, "Model soups: averaging weights of multiple
    fine-tuned models improves accuracy without increasing inference time").
    """
    return [np.mean(arrays, axis=0) for arrays in zip(*runs, strict=True)]


def halved(weights: Sequence[NDArray[np.float32]]) -> list[NDArray[Any]]:
    """Return kernels in 16 bits; vectors, whose small numbers that would lose, as they are."""
    return [array.astype(np.float16) if array.ndim > 1 else array for array in weights]


def export(weights: Sequence[NDArray[np.float32]], photos: Iterable[Image], path: Path) -> None:
    """Write the network in 8 bits as an OpenVINO model: `path` (.xml) and its .bin.

    Post-training quantization: kernels by channel, activations with an offset, both in 8 bits;
    then the biases are corrected layer by layer (Nagel et al. 2019, "Data-Free
    Quantization Through Weight Equalization and Bias Correction", section 4.2). What the graph is
    slow at is then put in faster operations with equal results.

    Args:
        weights: in the order of `keras.Model.get_weights`.
        photos: (H, W, 3) RGB, at least `NUM_CALIBRATION` of the kind the network will see.
        path: of the .xml.
    """
    import nncf
    import openvino

    from segmentation.portrait.network import build
    from segmentation.training.bundled.faster_graph import make_faster

    network = build((224, 224))
    network.set_weights(list(weights))
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "network.xml"
        network.export(str(raw), format="openvino", verbose=False)
        exported = openvino.Core().read_model(raw)
        model = openvino.Model([_of_any_size(exported)], exported.get_parameters(), "portrait")
        model.reshape([1, -1, -1, 3])
        inputs = [
            resized(photo, nearest_aspect(SIZES_HW, photo.shape[:2]))[None] for photo in photos
        ]
        quantized = nncf.quantize(
            model,
            nncf.Dataset(inputs),
            subset_size=NUM_CALIBRATION,
            preset=nncf.QuantizationPreset.MIXED,
            fast_bias_correction=False,
        )
        make_faster(quantized)
        openvino.save_model(quantized, path, compress_to_fp16=True)


def _of_any_size(model: Any) -> Any:
    """Replace the nodes that Keras exports with the sizes of one input; returns the output."""
    import openvino.opset11 as ops

    axes = ops.constant(np.array([1, 2], np.int64))
    for node in model.get_ops():
        if node.get_type_name() == "Interpolate":
            fresh = ops.interpolate(
                node.input_value(0),
                ops.constant(np.array([2, 2], np.float32)),
                node.get_attributes()["mode"],
                "scales",
                axes=axes,
                coordinate_transformation_mode="half_pixel",
            )
        elif node.get_type_name() == "Reshape":
            # from (N, 1, H, W) to (N, H, W, 1)
            fresh = ops.transpose(node.input_value(0), np.array([0, 2, 3, 1], np.int64))
        else:
            continue
        node.output(0).replace(fresh.output(0))
    return model.output(0).get_node().input_value(0)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "weights", type=Path, nargs="+", help="the .npz of a training run; of several the mean"
    )
    parser.add_argument("--data", type=Path, required=True, help="the photos it was trained on")
    options = parser.parse_args()
    weights = halved(mean_of([read_weights(path) for path in options.weights]))
    WEIGHTS.parent.mkdir(exist_ok=True)
    np.savez(WEIGHTS, *weights)
    export([array.astype(np.float32) for array in weights], calibration(options.data), EXPORT)


def calibration(folder: Path) -> Iterator[Image]:
    """Yield about `NUM_CALIBRATION` of the photos in a folder, which are read at the first.

    That runs a network, and with it imports OpenVINO without the converter that `export` needs.
    """
    everything = read_photos(folder)
    for photo in everything[:: max(1, len(everything) // NUM_CALIBRATION)]:
        yield photo.image


if __name__ == "__main__":
    main()
