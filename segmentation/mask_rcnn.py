"""Mask R-CNN as Matterport published it: any photo in, objects in that photo's pixels out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.coco import NAMES
from segmentation.coordinates import denormalise, normalise
from segmentation.instances import Instances
from segmentation.masks import paste_masks
from segmentation.resample import resize, to_uint8
from segmentation.runtime import (
    KerasNetwork,
    OpenVINONetwork,
    cached_export,
    chosen_backend,
    gpu_present,
    spare_threads,
)
from segmentation.segmenter import Options, WeightsError, check_classes

#: molded images, windows, least scores -> boxes, scores, classes, mask logits, all as arrays
Network = Callable[..., Sequence[NDArray[Any]]]

#: the published training: short side enlarged to 800 pixels at most to 1024 in length
PUBLISHED_SIZE = 1024
#: a least score that no object reaches
NEVER = 2.0


def load_mask_rcnn(options: Options) -> MaskRCNN:
    """Return the network of a weight file, compiled; see `segmentation.segmenter.load`.

    Raises:
        ValueError: `size` is no multiple of 64, or the classes are not as many as the file's.
        WeightsError: the file is not there, or not one of this network.
    """
    from segmentation.hdf5_weights import read_shapes
    from segmentation.presets import PRESETS
    from segmentation.weights import locate

    path = options.weights or locate(PRESETS["mask-rcnn"])
    size = options.size or PUBLISHED_SIZE
    if size % 64 or size <= 0:
        raise ValueError(f"size of mask-rcnn's input: a multiple of 64 such as 512, got {size}")
    bias = read_shapes(path).get("mrcnn_class_logits/bias", (0,))
    classes = _class_names(path, options.classes, bias[0] - 1)
    if options.keep is not None:
        check_classes(options.keep, classes)
    network = _network(path, size, options)
    return MaskRCNN(
        network,
        size=size,
        classes=classes,
        min_score=0.7 if options.min_score is None else options.min_score,
        keep=None if options.keep is None else [classes.index(name) for name in options.keep],
        device=network.device,
    )


def _class_names(path: Path, given: Sequence[str] | None, num: int) -> Sequence[str]:
    if given is not None:
        if len(given) != num:
            raise ValueError(f"{path} knows {num} classes, but {len(given)} names are given")
        return given
    if num == len(NAMES):
        return NAMES
    if num < 1:
        raise WeightsError(
            f"{path}: no Mask R-CNN of Matterport's program "
            "(layer mrcnn_class_logits is missing); give a file saved by it"
        )
    raise ValueError(f"{path} knows {num} classes of its own; name them with --classes")


def _network(path: Path, size: int, options: Options) -> OpenVINONetwork | KerasNetwork:
    """Compile the network, from an export on disk where it was exported before."""
    from segmentation.weights import user_cache

    def build(shapes: object = None) -> Any:
        from segmentation.mask_rcnn_network import load_network

        return load_network(path, size)

    unused_gpu = ""
    if chosen_backend(options.backend, options.device, prefer_gpu=True) == "keras":
        on_gpu = options.device == "gpu" or (options.device == "auto" and gpu_present())
        try:
            return KerasNetwork(build, "gpu" if on_gpu else "cpu")
        except ValueError:
            if (options.backend, options.device) != ("auto", "auto"):
                raise
            # nobody asked for the GPU, but nobody should wonder why it idles
            unused_gpu = "; the NVIDIA GPU is unused: pip install 'maskcast[gpu]'"

    def export_to(target: Path) -> None:
        from segmentation.openvino_export import export

        export(build(), target)

    model = cached_export(user_cache() / "compiled", path, f"mask-rcnn {size}", export_to)
    network = OpenVINONetwork(model, spare_threads())
    network.device += unused_gpu
    return network


def mold(image: NDArray[np.uint8], size: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bring a photo to the network's square input.

    Photos are shrunk so that the long side fits; they are enlarged only as far as the short side
    stays at 800/1024 of the input. The rest is black, the photo in the middle.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: of the square, in pixels.

    Returns:
        The input (size, size, 3), and the window y1, x1, y2, x2 that the photo fills.
    """
    height, width = image.shape[:2]
    scale = max(1.0, size * 800 / 1024 / min(height, width))
    if round(max(height, width) * scale) > size:
        scale = size / max(height, width)
    inner = (max(1, round(height * scale)), max(1, round(width * scale)))
    resized: NDArray[Any] = image
    if inner != (height, width):
        resized = np.clip(resize(image, inner, border="zero"), image.min(), image.max())
    top, left = (size - inner[0]) // 2, (size - inner[1]) // 2
    window = np.array([top, left, top + inner[0], left + inner[1]])
    molded = np.zeros((size, size, 3), np.uint8)
    molded[window[0] : window[2], window[1] : window[3]] = to_uint8(resized, "truncate")
    return molded, window


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
        mask_logits: (K, 28, 28)
        window: (4,) normalised.
        size_hw: of the photo.
    """
    extent = np.tile(window[2:] - window[:2], 2)
    pixels = denormalise((boxes - np.tile(window[:2], 2)) / extent, size_hw)
    pixels = np.clip(pixels, 0, np.tile(size_hw, 2)).astype(np.int32)
    found = (scores > 0) & (pixels[:, 2] > pixels[:, 0]) & (pixels[:, 3] > pixels[:, 1])
    pixels = pixels[found]
    probs = 1 / (1 + np.exp(-mask_logits[found].astype(np.float64)))
    return Instances(
        boxes=pixels[:, [1, 0, 3, 2]].astype(np.float32),
        scores=scores[found].astype(np.float32),
        labels=(classes[found] - 1).astype(np.int32),
        masks=paste_masks(probs, pixels, size_hw),
        ids=np.full(len(pixels), -1, np.int32),
    )


class MaskRCNN:
    """Mask R-CNN as a `Segmenter`: any photo in, objects in that photo's pixels out.

    Args:
        network: takes and returns arrays as `build_network` describes, for one image at a time
            (N = 1) or `num_images`.
        size: side of the network's input.
        classes: names, without background, in the order of the network's classes.
        min_score: objects less certain are not reported; 0.7 in Matterport's program.
        keep: indices into `classes` of the only ones wanted; `None` for all.
        num_images: N of the network.
        device: what the network runs on, for people.
    """

    def __init__(
        self,
        network: Network,
        *,
        size: int,
        classes: Sequence[str],
        min_score: float = 0.7,
        keep: Sequence[int] | None = None,
        num_images: int = 1,
        device: str,
    ) -> None:
        self.name = "mask-rcnn"
        self.classes = tuple(classes)
        self.max_input: int | None = size
        self.device = device
        self._network = network
        self._size = size
        self._num_images = num_images
        wanted = range(len(self.classes)) if keep is None else keep
        self._min_scores = np.full((num_images, len(self.classes) + 1), NEVER, np.float32)
        self._min_scores[:, [label + 1 for label in wanted]] = min_score

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the objects of N images; see `Segmenter.segment`."""
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise ValueError(
                f"images: expected uint8 (N, H, W, 3), got {images.dtype} {images.shape}"
            )
        step = self._num_images
        results: list[Instances] = []
        for first in range(0, len(images), step):
            results += self._segment_batch(images[first : first + step])
        return results

    def _segment_batch(self, images: NDArray[np.uint8]) -> list[Instances]:
        square = (self._size, self._size)
        molded = np.zeros((self._num_images, *square, 3), np.uint8)
        windows = np.tile(np.array([0, 0, 1, 1], np.float32), (self._num_images, 1))
        for index, image in enumerate(images):
            molded[index], window = mold(image, self._size)
            windows[index] = normalise(window, square)
        outputs = self._network(molded, windows, self._min_scores)
        return [
            unmold(
                *(np.asarray(output[index]) for output in outputs),
                window=windows[index],
                size_hw=(images.shape[1], images.shape[2]),
            )
            for index in range(len(images))
        ]
