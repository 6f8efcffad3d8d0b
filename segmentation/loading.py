"""Which network a name means, what `auto` takes, and how it is loaded."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from segmentation.errors import WeightsError
from segmentation.pip_command import install_extra
from segmentation.segmenter import Options, Segmenter, check_classes, composed

#: What some of `Options` may be.
CHOICES = {
    "backend": ("auto", "openvino", "keras"),
    "device": ("auto", "cpu", "gpu"),
    "precision": ("auto", "float32", "tf32", "bfloat16"),
    "detail": ("auto", "live", "fine"),
}
#: Those that look at photos for longer than at the frames of a video; see `Options.detail`.
DETAILED = ("portrait", "mask-rcnn-person")
_DETAIL_IS_FOR = f"detail is for {' and '.join(DETAILED)}"

#: Those of which `auto` takes the first one that is on disk, where objects are wanted: the fastest
#: first, since each finds more than the last one; docs/networks.md has the figures.
AUTO_ORDER = (
    *(f"rf-detr-seg-{size}" for size in ("nano", "small", "medium", "large", "xlarge", "2xlarge")),
    "mask-rcnn",
)
#: What to do where there is none of these.
FETCH_ONE = f"run.py models fetch {AUTO_ORDER[0]} or mask-rcnn"


def load(
    name: str | os.PathLike[str],
    options: Options | None = None,
    *,
    asks_for_instances: bool = False,
    **values: Any,
) -> Segmenter:
    """Return a network, ready to run; nothing is downloaded.

    Args:
        name: "portrait" and "mask-rcnn-person" are in the package; "mask-rcnn", "yolact-...",
            "centermask-...", "rf-detr-seg-..." and "rvm-..." need weights on disk, see `run.py
            models`. "auto" takes what suits best of those that are there. A path that ends in
            .onnx is a network of others, which finds one foreground; see docs/onnx.md.
        options: how it is loaded, see `Options`.
        asks_for_instances: with "auto": people in one mask do not suffice.
        **values: fields of `Options`, which count instead of those of `options`:
            `load("mask-rcnn", min_score=0.5, keep=["dog"])`.

    Raises:
        TypeError: `Options` has no such field, or `name` or `options` is something else.
        ValueError: there is no network of that name, or it cannot do what the options ask for.
        WeightsError: its weights are not there or cannot be used. Of one that was fetched and that
            Keras runs, most tensors are compared only when its first images come.
    """
    if not isinstance(options, Options | None):
        raise TypeError(f"load() takes Options, or keywords such as min_score=0.5, got {options!r}")
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"load() takes the name of a network or the path of a file, got {name!r}")
    options = _with_values(options or Options(), values)
    name, options = of_file(os.fspath(name), options)
    if name != "auto" and name not in LOADERS:
        known = ", ".join(network_names())
        raise ValueError(f"model must be one of auto, {known}, or FILE.onnx, got {name!r}")
    if name == "auto":
        asks_for_instances = asks_for_instances or options.keep is not None
        name = choose_model(options, asks_for_instances=asks_for_instances)
    if name != "onnx" and (options.mean is not None or options.std is not None):
        raise ValueError(f"mean and std are for ONNX files; {name} knows its own")
    if name not in DETAILED and options.detail != "auto":
        raise ValueError(f"{_DETAIL_IS_FOR}; {name} looks at every image once")
    _check_published(name, options)
    return LOADERS[name](options)


def network_names() -> tuple[str, ...]:
    """Return the names of all networks but those in files of others."""
    return tuple(name for name in LOADERS if name != "onnx")


def of_file(name: str, options: Options) -> tuple[str, Options]:
    """Return the network that reads a file of others, and the file as its weights.

    Other names are returned as they are.

    Raises:
        ValueError: the options name weights as well.
    """
    if not is_file(name):
        return name, options
    if options.weights is not None and options.weights != Path(name):
        raise ValueError(f"{name} has its weights in itself; {options.weights} is one too many")
    return "onnx", replace(options, weights=Path(name))


def has_min_score(name: str, weights: Path | None = None) -> bool:
    """Return whether a network of that name finds objects that are more or less certain."""
    is_matte = is_file(name) or (name == "auto" and weights is not None and is_file(weights.name))
    return not (is_matte or name.startswith(("portrait", "rvm-", "onnx")))


def is_file(name: str) -> bool:
    """Return whether a model's name is the path of a file."""
    return name.lower().endswith(".onnx")


def _with_values(options: Options, values: dict[str, Any]) -> Options:
    """Return the options with some of their fields changed, all of them checked."""
    known = [field.name for field in fields(Options)]
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise TypeError(f"load() has no option {name!r}; {hint}")
    options = _with_lists(replace(options, **values))
    if options.weights is not None:
        if not isinstance(options.weights, str | os.PathLike):
            raise ValueError(f"weights must be the path of a file, got {options.weights!r}")
        options = replace(options, weights=Path(options.weights))
    score, size = options.min_score, options.size
    if score is not None and not (_is(Real, score) and 0 <= score <= 1):
        raise ValueError(f"min_score must be from 0 to 1, got {score!r}")
    if size is not None and not (_is(Integral, size) and size > 0):
        raise ValueError(f"size must be a number of pixels such as 512, got {size!r}")
    for name in ("mean", "std"):
        _check_of_pixels(name, getattr(options, name))
    for name, choices in CHOICES.items():
        if (value := getattr(options, name)) not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return options


def _is(kind: type, value: object) -> bool:
    """Return whether a value is a number of that kind, which `True` is to Python but not here."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _check_of_pixels(name: str, values: Any) -> None:
    """Raise `ValueError` unless these are one number or three, those of `std` above 0."""
    if values is None:
        return
    given = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else []
    is_right = len(given) in (1, 3) and all(
        _is(Real, value) and math.isfinite(value) and (name == "mean" or float(value) > 0)
        for value in given
    )
    if not is_right:
        example = "[0.485, 0.456, 0.406]" if name == "mean" else "[0.229, 0.224, 0.225]"
        raise ValueError(f"{name} must be a list such as {example}, or [0.5], got {values!r}")


def _with_lists(options: Options) -> Options:
    """Return the options with lists of names, which may be given as anything that can be one."""
    lists: dict[str, Any] = {}
    for name in ("keep", "classes"):
        given: Any = getattr(options, name)
        if given is None:
            continue
        hint = f" such as [{given!r}]" if isinstance(given, str) else ""
        names = [] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
        if not names or not all(isinstance(each, str) for each in names):
            raise ValueError(f"{name} must be a list of names{hint}, got {given!r}")
        lists[name] = names = [composed(each) for each in names]
        if name == "classes" and ("" in names or len(set(names)) < len(names)):
            raise ValueError(f"each of the classes needs a name of its own, got {given!r}")
    return replace(options, **lists)


def _check_published(name: str, options: Options) -> None:
    """Raise `ValueError` where `keep` names a class that the published weights do not know.

    Before the weights are looked for: nobody should fetch them for a slip of the pen.
    """
    from segmentation.weights.presets import PRESETS

    if name in PRESETS and options.weights is None and options.classes is None:
        check_classes(options.keep or (), PRESETS[name].classes)


def choose_model(options: Options, *, asks_for_instances: bool) -> str:
    """Return the name of the network that suits best among those whose weights are on disk.

    Args:
        options: how it will be loaded; `on_message` is told of a GPU that is there for nothing.
        asks_for_instances: people in one mask do not suffice.

    Raises:
        ValueError: no network knows a class that is to be kept, or `detail` is asked for
            and another one than `DETAILED` is taken.
        WeightsError: there is none, or the weights asked for may be of several.
    """
    name = _best_on_disk(options, asks_for_instances=asks_for_instances)
    if name not in DETAILED and options.detail != "auto":
        raise ValueError(
            f"{_DETAIL_IS_FOR}; auto takes {name} here, which looks at every image once"
        )
    return name


def _best_on_disk(options: Options, *, asks_for_instances: bool) -> str:
    from segmentation.runtime.devices import UNUSED_GPU, gpu_present, gpu_usable
    from segmentation.weights.presets import PRESETS
    from segmentation.weights.store import find

    if options.weights is not None:
        return _model_of(options.weights)
    _check_published(AUTO_ORDER[0], options)
    on_disk = next((name for name in AUTO_ORDER if find(PRESETS[name]) is not None), None)
    if asks_for_instances and on_disk is not None:
        return on_disk
    if asks_for_instances:
        if not (options.classes or set(options.keep or ()) - {"person"}):
            return "mask-rcnn-person"
        raise WeightsError(
            "objects other than people need a network that knows them, and none is on disk; "
            f"{FETCH_ONE}, or --model NAME --weights FILE"
        )
    if options.device == "cpu" or options.backend == "openvino" or not gpu_present():
        return "portrait"
    if on_disk is not None and (options.device == "gpu" or gpu_usable()):
        return on_disk
    if options.device == "auto" and options.on_message is not None:
        remedy = install_extra("gpu") if on_disk else FETCH_ONE
        options.on_message(f"{UNUSED_GPU}: {remedy} for a network that needs it")
    return "portrait"


def _model_of(weights: Path) -> str:
    """Return the name of the network that files of this kind are for."""
    if is_file(weights.name):
        return "onnx"
    if weights.suffix.lower() in (".pth", ".pt"):
        raise WeightsError(f"{weights}: of which program? Name its network with --model")
    return "mask-rcnn-person" if weights.suffix.lower() == ".npz" else "mask-rcnn"


def _portrait(options: Options) -> Segmenter:
    from segmentation.portrait.segmenter import load_portrait

    return load_portrait(options)


def _person(options: Options) -> Segmenter:
    with _missing_packages_named("mask-rcnn-person"):
        from segmentation.person.segmenter import load_person

        return load_person(options)


def _mask_rcnn(options: Options) -> Segmenter:
    with _missing_packages_named("mask-rcnn"):
        from segmentation.mask_rcnn.segmenter import load_mask_rcnn

        return load_mask_rcnn(options)


def _yolact(name: str, options: Options) -> Segmenter:
    with _missing_packages_named(name):
        from segmentation.yolact.segmenter import load_yolact

        return load_yolact(name, options)


def _centermask(name: str, options: Options) -> Segmenter:
    with _missing_packages_named(name):
        from segmentation.centermask.segmenter import load_centermask

        return load_centermask(name, options)


def _rvm(name: str, options: Options) -> Segmenter:
    with _missing_packages_named(name):
        from segmentation.rvm.segmenter import load_rvm

        return load_rvm(name, options)


def _rf_detr(name: str, options: Options) -> Segmenter:
    with _missing_packages_named(name):
        from segmentation.rf_detr.segmenter import load_rf_detr

        return load_rf_detr(name, options)


def _onnx(options: Options) -> Segmenter:
    from segmentation.onnx_file.segmenter import load_onnx_file

    return load_onnx_file(options)


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
    "rvm-mobilenet": partial(_rvm, "rvm-mobilenet"),
    "rvm-resnet50": partial(_rvm, "rvm-resnet50"),
    "rf-detr-seg-nano": partial(_rf_detr, "rf-detr-seg-nano"),
    "rf-detr-seg-small": partial(_rf_detr, "rf-detr-seg-small"),
    "rf-detr-seg-medium": partial(_rf_detr, "rf-detr-seg-medium"),
    "rf-detr-seg-large": partial(_rf_detr, "rf-detr-seg-large"),
    "rf-detr-seg-xlarge": partial(_rf_detr, "rf-detr-seg-xlarge"),
    "rf-detr-seg-2xlarge": partial(_rf_detr, "rf-detr-seg-2xlarge"),
    # of which a path means a file
    "onnx": _onnx,
}
