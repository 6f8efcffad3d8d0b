"""What there is to run networks on, and what of it is taken."""

from __future__ import annotations

import shutil
from pathlib import Path

from segmentation.processors import num_processors
from segmentation.runtime.keras_network import import_keras, keras_devices

UNUSED_GPU = "the NVIDIA GPU is unused"


def spare_threads() -> int:
    """Return how many threads a network may use so that one core is left to the video."""
    return max(1, num_processors() - 1)


def gpu_present() -> bool:
    """Whether the machine has an NVIDIA GPU, found out without loading anything."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def gpu_usable() -> bool:
    """Whether Keras as it is installed can run on a GPU; loads it only where there is one."""
    if not gpu_present():
        return False
    try:
        return bool(keras_devices(import_keras(), "gpu"))
    except ImportError:
        return False


def check_float32(precision: str) -> None:
    """Raise `ValueError` where a network has no other precision than this, and one is asked for."""
    if precision not in ("auto", "float32"):
        raise ValueError(
            f"precision {precision}: this network computes in float32 here; "
            "others come with backend keras and a network to fetch"
        )


def chosen_backend(backend: str, device: str, *, prefer_gpu: bool) -> str:
    """Return "openvino" or "keras" for what `segmentation.segmenter.Options` asks for.

    Args:
        backend: "auto", "openvino" or "keras".
        device: "auto", "cpu" or "gpu".
        prefer_gpu: where both say "auto", a GPU that can be used is worth the seconds that Keras
            takes to start.

    Raises:
        ValueError: OpenVINO is asked for on a GPU.
    """
    if backend == "openvino" and device == "gpu":
        raise ValueError("backend openvino runs on the CPU here; for a GPU use backend keras")
    if backend != "auto":
        return backend
    on_gpu = device == "gpu" or (device == "auto" and prefer_gpu and gpu_usable())
    return "keras" if on_gpu else "openvino"
