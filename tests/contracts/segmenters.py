"""Every network of the program, as small as it can be had."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import pytest

from segmentation.loading import load
from segmentation.segmenter import Options, Segmenter
from tests.contracts.known_networks import open_known
from tests.recipes import Recipes
from tests.stand_ins.onnx_files import brightness

Open = Callable[[Options], Segmenter]


@dataclass(frozen=True)
class Case:
    """A network and what it needs.

    Attributes:
        name: as `load` takes it.
        kind: name of its class.
        surroundings: given weights and exports; gives what loads it, with options of one's own.
        refuses: options that it cannot follow.
        scores_fall: what it reports is less certain than what `min_score` holds for.
        is_exact: the same image has the same result to the last bit, whatever its threads do.
        is_long: loading takes long.
    """

    name: str
    kind: str
    surroundings: Callable[[Recipes], AbstractContextManager[Open]]
    refuses: frozenset[str] = frozenset()
    scores_fall: bool = False
    is_exact: bool = True
    is_long: bool = False


def _bundled(name: str, kind: str, *refuses: str) -> Case:
    return Case(name, kind, lambda _: nullcontext(partial(load, name)), frozenset(refuses))


def _of_photos(name: str, kind: str) -> Case:
    """What finds the people of photos, whose outlines another network draws."""

    def opened(options: Options) -> Segmenter:
        return load(name, options).instances  # type: ignore[attr-defined, no-any-return]

    return Case(name, kind, lambda _: nullcontext(opened))


def _known(name: str, kind: str, *refuses: str) -> Case:
    opened = nullcontext(partial(open_known, name))
    return Case(name, kind, lambda _: opened, frozenset(refuses))


#: which recipe's weights fit a network, and a small size of its input at which it finds something
RECIPES = {
    "mask-rcnn": ("matterport", 128),
    "yolact-plus-resnet50": ("yolact_plus_resnet50", 256),
    "centermask-lite-v19": ("centermask2_lite_V19", 320),
    "rf-detr-seg-nano": ("rfdetr_seg_nano", 120),
    "rvm-resnet50": ("rvm_resnet50", 64),
}
#: Which of them differs from a network in the layers alone, which parity tests compare.
SAME_BUT_FOR_LAYERS = {
    "yolact-base": "yolact-plus-resnet50",
    "yolact-darknet53": "yolact-plus-resnet50",
    "yolact-im700": "yolact-plus-resnet50",
    "yolact-resnet50": "yolact-plus-resnet50",
    "yolact-plus-base": "yolact-plus-resnet50",
    "centermask-lite-mobilenetv2": "centermask-lite-v19",
    "centermask-lite-v39": "centermask-lite-v19",
    "centermask-v39": "centermask-lite-v19",
    "centermask-v57": "centermask-lite-v19",
    "rf-detr-seg-small": "rf-detr-seg-nano",
    "rf-detr-seg-medium": "rf-detr-seg-nano",
    "rf-detr-seg-large": "rf-detr-seg-nano",
    "rf-detr-seg-xlarge": "rf-detr-seg-nano",
    "rf-detr-seg-2xlarge": "rf-detr-seg-nano",
    "rvm-mobilenet": "rvm-resnet50",
}


def _published(name: str, kind: str) -> Case:
    """The network itself, its weights made by a recipe; compiled once for all options.

    Mask R-CNN has fewer proposals than the published one; parity tests hold it with all.
    """

    @contextmanager
    def with_weights(recipes: Recipes) -> Iterator[Open]:
        pytest.importorskip("keras")
        pytest.importorskip("h5py")
        recipe, size = RECIPES[name]
        weights = recipes.weights(recipe)
        small = Options(weights=weights, size=size, backend="openvino", device="cpu")
        exported = recipes.exported(recipe)
        if kind == "MaskRCNN":
            from tests.segmentation.mask_rcnn.fewer_proposals import fewer_proposals

            exported = fewer_proposals(recipes)
        with exported, pytest.MonkeyPatch.context() as patch:
            _compile_once(patch, MODULES[kind])
            least = None if kind == "RobustVideoMatting" else 0.0
            yield lambda options: load(
                name, replace(small, min_score=options.min_score or least, keep=options.keep)
            )

    is_plus = name.startswith("yolact-plus")
    return Case(
        name,
        kind,
        with_weights,
        frozenset({"min_score"} if kind == "RobustVideoMatting" else ()),
        scores_fall=is_plus,
        is_exact=not is_plus,
        is_long=True,
    )


def _compile_once(patch: pytest.MonkeyPatch, module: str) -> None:
    """Let a family's file compile a network the first time, and take that one afterwards."""
    compiled: list[object] = []
    compile_network = importlib.import_module(module).compile_network

    def once(*arguments: object, **more: object) -> object:
        if not compiled:
            compiled.append(compile_network(*arguments, **more))
        return compiled[0]

    patch.setattr(f"{module}.compile_network", once)


#: where families compile
MODULES = {
    "MaskRCNN": "segmentation.mask_rcnn.segmenter",
    "YOLACT": "segmentation.yolact.segmenter",
    "CenterMask": "segmentation.centermask.segmenter",
    "RFDETR": "segmentation.rf_detr.segmenter",
    "RobustVideoMatting": "segmentation.rvm.segmenter",
}
_KINDS = {
    "mask-rcnn": "MaskRCNN",
    "yolact": "YOLACT",
    "centermask": "CenterMask",
    "rf-detr": "RFDETR",
    "rvm": "RobustVideoMatting",
}


def _file(size_hw: tuple[int | str, int | str]) -> Case:
    """A network of others, written by the test."""
    name = f"network_{size_hw[0]}_{size_hw[1]}.onnx"

    @contextmanager
    def written(recipes: Recipes) -> Iterator[Open]:
        path = recipes.session.made(name, lambda path: brightness(path, size_hw))
        yield lambda options: load(
            str(path), replace(options, mean=[0.55], std=[0.25], size=None if 32 in size_hw else 64)
        )

    return Case(name, "ONNXFile", written, frozenset({"min_score"}))


SEGMENTERS: dict[str, Case] = {
    "portrait": _bundled("portrait", "Portrait", "min_score"),
    "mask-rcnn-person": _bundled("mask-rcnn-person", "SharpPeople"),
    "people without outlines": _of_photos("mask-rcnn-person", "SeveralSizes"),
    "onnx": _file((32, 48)),
    "onnx of any size": _file(("h", "w")),
    "what is around mask-rcnn": _known("mask-rcnn", "MaskRCNN"),
    "what is around yolact": _known("yolact-base", "YOLACT"),
    "what is around centermask": _known("centermask-v39", "CenterMask"),
    "what is around rf-detr": _known("rf-detr-seg-nano", "RFDETR"),
    "what is around rvm": _known("rvm-mobilenet", "RobustVideoMatting", "min_score"),
    **{
        name: _published(name, next(_KINDS[each] for each in _KINDS if name.startswith(each)))
        for name in RECIPES
    },
}
