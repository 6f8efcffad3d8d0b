"""RF-DETR as it was published: any photo in, objects in that photo's pixels out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.coco import CATEGORIES, NAMES
from segmentation.family import SquareSegmenter, class_names
from segmentation.instances import Instances
from segmentation.parts.masks import enlarge_logits
from segmentation.parts.resample import resize_float
from segmentation.rf_detr.published import (
    NUM_COCO_OUTPUTS,
    PUBLISHED_MIN_SCORE,
    VARIANTS,
    Checkpoint,
    Variant,
    read_checkpoint,
)
from segmentation.runtime.compiling import compile_network, images_at_a_time, taking_photos
from segmentation.runtime.export_cache import Origin
from segmentation.segmenter import Options, check_classes

#: where the network is built, see `Origin`
FAMILIES = ("rf_detr",)
#: logits beyond these make no difference to a score
LARGEST_LOGIT = 80.0


def load_rf_detr(name: str, options: Options) -> RFDETR:
    """Return the network of a weight file, compiled; see `segmentation.loading.load`.

    Args:
        name: a key of `VARIANTS`.
        options: how it is to be loaded; without `size` it is the one the file was trained for.

    Raises:
        ValueError: `size` does not suit, or the classes are not as many as the file's.
        WeightsError: the file is not there, or not one of this network.
    """
    from segmentation.weights.presets import PRESETS
    from segmentation.weights.store import locate

    path = options.weights or locate(PRESETS[name])
    variant = VARIANTS[name]
    checkpoint = read_checkpoint(path, name)
    size = options.size or checkpoint.size
    _check_size(name, variant, size)
    classes, outputs = _classes(path, options.classes, checkpoint)
    check_classes(options.keep or (), classes)

    def build(**how: Any) -> Any:
        from segmentation.rf_detr.network import load_network

        num_outputs = checkpoint.num_outputs
        return load_network(checkpoint.tensors, path, variant, (size, size), num_outputs, **how)

    def prepare(photos: Any) -> tuple[Any]:
        from keras import ops

        return (resize_float(ops.cast(photos, "float32"), (size, size), ops) / 255,)

    origin = Origin(path, f"{name} {size}", FAMILIES)
    network = compile_network(build, origin, options)
    return RFDETR(
        network,
        name=name,
        size=size,
        classes=classes,
        outputs=outputs,
        min_score=PUBLISHED_MIN_SCORE if options.min_score is None else options.min_score,
        keep=None if options.keep is None else [classes.index(each) for each in options.keep],
        device=network.device,
        max_images=images_at_a_time(network),
        frames_network=taking_photos(network, prepare),
    )


def _check_size(name: str, variant: Variant, size: int) -> None:
    """Raise `ValueError` unless the network can have a square input of that side."""
    if size < variant.min_size or size % variant.step:
        lower = max(size // variant.step * variant.step, variant.min_size)
        raise ValueError(
            f"size of {name}'s input: a multiple of {variant.step} from {variant.min_size} on such "
            f"as {lower} or {lower + variant.step}, got {size}"
        )


def _classes(
    path: Path, given: Sequence[str] | None, checkpoint: Checkpoint
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names of a file's classes, and which output of the network is of each.

    Files trained on COCO have an output for each of its ids. Others have one for each class, and
    may have one more that none belongs to.

    Raises:
        ValueError: other names are needed.
    """
    num = checkpoint.num_outputs
    if given is None and num == NUM_COCO_OUTPUTS:
        return NAMES, tuple(number for number, _ in CATEGORIES)
    names = checkpoint.classes if given is None else given
    if names is not None and len(names) == num - 1:
        num -= 1
    return class_names(path, names, num), tuple(range(num))


def to_instances(
    boxes: NDArray[np.float32],
    logits: NDArray[np.float32],
    masks: NDArray[np.float32],
    *,
    least: NDArray[np.float32],
    size_hw: tuple[int, int],
) -> Instances:
    """Choose among the queries of one image, and bring what they found to the photo.

    A query may be several objects, each of another class; nothing suppresses another. As many are
    reported as there are queries, at most.

    Args:
        boxes: (K, 4) x and y of the centre, width, height as fractions of the photo.
        logits: (K, C) of classes.
        masks: (K, h, w) logits, of the whole photo.
        least: (C,), the score an object of each class must reach.
        size_hw: of the photo.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)))
    (eligible,) = np.nonzero((scores >= least).ravel())
    order = np.argsort(-scores.ravel()[eligible], kind="stable")[: len(boxes)]
    query, label = np.divmod(eligible[order], logits.shape[1])
    return Instances.untracked(
        _corners(boxes[query], size_hw),
        scores[query, label],
        label,
        enlarge_logits(masks[query], size_hw),
    )


def _corners(boxes: NDArray[np.float32], size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Return boxes as of `to_instances` as y1, x1, y2, x2 in pixels of the photo, cut off there."""
    extent = np.asarray(size_hw, np.float32)
    centre, half = boxes[:, 1::-1], boxes[:, :1:-1] / 2
    first = np.clip((centre - half) * extent, 0, extent)
    last = np.clip((centre + half) * extent, 0, extent)
    # a mask does not end at its box: of one beyond the edge the outermost pixels are left
    is_beyond = last <= first
    first = np.where(is_beyond, np.minimum(first, extent - 1), first)
    return np.concatenate([first, np.where(is_beyond, first + 1, last)], axis=1)


@dataclass(eq=False, kw_only=True)
class RFDETR(SquareSegmenter):
    """RF-DETR as a `Segmenter`: any photo in, objects in that photo's pixels out.

    Attributes:
        outputs: which output of the network is of each class.
    """

    outputs: Sequence[int]
    min_score: float = PUBLISHED_MIN_SCORE

    def _segment_batch(self, images: NDArray[np.uint8], num: int) -> list[Instances]:
        if self.takes_photos:
            outputs = self.network(images)
        else:
            outputs = self.network(resize_float(images, (self.size, self.size)) / np.float32(255))
        boxes, logits, masks = (np.asarray(output) for output in outputs)
        return [
            to_instances(
                boxes[index],
                logits[index][:, list(self.outputs)],
                masks[index],
                least=self.least_scores(),
                size_hw=(images.shape[1], images.shape[2]),
            )
            for index in range(num)
        ]
