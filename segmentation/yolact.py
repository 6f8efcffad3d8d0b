"""YOLACT and YOLACT++ as they were published: any photo in, objects in that photo's pixels out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.masks import enlarge_masks
from segmentation.network import (
    FamilySegmenter,
    check_images,
    compile_network,
    wanted_classes,
)
from segmentation.resample import apply_matrix, resampling_matrix
from segmentation.segmenter import Options, WeightsError
from segmentation.weight_files.pth_weights import read_pth


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the published networks.

    Attributes:
        depth: of the ResNet, `None` for Darknet-53.
        size: side of the square input, in pixels.
        deformable_every: of YOLACT++, see `yolact_backbones.resnet`; 0 for YOLACT.
    """

    depth: int | None
    size: int
    deformable_every: int = 0

    @property
    def is_plus(self) -> bool:
        """Whether it is YOLACT++."""
        return self.deformable_every > 0

    @property
    def min_size(self) -> int:
        """Smallest side of an input that leaves every convolution something to look at."""
        return 256 if self.is_plus else 64

    @property
    def num_priors(self) -> int:
        """Priors at each place of the feature maps."""
        return 9 if self.is_plus else 3


VARIANTS = {
    "yolact-base": Variant(101, 550),
    "yolact-resnet50": Variant(50, 550),
    "yolact-darknet53": Variant(None, 550),
    "yolact-im700": Variant(101, 700),
    "yolact-plus-base": Variant(101, 550, deformable_every=3),
    "yolact-plus-resnet50": Variant(50, 550, deformable_every=1),
}

#: the threshold that the program's documentation gives for images and video
PUBLISHED_MIN_SCORE = 0.15

#: what files have beside the weights: counters, a part used in training alone, and the names that
#: two older versions of the program gave to some tensors
_IGNORED = re.compile(
    r".*\.num_batches_tracked|semantic_seg_conv\..*|backbone\.layer(?!s).*"
    r"|fpn\.downsample_layers\.([2-9]|\d\d+)\..*"
)
_CLASS_BIAS = "prediction_layers.0.conf_layer.bias"
_BOX_BIAS = "prediction_layers.0.bbox_layer.bias"


def read_state_dict(path: Path) -> dict[str, object]:
    """Return the tensors of a file of YOLACT's program by name, without those that may be ignored.

    Raises:
        WeightsError: the file cannot be read.
    """
    tensors = {str(name): tensor for name, tensor in read_pth(path).items()}
    return {name: tensor for name, tensor in tensors.items() if not _IGNORED.fullmatch(name)}


def num_classes(tensors: Mapping[str, object], variant: Variant, path: Path) -> int:
    """Return how many classes, without background, a file knows.

    Raises:
        WeightsError: it is not one of this network.
    """
    biases = [tensors.get(name) for name in (_CLASS_BIAS, _BOX_BIAS)]
    rows, sides = (
        len(bias) if isinstance(bias, np.ndarray) and bias.ndim == 1 else 0 for bias in biases
    )
    if sides != 4 * variant.num_priors or rows < 2 * variant.num_priors:
        raise WeightsError(
            f"{path}: no such network of YOLACT's program ({_BOX_BIAS} is missing or not for "
            f"{variant.num_priors} priors); give a file saved by it, or the --model it is of"
        )
    return rows // variant.num_priors - 1


def load_yolact(name: str, options: Options) -> YOLACT:
    """Return the network of a weight file, compiled; see `segmentation.segmenter.load`.

    Args:
        name: a key of `VARIANTS`.
        options: how it is to be loaded.

    Raises:
        ValueError: `size` is too small, or the classes are not as many as the file's.
        WeightsError: the file is not there, or not one of this network.
    """
    from segmentation.presets import PRESETS
    from segmentation.weights import locate

    path = options.weights or locate(PRESETS[name])
    variant = VARIANTS[name]
    size = options.size or variant.size
    if size < variant.min_size:
        raise ValueError(f"size of {name}'s input: at least {variant.min_size}, got {size}")
    tensors = read_state_dict(path)
    classes, keep = wanted_classes(path, options, num_classes(tensors, variant, path))

    def build() -> Any:
        from segmentation.yolact_network import load_network

        return load_network(path, variant, size)

    network = compile_network(build, path, f"{name} {size}", options)
    return YOLACT(
        network,
        name=name,
        size=size,
        classes=classes,
        min_score=PUBLISHED_MIN_SCORE if options.min_score is None else options.min_score,
        keep=keep,
        device=network.device,
    )


def resize_to_square(image: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Bring a photo to the network's square input, whatever its shape; values are not rounded.

    Bilinear, without anti-aliasing, as the original program does for images and video.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: of the square, in pixels.

    Returns:
        (size, size, 3) from 0 to 255.
    """
    resized: NDArray[Any] = image.astype(np.float32)
    for axis in (0, 1):
        num_in = image.shape[axis]
        # in single precision as in the original: positions of 600 pixels differ in the 5th digit
        steps = np.arange(size, dtype=np.float32) + np.float32(0.5)
        positions = steps * (np.float32(num_in) / np.float32(size)) - np.float32(0.5)
        matrix = resampling_matrix(positions, num_in, border="edge")
        resized = apply_matrix(matrix, resized, axis)
    return resized


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
    pixels = np.clip(boxes[order] * extent, 0, extent)
    return Instances.untracked(
        np.trunc(pixels), scores[order], classes[order], enlarge_masks(masks[order], size_hw)
    )


@dataclass(eq=False, kw_only=True)
class YOLACT(FamilySegmenter):
    """YOLACT as a `Segmenter`: any photo in, objects in that photo's pixels out.

    `min_score` holds for the class score, as in the original program; what YOLACT++ reports is
    that times the expected quality of the mask, an output of the network that nothing keeps
    below 1.

    Attributes:
        size: side of the network's input.
    """

    size: int
    min_score: float = PUBLISHED_MIN_SCORE

    def __post_init__(self) -> None:
        """Settle what follows from the size."""
        # photos are squeezed into a square: of a wide one the short side must keep its detail
        self.max_input = self.size * 16 // 9

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the objects of N images; see `Segmenter.segment`."""
        check_images(images)
        return [self._segment_one(image) for image in images]

    def _segment_one(self, image: NDArray[np.uint8]) -> Instances:
        square = resize_to_square(image, self.size)[None]
        outputs = self.network(square, self.least_scores()[None])
        return to_instances(*(np.asarray(output)[0] for output in outputs), size_hw=image.shape[:2])
