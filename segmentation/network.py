"""What the families of networks share: compiled at the first use, one image after another."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.coco import NAMES
from segmentation.runtime import (
    UNUSED_GPU,
    KerasNetwork,
    OpenVINONetwork,
    cached_export,
    check_float32,
    chosen_backend,
    gpu_present,
    import_keras,
    spare_threads,
)
from segmentation.segmenter import Options, check_classes

#: what a family puts around a photo -> what its network makes of it, all as arrays
Network = Callable[..., Sequence[NDArray[Any]]]

#: a least score that no object reaches
NEVER = 2.0


def compile_network(
    build: Callable[[], Any],
    weights: Path,
    settings: str,
    options: Options,
    *,
    make: Callable[..., Any] | None = None,
) -> OpenVINONetwork | KerasNetwork:
    """Make a network ready to run, from an export on disk where it was exported before.

    Args:
        build: returns the Keras model, weights included; called only where it is needed.
        weights: the file they come from.
        settings: name of the network and everything else that it depends on.
        options: which backend, device and precision are wanted.
        make: builds a model for the shapes of its inputs, in the precision wanted; for Keras
            itself. Without it `build` is used, and "bfloat16" refused.

    Raises:
        ValueError: they cannot be had.
        WeightsError: `build` raises it, or the export cannot be kept on disk.
    """
    if chosen_backend(options.backend, options.device, prefer_gpu=True) == "keras":
        if make is None and options.precision == "bfloat16":
            raise ValueError("precision bfloat16: not with this network; use float32")
        on_gpu = options.device == "gpu" or (options.device == "auto" and gpu_present())
        device = "gpu" if on_gpu else "cpu"
        return KerasNetwork(make or (lambda _: build()), device, options.precision)

    check_float32(options.precision)
    network = OpenVINONetwork(exported(build, weights, settings, options), spare_threads())
    if (options.backend, options.device) == ("auto", "auto") and gpu_present():
        # nobody asked for the GPU, but nobody should wonder why it idles; visitors of a page, who
        # see this too, need not know the folders of its server
        network.device += f"; {UNUSED_GPU}, see doctor"
    return network


def exported(build: Callable[[], Any], weights: Path, settings: str, options: Options) -> Path:
    """Return the network as an OpenVINO model (.xml) on disk, made at the first call.

    The arguments are those of `compile_network`.

    Raises:
        WeightsError: `build` raises it, or the export cannot be kept on disk.
    """
    from segmentation.user_cache import user_cache

    def export_to(target: Path) -> None:
        if options.on_message is not None:
            name = settings.split()[0]
            options.on_message(f"preparing {name} for this processor, once: about a minute")
        # the memory of the export is free again for what OpenVINO makes of it
        os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")
        import_keras()
        from segmentation.openvino_export import export

        export(build(), target)
        gc.collect()  # a Keras network holds itself; it need not lie beside the compiled one

    return cached_export(user_cache() / "compiled", weights, settings, export_to)


def class_names(path: Path, given: Sequence[str] | None, num: int) -> tuple[str, ...]:
    """Return the names of the `num` classes that a weight file knows.

    Args:
        path: of the file.
        given: the names, from the user; `None` where they should be COCO's.
        num: of classes, without background.

    Raises:
        ValueError: other names are needed.
    """
    if given is None and num == len(NAMES):
        return NAMES
    if given is None:
        raise ValueError(f"{path} knows {num} classes of its own; name them with --classes")
    if len(given) != num:
        raise ValueError(f"{path} knows {num} classes, but {len(given)} names are given")
    return tuple(given)


def wanted_classes(
    path: Path, options: Options, num: int
) -> tuple[tuple[str, ...], list[int] | None]:
    """Return the names of the `num` classes of a weight file, and indices of those to keep.

    The indices are `None` where all are wanted.

    Raises:
        ValueError: there are not as many names, or no such classes.
    """
    names = class_names(path, options.classes, num)
    if options.keep is None:
        return names, None
    check_classes(options.keep, names)
    return names, [names.index(name) for name in options.keep]


def least_scores(
    num_classes: int, min_score: float, keep: Sequence[int] | None
) -> NDArray[np.float32]:
    """Return the score an object of each class must reach, `NEVER` for classes not wanted.

    Args:
        num_classes: of all, without background.
        min_score: for those wanted.
        keep: indices of those wanted, `None` for all.
    """
    least = np.full(num_classes, NEVER, np.float32)
    least[list(range(num_classes) if keep is None else keep)] = min_score
    return least


@dataclass(eq=False)
class FamilySegmenter:
    """What the `Segmenter` of each family knows.

    Attributes:
        network: what it takes and returns its `build_network` says.
        name: see `Segmenter`.
        classes: names, without background, in the order of the network's classes.
        device: what the network runs on, for people.
        min_score: objects less certain are not reported.
        keep: indices into `classes` of the only ones wanted; `None` for all.
        max_input: see `Segmenter`; each family sets it.
        max_images: see `Segmenter`.
    """

    network: Network
    _: KW_ONLY
    name: str
    classes: tuple[str, ...]
    device: str
    min_score: float
    keep: Sequence[int] | None = None
    max_input: int | None = field(init=False)
    max_images: int = 1

    def least_scores(self) -> NDArray[np.float32]:
        """Return the score an object of each class must reach."""
        return least_scores(len(self.classes), self.min_score, self.keep)


def check_images(images: NDArray[np.uint8]) -> None:
    """Raise `ValueError` unless these are (N, H, W, 3) uint8."""
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise ValueError(f"images: expected uint8 (N, H, W, 3), got {images.dtype} {images.shape}")
