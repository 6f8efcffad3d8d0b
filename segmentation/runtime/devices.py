"""What there is to run networks on, and what of it is taken."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

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


class Place(NamedTuple):
    """Where a network runs.

    Attributes:
        backend: "openvino" or "keras".
        device: "cpu" or "gpu".
        note: goes behind the device's name, for people: of a GPU that cannot be used. Empty where
            there is none, nobody wants it, or Keras is to say so.
    """

    backend: str
    device: str
    note: str = ""


def chosen_place(backend: str, device: str, *, prefer_gpu: bool) -> Place:
    """Return where a network runs for what `segmentation.segmenter.Options` asks for.

    With Keras on a GPU that can be used, unless somebody declines it.

    Args:
        backend: "auto", "openvino" or "keras".
        device: "auto", "cpu" or "gpu".
        prefer_gpu: where both say "auto", such a GPU is worth the seconds that Keras takes to
            start.

    Raises:
        ValueError: OpenVINO is asked for on a GPU.
    """
    if backend == "openvino" and device == "gpu":
        raise ValueError("backend openvino runs on the CPU here; for a GPU use backend keras")
    takes_gpu = backend == "keras" or (backend == "auto" and prefer_gpu)
    is_wanted = device == "auto" and takes_gpu
    if device == "gpu" or (is_wanted and gpu_usable()):
        return Place("keras", "gpu")
    # nobody asked for the GPU, but nobody should wonder why it idles; visitors of a page, who
    # see this too, need not know the folders of its server
    note = f"; {UNUSED_GPU}, see doctor" if is_wanted and gpu_present() else ""
    return Place("keras" if backend == "keras" else "openvino", "cpu", note)
