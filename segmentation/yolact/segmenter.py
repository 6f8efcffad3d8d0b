"""YOLACT and YOLACT++ as they were published: any photo in, objects in that photo's pixels out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.family import SquareSegmenter, wanted_classes
from segmentation.instances import Instances
from segmentation.parts.masks import enlarge_masks
from segmentation.parts.resample import resize_float
from segmentation.runtime.compiling import compile_network, images_at_a_time, taking_photos
from segmentation.runtime.export_cache import Origin
from segmentation.segmenter import Options
from segmentation.yolact.published import (
    PUBLISHED_MIN_SCORE,
    VARIANTS,
    num_foreground_classes,
    read_state_dict,
)

#: where the network is built, see `Origin`
FAMILIES = ("yolact",)


def load_yolact(name: str, options: Options) -> YOLACT:
    """Return the network of a weight file, compiled; see `segmentation.loading.load`.

    Args:
        name: a key of `VARIANTS`.
        options: how it is to be loaded.

    Raises:
        ValueError: `size` is too small, or the classes are not as many as the file's.
        WeightsError: the file is not there, or not one of this network.
    """
    from segmentation.weights.presets import PRESETS
    from segmentation.weights.store import locate

    path = options.weights or locate(PRESETS[name])
    variant = VARIANTS[name]
    size = options.size or variant.size
    if size < variant.min_size:
        raise ValueError(f"size of {name}'s input: at least {variant.min_size}, got {size}")
    tensors = read_state_dict(path)
    classes, keep = wanted_classes(path, options, num_foreground_classes(tensors, variant, path))

    def build(**how: Any) -> Any:
        from segmentation.yolact.network import load_network

        return load_network(path, variant, size, **how)

    def prepare(photos: Any, least: Any) -> tuple[Any, Any]:
        from keras import ops

        return resize_float(ops.cast(photos, "float32"), (size, size), ops), least

    origin = Origin(path, f"{name} {size}", FAMILIES)
    network = compile_network(build, origin, options)
    return YOLACT(
        network,
        name=name,
        size=size,
        classes=classes,
        min_score=PUBLISHED_MIN_SCORE if options.min_score is None else options.min_score,
        keep=keep,
        device=network.device,
        max_images=images_at_a_time(network),
        frames_network=taking_photos(network, prepare),
    )


def to_instances(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: NDArray[np.int32],
    masks: NDArray[np.float32],
    *,
    size_hw: tuple[int, int],
) -> Instances:
    """Turn the network's detections of one image into objects of the photo.

    Args:
        boxes: (K, 4) y1, x1, y2, x2 as fractions of the photo; see `build_network`.
        scores: (K,), negative in padded rows.
        classes: (K,)
        masks: (K, h, w) probabilities of the whole photo, 0 outside the box.
        size_hw: of the photo.
    """
    height, width = size_hw
    order = np.argsort(-scores, kind="stable")[: np.count_nonzero(scores >= 0)]
    extent = np.array([height, width, height, width])
    pixels = np.trunc(np.clip(boxes[order] * extent, 0, extent))
    # what is less than a pixel wide or high has one all the same
    pixels[:, :2] = np.minimum(pixels[:, :2], extent[:2] - 1)
    pixels[:, 2:] = np.maximum(pixels[:, 2:], pixels[:, :2] + 1)
    return Instances.untracked(
        pixels, scores[order], classes[order], enlarge_masks(masks[order], size_hw)
    )


@dataclass(eq=False, kw_only=True)
class YOLACT(SquareSegmenter):
    """YOLACT as a `Segmenter`: any photo in, objects in that photo's pixels out.

    `min_score` holds for the class score, as in the original program; what YOLACT++ reports is
    that times the expected quality of the mask, an output of the network that nothing keeps
    below 1.
    """

    min_score: float = PUBLISHED_MIN_SCORE

    def _segment_batch(self, images: NDArray[np.uint8], num: int) -> list[Instances]:
        given = images if self.takes_photos else resize_float(images, (self.size, self.size))
        outputs = self.network(given, np.tile(self.least_scores(), (len(images), 1)))
        size_hw = (images.shape[1], images.shape[2])
        return [
            to_instances(*(np.asarray(output)[index] for output in outputs), size_hw=size_hw)
            for index in range(num)
        ]
