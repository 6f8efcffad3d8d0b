"""The machine that is measured: what it has, what it lacks, and what runs networks on it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from typing import Any

from segmentation.runtime.keras_network import import_keras, keras_devices

#: modules that are needed -> what to install
NEEDED = {"keras": "keras", "optree": "optree", "h5py": "h5py", "cv2": "opencv-python"}


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # the latter of what was put into `sys.modules` by hand
        return False


def choose_backend() -> None:
    """Let Keras run on JAX, or on TensorFlow where that alone is there or was chosen.

    Raises:
        ValueError: something is missing; the line says all that is.
    """
    missing = [package for module, package in NEEDED.items() if not _is_there(module)]
    chosen = os.environ.get("KERAS_BACKEND")
    backends = [chosen] if chosen else ["jax", "tensorflow"]
    backend = next((name for name in backends if name and _is_there(name)), None)
    if backend is None:
        missing.append(" or ".join(map(str, backends)))
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}; python -m pip install them")
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = str(backend)


def machine(device: str) -> dict[str, Any]:
    """Return what tells this machine and its programs from others.

    Raises:
        ValueError: Keras' backend sees no such device.
    """
    keras = import_keras()
    backend = keras.backend.backend()
    if not keras_devices(keras, device):
        raise ValueError(f"device {device}: Keras on {backend} sees none; see --device cpu --small")
    told: dict[str, Any] = {"device": device, "python": platform.python_version()}
    told |= {name: importlib.metadata.version(name) for name in ("keras", "numpy", backend)}
    if backend == "jax":
        import jax

        told["kind"] = jax.devices(device)[0].device_kind
    elif device == "gpu":
        import tensorflow as tf

        (first, *_) = tf.config.list_physical_devices("GPU")
        told["kind"] = tf.config.experimental.get_device_details(first).get("device_name")
    return told


def memory(device: str) -> dict[str, int]:
    """Return the device's memory in use now, and the most so far, in MB; nothing of processors."""
    if device == "cpu":
        return {}
    if import_keras().backend.backend() == "jax":
        import jax

        known = jax.devices(device)[0].memory_stats() or {}
        now, most = known.get("bytes_in_use"), known.get("peak_bytes_in_use")
    else:
        import tensorflow as tf

        known = tf.config.experimental.get_memory_info("GPU:0")
        now, most = known["current"], known["peak"]
    numbers = {"memory_mb": now, "peak_memory_mb": most}
    return {name: value >> 20 for name, value in numbers.items() if value is not None}
