"""Makes the files of the bundled `mask-rcnn-person` from trained weights.

python -m segmentation.training.bundled.export_person runs/mask-rcnn-person/best.npz [...]

writes person.npz (the weights, kernels in 16 bits) and for each size of input an OpenVINO model
person_HxW.xml into the package, since a Mask R-CNN has fixed shapes; person.bin holds the constants
of all of them, once. Needs the packages of the extra `train`, with TensorFlow as the backend of
Keras.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.person.network import load_network
from segmentation.person.segmenter import (
    EXPORTED_WEIGHTS,
    LARGE_SIZES_HW,
    SIZES_HW,
    WEIGHTS,
    export_path,
)
from segmentation.runtime.openvino_export import to_openvino
from segmentation.weights.named_weights import matching, read_named, save_named
from segmentation.weights.ordered_weights import read_weights

ALIGNMENT = 64  # bytes; what a processor reads at once
AVERAGE = "average.npz"


def mean_of_files(paths: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
    """Return the mean of the weights of runs, by their names; see `export_portrait.mean_of`.

    Args:
        paths: each the `best.npz` of a run, or `average.npz` of its checkpoint, whose arrays have
            no names and are in the order of those in the package.

    Raises:
        WeightsError: a file is not one of this network.
    """
    known = read_named(WEIGHTS)
    shapes = {name: array.shape for name, array in known.items()}
    runs = []
    for path in paths:
        if path.name == AVERAGE:
            arrays = read_weights(path)
            if len(arrays) != len(known):
                raise WeightsError(f"{path}: has {len(arrays)} arrays, expected {len(known)}")
            weights = dict(zip(known, arrays, strict=True))
        else:
            weights = read_named(path)
        runs.append(matching(weights, shapes, path))
    return {
        name: np.asarray(np.mean([run[name] for run in runs], axis=0), np.float32) for name in known
    }


def export(weights: Path) -> None:
    """Write the OpenVINO models of all sizes into the package, numbers in 16 bits.

    Raises:
        WeightsError: the file is not one of this network.
    """
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        models = []
        for size_hw in SIZES_HW + LARGE_SIZES_HW:
            models.append(Path(folder) / export_path(size_hw).name)
            network = load_network(weights, size_hw)
            openvino.save_model(to_openvino(network), models[-1], compress_to_fp16=True)
        EXPORTED_WEIGHTS.write_bytes(share_constants(models))
        for model in models:
            (EXPORTED_WEIGHTS.parent / model.name).write_bytes(model.read_bytes())


def share_constants(models: Sequence[Path]) -> bytes:
    """Return a .bin for several OpenVINO models, each constant once, and point the models to it.

    Args:
        models: their .xml, changed in place; each has its .bin beside it, which is not.
    """
    shared = bytearray()
    places: dict[bytes, int] = {}
    for model in models:
        constants = model.with_suffix(".bin").read_bytes()
        tree = ET.parse(model)
        for data in tree.iterfind(".//layer[@type='Const']/data"):
            offset = int(data.attrib["offset"])
            values = constants[offset : offset + int(data.attrib["size"])]
            digest = hashlib.sha256(values).digest()
            if digest not in places:
                shared += bytes(-len(shared) % ALIGNMENT)
                places[digest] = len(shared)
                shared += values
            data.set("offset", str(places[digest]))
        for element in tree.iter():
            # a quarter of the file is indentation
            element.text = (element.text or "").strip() or None
            element.tail = None
        tree.write(model)
    return bytes(shared)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "weights", type=Path, nargs="+", help="the .npz of a training run; of several the mean"
    )
    options = parser.parse_args()
    save_named(mean_of_files(options.weights), WEIGHTS)
    export(WEIGHTS)


if __name__ == "__main__":
    main()
