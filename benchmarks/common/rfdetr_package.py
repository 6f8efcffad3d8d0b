"""RF-DETR as its authors' package `rfdetr` runs it, in PyTorch, to be measured beside ours.

The package is no dependency: `pip install rfdetr` (Apache-2.0, some 5 GB with PyTorch) puts it
beside this program.
"""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.rf_detr.published import PUBLISHED_MIN_SCORE, read_checkpoint

CLASSES = {
    "rf-detr-seg-nano": "RFDETRSegNano",
    "rf-detr-seg-small": "RFDETRSegSmall",
    "rf-detr-seg-medium": "RFDETRSegMedium",
    "rf-detr-seg-large": "RFDETRSegLarge",
    "rf-detr-seg-xlarge": "RFDETRSegXLarge",
    "rf-detr-seg-2xlarge": "RFDETRSeg2XLarge",
}


class RFDETRPackage:
    """A network of the package, on one thread, compiled as its documentation advises for speed.

    Args:
        name: a key of `CLASSES`.
        weights: of the network, as the authors publish them.

    Attributes:
        device: what it runs on, for people.

    Raises:
        ModuleNotFoundError: the package is not installed.
        WeightsError: the file cannot be read, or is not of this network.
    """

    def __init__(self, name: str, weights: Path) -> None:
        """Load and compile it."""
        package = importlib.import_module("rfdetr")
        torch = importlib.import_module("torch")
        torch.set_num_threads(1)
        self._network = getattr(package, CLASSES[name])(pretrain_weights=None, device="cpu")
        # by the reader of this program, which runs no code from the file
        tensors = read_checkpoint(weights, name).tensors
        own = self._network.model.model.state_dict()
        for key, values in tensors.items():
            tensor = np.asarray(values)
            # what is there once for each group of training is run by the first alone
            own[key][: len(tensor)] = torch.from_numpy(tensor[: len(own[key])])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing; sizes stay as they are
            self._network.inference()  # by TorchScript
        self.device = f"CPU (rfdetr on PyTorch {torch.__version__}, TorchScript)"

    def segment(self, images: NDArray[np.uint8]) -> list[Any]:
        """Return what is found in each image, (N, H, W, 3) uint8 RGB, with masks of its size."""
        return [
            self._network.predict(image, threshold=PUBLISHED_MIN_SCORE, include_source_image=False)
            for image in images
        ]
