"""The one interface of all networks, and how one is loaded by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmentation.coco import NAMES
from segmentation.instances import Instances
from segmentation.pip_command import install_extra


class WeightsError(Exception):
    """A weight file cannot be used: one line that names the file, what is wrong and the remedy."""


class Segmenter(Protocol):
    """A network with its weights. Stateless: the same images give the same result.

    Attributes:
        name: of the network, as `load` takes it.
        classes: names of what it finds, without background; `Instances.labels` index into it.
        max_input: long side in pixels above which an image carries no more information for the
            network, `None` where every pixel counts. Larger images are taken all the same.
        max_images: that go through the network at a time; more than one only where that is faster.
        device: what it runs on, for people ("CPU (OpenVINO)").
    """

    name: str
    classes: tuple[str, ...]
    max_input: int | None
    max_images: int
    device: str

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the objects of N images.

        Args:
            images: (N, H, W, 3) uint8 RGB, any H and W; resizing is done inside.

        Returns:
            N results, boxes and masks in pixels of the images passed in.

        Raises:
            ValueError: `images` has another shape or dtype.
        """


@dataclass(frozen=True, slots=True)
class Options:
    """How a network is to be loaded; a network refuses what it cannot do.

    Attributes:
        weights: file to read instead of the one on disk for the network's name.
        min_score: objects less certain are not reported; `None` for the original program's.
        keep: names of the only classes wanted, `None` for all.
        classes: names of all classes of a file of one's own, in the network's order.
        size: side of the network's input in pixels, `None` for the published one.
        backend: "auto", "openvino" or "keras".
        device: "auto", "cpu" or "gpu".
        precision: in which convolutions and matrix products are computed: "float32", on GPUs
            also "tf32", with Keras also "bfloat16"; "auto" for tf32 on a GPU, float32 elsewhere.
        on_message: called with a line for people when something takes long or is not as expected.
    """

    weights: Path | None = None
    min_score: float | None = None
    keep: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    size: int | None = None
    backend: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    on_message: Callable[[str], None] | None = None


def load(name: str, options: Options | None = None) -> Segmenter:
    """Return the network of a name, ready to run; nothing is downloaded.

    Raises:
        ValueError: there is no network of that name, or it cannot do what the options ask for.
        WeightsError: its weights are not there or cannot be used.
    """
    if name not in LOADERS:
        raise ValueError(f"model must be one of {', '.join(LOADERS)}, got {name!r}")
    options = options or Options()
    _check_published(name, options)
    return LOADERS[name](options)


def check_classes(names: Sequence[str], classes: Sequence[str]) -> None:
    """Raise `ValueError`, with a suggestion, where one of `names` is not among `classes`."""
    for name in names:
        if name not in classes:
            close = difflib.get_close_matches(name, classes, 1, 0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(classes)}"
            raise ValueError(f"no class {name!r}; {hint}")


def _check_published(name: str, options: Options) -> None:
    """Raise `ValueError` where `keep` names a class that the published weights do not know.

    Before the weights are looked for: nobody should fetch them for a slip of the pen.
    """
    from segmentation.presets import PRESETS

    if name in PRESETS and options.weights is None and options.classes is None:
        check_classes(options.keep or (), NAMES)


def choose_model(options: Options, *, asks_for_instances: bool) -> str:
    """Return the name of the network that suits best among those whose weights are on disk.

    Args:
        options: how it will be loaded; `on_message` is told of a GPU that is there for nothing.
        asks_for_instances: people in one mask do not suffice.

    Raises:
        ValueError: no network knows a class that is to be kept.
        WeightsError: there is none, or the weights asked for may be of several.
    """
    from segmentation.presets import PRESETS
    from segmentation.runtime import UNUSED_GPU, gpu_present, gpu_usable
    from segmentation.weights import find

    if options.weights is not None:
        return _model_of(options.weights)
    _check_published("mask-rcnn", options)
    on_disk = find(PRESETS["mask-rcnn"]) is not None
    if asks_for_instances and on_disk:
        return "mask-rcnn"
    if asks_for_instances:
        if not (options.classes or set(options.keep or ()) - {"person"}):
            return "mask-rcnn-person"
        raise WeightsError(
            "objects other than people need the weights of mask-rcnn, which are not on disk; "
            "run.py models fetch mask-rcnn, or --model mask-rcnn --weights FILE"
        )
    if options.device == "cpu" or options.backend == "openvino" or not gpu_present():
        return "portrait"
    if on_disk and (options.device == "gpu" or gpu_usable()):
        return "mask-rcnn"
    if options.device == "auto" and options.on_message is not None:
        remedy = install_extra("gpu") if on_disk else "run.py models fetch mask-rcnn"
        options.on_message(f"{UNUSED_GPU}: {remedy} for a network that needs it")
    return "portrait"


def _model_of(weights: Path) -> str:
    """Return the name of the network that files of this kind are for."""
    if weights.suffix.lower() in (".pth", ".pt"):
        raise WeightsError(f"{weights}: YOLACT's or CenterMask2's? Name its network with --model")
    return "mask-rcnn-person" if weights.suffix.lower() == ".npz" else "mask-rcnn"


def _portrait(options: Options) -> Segmenter:
    from segmentation.portrait import load_portrait

    return load_portrait(options)


def _person(options: Options) -> Segmenter:
    with _missing_packages_named("mask-rcnn-person"):
        from segmentation.person import load_person

        return load_person(options)


def _mask_rcnn(options: Options) -> Segmenter:
    with _missing_packages_named("mask-rcnn"):
        from segmentation.mask_rcnn import load_mask_rcnn

        return load_mask_rcnn(options)


def _yolact(name: str, options: Options) -> Segmenter:
    with _missing_packages_named(name):
        from segmentation.yolact import load_yolact

        return load_yolact(name, options)


def _centermask(name: str, options: Options) -> Segmenter:
    with _missing_packages_named(name):
        from segmentation.centermask import load_centermask

        return load_centermask(name, options)


@contextmanager
def _missing_packages_named(name: str) -> Iterator[None]:
    """Turn an import that fails into a line that says what to install."""
    try:
        yield
    except ImportError as error:
        raise WeightsError(
            f"{name} needs more packages ({error}): {install_extra('mask-rcnn')}"
        ) from error


#: Name on the command line -> how it is loaded.
LOADERS: dict[str, Callable[[Options], Segmenter]] = {
    "portrait": _portrait,
    "mask-rcnn-person": _person,
    "mask-rcnn": _mask_rcnn,
    "yolact-base": partial(_yolact, "yolact-base"),
    "yolact-resnet50": partial(_yolact, "yolact-resnet50"),
    "yolact-darknet53": partial(_yolact, "yolact-darknet53"),
    "yolact-im700": partial(_yolact, "yolact-im700"),
    "yolact-plus-base": partial(_yolact, "yolact-plus-base"),
    "yolact-plus-resnet50": partial(_yolact, "yolact-plus-resnet50"),
    "centermask-lite-mobilenetv2": partial(_centermask, "centermask-lite-mobilenetv2"),
    "centermask-lite-v19": partial(_centermask, "centermask-lite-v19"),
    "centermask-lite-v39": partial(_centermask, "centermask-lite-v39"),
    "centermask-v39": partial(_centermask, "centermask-v39"),
    "centermask-v57": partial(_centermask, "centermask-v57"),
}
