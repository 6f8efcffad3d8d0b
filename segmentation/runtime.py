"""A network and its weights become a function from image to result, on the device at hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.segmenter import WeightsError


class CompiledNetwork:
    """An OpenVINO model on the CPU, compiled once for each input shape it meets.

    Args:
        path: the model's .xml, its .bin beside it.
        num_threads: processor threads of one call.

    Raises:
        WeightsError: the file is missing or no OpenVINO model.
    """

    def __init__(self, path: Path, num_threads: int) -> None:
        """Read the model; nothing is compiled yet."""
        import openvino

        self.device = f"CPU (OpenVINO, {num_threads} thread{'s' if num_threads > 1 else ''})"
        self._core = openvino.Core()
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": num_threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self._path = path
        self._compiled: dict[tuple[int, ...], Any] = {}
        self._read()

    def _read(self) -> Any:
        try:
            return self._core.read_model(self._path)
        except RuntimeError as error:
            raise WeightsError(
                f"{self._path}: not a readable OpenVINO model; install the program again"
            ) from error

    def __call__(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Run the network on one input of any shape it can take; returns its outputs."""
        if image.shape not in self._compiled:
            model = self._read()
            model.reshape(list(image.shape))
            compiled = self._core.compile_model(model, "CPU", self._settings)
            self._compiled[image.shape] = compiled.create_infer_request()
        outputs = self._compiled[image.shape].infer(image, share_inputs=True)
        return [np.array(value) for value in outputs.values()]


def spare_threads() -> int:
    """Return how many threads a network may use so that one core is left to the video."""
    return max(1, (os.cpu_count() or 2) - 1)
