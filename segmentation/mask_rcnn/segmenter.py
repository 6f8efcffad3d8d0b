"""Mask R-CNN as Matterport published it: any photo in, objects in that photo's pixels out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.family import NEVER, FamilySegmenter, wanted_classes
from segmentation.instances import Instances
from segmentation.mask_rcnn.box_coordinates import denormalise
from segmentation.mask_rcnn.molding import molded_inputs, raw_inputs
from segmentation.mask_rcnn.published import PUBLISHED_MIN_SCORE, PUBLISHED_SIZE, num_classes
from segmentation.parts.masks import paste_masks
from segmentation.runtime.compiling import compile_network, images_at_a_time, taking_photos
from segmentation.runtime.export_cache import Origin
from segmentation.runtime.keras_network import KerasNetwork
from segmentation.runtime.openvino_network import OpenVINONetwork
from segmentation.segmenter import Options

#: images (N, H, W, 3), size of the network's input -> what the network takes, the windows last
Prepare = Callable[[NDArray[np.uint8], int], Sequence[NDArray[Any]]]
#: where the network is built, see `Origin`; its small backbone is of portrait's layers
FAMILIES = ("mask_rcnn", "portrait")


def load_mask_rcnn(options: Options) -> MaskRCNN:
    """Return the network of a weight file, compiled; see `segmentation.loading.load`.

    Raises:
        ValueError: `size` is no multiple of 64, or the classes are not as many as the file's.
        WeightsError: the file is not there, or not one of this network.
    """
    from segmentation.weights.hdf5_weights import read_shapes
    from segmentation.weights.presets import PRESETS
    from segmentation.weights.store import locate
    from segmentation.weights.trained_weights import read_description

    path = options.weights or locate(PRESETS["mask-rcnn"])
    shapes = read_shapes(path)
    told = read_description(path)
    size = options.size or told.size or PUBLISHED_SIZE
    if size % 64 or size <= 0:
        raise ValueError(f"size of mask-rcnn's input: a multiple of 64 such as 512, got {size}")
    named = replace(options, classes=options.classes or told.classes)
    classes, keep = wanted_classes(path, named, num_classes(shapes, path) - 1)

    network = _compiled(path, size, options)
    return MaskRCNN(
        network,
        max_images=images_at_a_time(network),
        frames_network=taking_photos(network, partial(_prepare_tensors, size)),
        size=size,
        classes=classes,
        category_ids=None if options.classes else told.category_ids,
        min_score=PUBLISHED_MIN_SCORE if options.min_score is None else options.min_score,
        keep=keep,
        device=network.device,
    )


def _compiled(path: Path, size: int, options: Options) -> OpenVINONetwork | KerasNetwork:
    """Return the network of a weight file for inputs of `size`, on the device asked for."""

    def build(**how: Any) -> Any:
        from segmentation.mask_rcnn.by_backbone import load_network

        return load_network(path, size, **how)

    return compile_network(build, origin(path, size), options)


def _prepare_tensors(size: int, *inputs: Any) -> Sequence[Any]:
    from segmentation.mask_rcnn.molding_layer import molded

    return molded(size, *inputs)


def origin(weights: Path, size: int) -> Origin:
    """Return what the export of the network of a weight file is made from, for inputs of `size`."""
    return Origin(weights, f"mask-rcnn {size}", FAMILIES)


def unmold(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: NDArray[np.int32],
    mask_logits: NDArray[np.float32],
    *,
    window: NDArray[np.float32],
    size_hw: tuple[int, int],
) -> Instances:
    """Turn the network's detections of one image into objects of the photo.

    Args:
        boxes: (K, 4) normalised to the network's input; likewise the others, see `build_network`.
        scores: (K,), 0 in padded rows.
        classes: (K,), 0 = background.
        mask_logits: (K, size, size)
        window: (4,) normalised.
        size_hw: of the photo.
    """
    extent = np.tile(window[2:] - window[:2], 2)
    extent[extent == 0] = 1  # of a photo that is one pixel wide or high in the network's input
    pixels = denormalise((boxes - np.tile(window[:2], 2)) / extent, size_hw)
    pixels = np.clip(pixels, 0, np.tile(size_hw, 2)).astype(np.int32)
    found = (scores > 0) & (pixels[:, 2:] > pixels[:, :2]).all(axis=1)
    pixels = pixels[found]
    probs = 1 / (1 + np.exp(-mask_logits[found].astype(np.float64)))
    pasted = paste_masks(probs, pixels, size_hw)
    return Instances.untracked(pixels, scores[found], classes[found] - 1, pasted)


@dataclass(eq=False, kw_only=True)
class MaskRCNN(FamilySegmenter):
    """Mask R-CNN as a `Segmenter`: any photo in, objects in that photo's pixels out.

    Attributes:
        size: side of the network's input.
        prepare: makes what a network takes that does not take photos.
        category_ids: see `segmentation.segmenter.NumberedSegmenter`.
    """

    size: int
    name: str = "mask-rcnn"
    min_score: float = PUBLISHED_MIN_SCORE
    prepare: Prepare = molded_inputs
    category_ids: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Settle what follows from the size."""
        self.max_input = self.size

    def _segment_batch(self, images: NDArray[np.uint8], num: int) -> list[Instances]:
        prepare = raw_inputs if self.takes_photos else self.prepare
        inputs = prepare(images, self.size)
        # the network counts the background as class 0
        least = np.append(np.float32(NEVER), self.least_scores())
        outputs = self.network(*inputs, np.tile(least, (len(images), 1)))
        return [
            unmold(
                *(np.asarray(output[index]) for output in outputs),
                window=inputs[-1][index],
                size_hw=(images.shape[1], images.shape[2]),
            )
            for index in range(num)
        ]
