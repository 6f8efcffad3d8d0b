"""Makes the files of the bundled `mask-rcnn-person` from trained weights.

python -m segmentation.training.bundled.export_person runs/mask-rcnn-person/best.npz

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

from segmentation.person.network import load_network
from segmentation.person.segmenter import EXPORTED_WEIGHTS, SIZES_HW, WEIGHTS, export_path
from segmentation.runtime.openvino_export import to_openvino
from segmentation.weights.named_weights import read_named, save_named

ALIGNMENT = 64  # bytes; what a processor reads at once


def export(weights: Path) -> None:
    """Write the OpenVINO models of all sizes into the package, numbers in 16 bits.

    Raises:
        WeightsError: the file is not one of this network.
    """
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        models = []
        for size_hw in SIZES_HW:
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
    parser.add_argument("weights", type=Path, help="the .npz of a training run")
    options = parser.parse_args()
    save_named(read_named(options.weights), WEIGHTS)
    export(WEIGHTS)


if __name__ == "__main__":
    main()
