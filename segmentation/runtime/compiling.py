"""A network made ready to run, exported at its first use.

On the processor by OpenVINO, which runs these networks faster than TensorFlow does and starts in a
third of a second. They are written in Keras, which only the export needs, training and GPUs: so a
family keeps `network.py` apart from `segmenter.py`, which imports no Keras.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from segmentation.runtime.devices import check_float32, chosen_place, spare_threads
from segmentation.runtime.export_cache import Origin, cached_export
from segmentation.runtime.keras_network import KerasNetwork, import_keras
from segmentation.runtime.openvino_network import OpenVINONetwork
from segmentation.runtime.programs import Prepare
from segmentation.segmenter import Options

#: images that Keras runs in one call where there are several; more do not fit into small GPUs
KERAS_BATCH = 4


def compile_network(
    build: Callable[..., Any],
    origin: Origin,
    options: Options,
    *,
    num_fetched: int | None = None,
    any_shape: bool = False,
) -> OpenVINONetwork | KerasNetwork:
    """Make a network ready to run, from an export on disk where it was exported before.

    Args:
        build: returns the Keras model, weights included; called only where it is needed, for Keras
            itself with `num_images` and `dtype`, "float32" or "bfloat16".
        origin: what it is made from.
        options: which backend, device and precision are wanted.
        num_fetched: for Keras itself, see `KerasNetwork`.
        any_shape: see `OpenVINONetwork`.

    Raises:
        ValueError: they cannot be had.
        WeightsError: `build` raises it, or the export cannot be kept on disk.
    """
    place = chosen_place(options.backend, options.device, prefer_gpu=True)
    network: OpenVINONetwork | KerasNetwork
    if place.backend == "keras":
        of_batch = cache(lambda num, dtype: build(num_images=num, dtype=dtype))
        network = KerasNetwork(
            lambda shapes, dtype: of_batch(shapes[0][0], dtype),
            place.device,
            options.precision,
            num_fetched=num_fetched,
        )
    else:
        check_float32(options.precision)
        path = exported(build, origin, options)
        network = OpenVINONetwork(path, spare_threads(), any_shape=any_shape)
    network.device += place.note
    return network


def images_at_a_time(network: OpenVINONetwork | KerasNetwork) -> int:
    """Return how many images go through a network in one call where there are several."""
    return KERAS_BATCH if isinstance(network, KerasNetwork) else 1


def taking_photos(network: OpenVINONetwork | KerasNetwork, prepare: Prepare) -> KerasNetwork | None:
    """Return the network of Keras that brings photos to its input by itself.

    `None` for OpenVINO, which would have to compile it for each size of photo.

    Args:
        network: what is made ready.
        prepare: makes its inputs of photos (N, H, W, 3) uint8, a tensor, and of what else it is
            called with.
    """
    return network.preparing(prepare) if isinstance(network, KerasNetwork) else None


def exported(build: Callable[[], Any], origin: Origin, options: Options) -> Path:
    """Return the network as an OpenVINO model (.xml) on disk, made at the first call.

    The arguments are those of `compile_network`.

    Raises:
        WeightsError: `build` raises it, or the export cannot be kept on disk.
    """
    from segmentation.user_folders import user_cache

    tell = options.on_message or (lambda line: None)
    name = origin.settings.split()[0]

    def wait() -> None:
        tell(f"{name} waits for another program, which prepares a network: about a minute")

    def export_to(target: Path) -> None:
        tell(f"preparing {name} for this processor, once: about a minute")
        # the memory of the export is free again for what OpenVINO makes of it
        os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")
        import_keras()
        from segmentation.runtime.openvino_export import export

        export(build(), target)
        gc.collect()  # a Keras network holds itself; it need not lie beside the compiled one

    return cached_export(user_cache() / "compiled", origin, export_to, wait)
