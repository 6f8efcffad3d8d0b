"""Mask R-CNN (He et al. 2017) as Matterport built and trained it, on Keras 3.

The network takes an image brought to its fixed size and returns a fixed number of detections,
padded with rows of score 0. `MaskRCNN` puts the photo's pixels around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from segmentation.backbones import RESNET_BLOCKS, feature_pyramid, resnet
from segmentation.boxes import (
    apply_deltas,
    clip,
    denormalise,
    non_max_suppression,
    normalise,
    pyramid_anchors,
    take_rows,
)
from segmentation.hdf5_weights import load_tensors, read_shapes
from segmentation.instances import Instances
from segmentation.masks import paste_masks
from segmentation.resample import resize, to_uint8
from segmentation.roi_align import PyramidRoIAlign, join_levels
from segmentation.segmenter import WeightsError

Tensor = Any
Shape = tuple[Any, ...]

#: molded images, windows, least scores -> boxes, scores, classes, mask logits, all as arrays
Network = Callable[..., Sequence[NDArray[Any]]]

MEAN_RGB = (123.7, 116.8, 103.9)
STRIDES = (4, 8, 16, 32, 64)
ANCHOR_SCALES_PX = (32, 64, 128, 256, 512)
ANCHOR_RATIOS = (0.5, 1.0, 2.0)
DELTA_SCALE = np.array([0.1, 0.1, 0.2, 0.2], np.float32)

NUM_CANDIDATES = 6000
NUM_PROPOSALS = 1000
NUM_DETECTIONS = 100
MAX_PROPOSAL_IOU = 0.7
MAX_DETECTION_IOU = 0.3

BOX_GRID = 7
MASK_GRID = 14
#: detections whose masks are worked out together; few, because most images show few objects
MASK_BATCH = 5

#: the published training: short side enlarged to 800 pixels at most to 1024 in length
PUBLISHED_SIZE = 1024
NEVER = 2.0


class Proposals(layers.Layer):
    """The best anchors, moved by their deltas, that do not overlap each other much.

    Args:
        anchors: (A, 4) normalised.
        num_images: N.
    """

    def __init__(self, anchors: NDArray[np.float32], num_images: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._anchors = anchors
        self._num_images = num_images

    def compute_output_spec(self, scores: Tensor, deltas: Tensor) -> keras.KerasTensor:
        """Return (N, 1000, 4), without tracing the loops of `call`."""
        return keras.KerasTensor((self._num_images, NUM_PROPOSALS, 4))

    def call(self, scores: Tensor, deltas: Tensor) -> Tensor:
        """Return proposals (N, 1000, 4), padded with 0, for scores (N, A) and deltas (N, A, 4)."""
        num_candidates = min(NUM_CANDIDATES, len(self._anchors))
        best = ops.top_k(scores, num_candidates)[1]
        anchors = ops.take(self._anchors, best, axis=0)
        deltas = ops.multiply(take_rows(deltas, best, self._num_images), DELTA_SCALE)
        whole = np.tile(np.array([[0, 0, 1, 1]], np.float32), (self._num_images, 1))
        return non_max_suppression(
            clip(apply_deltas(anchors, deltas), whole),
            np.ones((self._num_images, num_candidates), bool),
            max_iou=MAX_PROPOSAL_IOU,
            num_kept=NUM_PROPOSALS,
            num_images=self._num_images,
            labelled=False,
        )


class Detections(layers.Layer):
    """Proposals with a wanted class, refined, without duplicates of one class."""

    def __init__(self, num_images: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._num_images = num_images

    def compute_output_spec(self, *_: Tensor) -> keras.KerasTensor:
        """Return (N, 100, 6), without tracing the loops of `call`."""
        return keras.KerasTensor((self._num_images, NUM_DETECTIONS, 6))

    def call(
        self, proposals: Tensor, probs: Tensor, deltas: Tensor, window: Tensor, min_scores: Tensor
    ) -> Tensor:
        """Choose.

        Args:
            proposals: (N, P, 4) normalised, rows of 0 are padding.
            probs: (N, P, C), class 0 is the background.
            deltas: (N, P, C, 4).
            window: (N, 4) normalised, where the photo lies in the network's input.
            min_scores: (N, C), the score from which a class counts.

        Returns:
            (N, 100, 6) box, class, score; best first, padded with 0.
        """
        num, (num_rows, num_classes) = self._num_images, probs.shape[1:]
        score, label = (x[..., 0] for x in ops.top_k(probs, 1))
        label = ops.cast(label, "int32")
        per_class = ops.reshape(deltas, (num, num_rows * num_classes, 4))
        row = np.arange(num_rows, dtype=np.int32) * num_classes
        delta = ops.multiply(
            take_rows(per_class, ops.convert_to_tensor(row) + label, num), DELTA_SCALE
        )
        box = clip(apply_deltas(proposals, delta), window)
        least = take_rows(min_scores[..., None], label, num)[..., 0]
        is_proposal = ops.any(proposals != 0, axis=-1)
        counts = ops.logical_and(ops.logical_and(label > 0, score >= least), is_proposal)
        rank = ops.where(counts, score, -ops.ones_like(score))
        best, order = ops.top_k(rank, num_rows)
        columns = [box, ops.cast(label, "float32")[..., None], score[..., None]]
        return non_max_suppression(
            take_rows(ops.concatenate(columns, axis=-1), order, num),
            best > 0,
            max_iou=MAX_DETECTION_IOU,
            num_kept=NUM_DETECTIONS,
            num_images=num,
            labelled=True,
        )


class WholeCrop(layers.Layer):
    """A convolution whose kernel is as large as each crop, worked out as one matrix product.

    Its weights are those of the convolution; runtimes are much faster this way.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: Shape) -> None:
        """Create the weights for crops (N, P, grid, grid, C)."""
        self.kernel = self.add_weight(shape=(*input_shape[2:], self.filters), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, crops: Tensor) -> Tensor:
        """Return (N, P, 1, 1, filters)."""
        num, num_rows = crops.shape[:2]
        kernel = ops.reshape(self.kernel, (-1, self.filters))
        flat = ops.reshape(crops, (num * num_rows, kernel.shape[0]))
        x = ops.add(ops.matmul(flat, kernel), self.bias)
        return ops.reshape(x, (num, num_rows, 1, 1, self.filters))


class MaskHead(layers.Layer):
    """Crops of the features become one mask for each class (He et al. 2017, figure 4 right)."""

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps = []
        for index in range(1, 5):
            conv = layers.Conv2D(256, 3, padding="same", name=f"mrcnn_mask_conv{index}")
            norm = layers.BatchNormalization(epsilon=1e-3, name=f"mrcnn_mask_bn{index}")
            self.steps += [conv, norm]
        self.enlarge = layers.Conv2DTranspose(
            256, 2, strides=2, activation="relu", name="mrcnn_mask_deconv"
        )
        self.classify = layers.Conv2D(num_classes, 1, name="mrcnn_mask")

    def build(self, input_shape: Shape) -> None:
        """Create the weights."""
        same = (None, *input_shape[1:3], 256)
        for step in self.steps:
            step.build(input_shape if step is self.steps[0] else same)
        self.enlarge.build(same)
        self.classify.build(same)
        self.built = True

    def call(self, crops: Tensor) -> Tensor:
        """Return logits (M, 28, 28, C) for crops (M, 14, 14, 256)."""
        x = crops
        for conv, norm in zip(self.steps[::2], self.steps[1::2], strict=True):
            x = ops.relu(norm(conv(x), training=False))
        return self.classify(self.enlarge(x))


class DetectionMasks(layers.Layer):
    """Masks of the detections, a few at a time, until only padding is left."""

    def __init__(self, head: MaskHead, align: PyramidRoIAlign, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head = head
        self.align = align

    def build(self, detections_shape: Shape, pixels_shape: Shape) -> None:
        """Create the weights of the head, outside the loop that uses them."""
        if not self.head.built:
            self.head.build((None, MASK_GRID, MASK_GRID, pixels_shape[-1]))
        self.built = True

    def compute_output_spec(self, detections: Tensor, pixels: Tensor) -> keras.KerasTensor:
        """Return (N, K, 28, 28), without tracing the loop of `call`."""
        return keras.KerasTensor((*detections.shape[:2], 2 * MASK_GRID, 2 * MASK_GRID))

    def call(self, detections: Tensor, pixels: Tensor) -> Tensor:
        """Work out the masks.

        Args:
            detections: (N, K, 6) box, class, score; the padding last.
            pixels: joined feature levels.

        Returns:
            (N, K, 28, 28) logits of each detection's own class; 0 for the padding.
        """
        num, length = detections.shape[:2]
        num_batches = length // MASK_BATCH
        side = 2 * MASK_GRID
        batches = ops.reshape(detections, (num, num_batches, MASK_BATCH, 6))
        most = ops.max(ops.sum(ops.cast(detections[..., 5] > 0, "int32"), axis=1))

        def add_batch(index: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
            rows = ops.take(batches, index, axis=1)
            crops = self.align(rows[..., :4], pixels)
            logits = self.head(ops.reshape(crops, (-1, *crops.shape[2:])))
            label = ops.cast(ops.reshape(rows[..., 4], (-1, 1, 1)), "int32")
            own = ops.sum(logits * ops.one_hot(label, logits.shape[-1]), axis=-1)
            own = ops.reshape(own, (num, 1, MASK_BATCH, side, side))
            here = ops.reshape(np.arange(num_batches, dtype=np.int32), (1, -1, 1, 1, 1)) == index
            return index + 1, ops.where(here, own, masks)

        start = (
            ops.zeros((), "int32"),
            ops.zeros((num, num_batches, MASK_BATCH, side, side), "float32"),
        )
        masks = ops.while_loop(lambda i, _: i * MASK_BATCH < most, add_batch, start)[1]
        masks = ops.reshape(masks, (num, length, side, side))
        return ops.where(detections[..., 5][..., None, None] > 0, masks, ops.zeros_like(masks))


def _region_proposals(pyramid: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Build the RPN (Ren et al. 2015): per anchor, logits (N, A, 2) and deltas (N, A, 4)."""
    shared = layers.Conv2D(512, 3, padding="same", activation="relu", name="rpn_conv_shared")
    classify = layers.Conv2D(2 * len(ANCHOR_RATIOS), 1, name="rpn_class_raw")
    locate = layers.Conv2D(4 * len(ANCHOR_RATIOS), 1, name="rpn_bbox_pred")
    logits, deltas = [], []
    for level in pyramid:
        features = shared(level)
        logits.append(layers.Reshape((-1, 2))(classify(features)))
        deltas.append(layers.Reshape((-1, 4))(locate(features)))
    return (
        layers.Concatenate(axis=1, name="rpn_class_logits")(logits),
        layers.Concatenate(axis=1, name="rpn_bbox")(deltas),
    )


def _box_head(crops: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Build the class and box head: probabilities (N, P, C) and deltas (N, P, C, 4)."""
    x = crops
    num, num_rows = crops.shape[:2]
    for index in (1, 2):
        x = WholeCrop(1024, name=f"mrcnn_class_conv{index}")(x)
        x = layers.BatchNormalization(epsilon=1e-3, name=f"mrcnn_class_bn{index}")(
            x, training=False
        )
        x = layers.ReLU()(x)
    x = ops.reshape(x, (num, num_rows, 1024))
    logits = layers.Dense(num_classes, name="mrcnn_class_logits")(x)
    deltas = layers.Dense(4 * num_classes, name="mrcnn_bbox_fc")(x)
    return (
        layers.Softmax(name="mrcnn_class")(logits),
        layers.Reshape((num_rows, num_classes, 4), name="mrcnn_bbox")(deltas),
    )


def build_network(
    size: int, *, num_classes: int = 81, depth: int = 101, num_images: int = 1
) -> keras.Model:
    """Build the network for one input size.

    Args:
        size: side of the square input in pixels, a multiple of 64; the weights fit every size.
        num_classes: C, with the background.
        depth: of the ResNet, 50 or 101.
        num_images: N.

    Returns:
        A model of fixed shapes. Inputs: images (N, size, size, 3) uint8 RGB; windows (N, 4)
        float32, y1, x1, y2, x2 of the photo in the image, see `normalise`; least scores (N, C)
        float32, above 1 for classes not wanted. Outputs: boxes (N, 100, 4) float32 normalised
        y1, x1, y2, x2; scores (N, 100) float32, 0 = no more detections; classes (N, 100) int32,
        0 = background; mask logits (N, 100, 28, 28) float32.

    Raises:
        ValueError: `size` is no multiple of 64.
    """
    if size <= 0 or size % STRIDES[-1]:
        raise ValueError(f"size: expected a multiple of {STRIDES[-1]}, got {size}")
    image = keras.Input(batch_shape=(num_images, size, size, 3), dtype="uint8", name="image")
    window = keras.Input(batch_shape=(num_images, 4), name="window")
    min_scores = keras.Input(batch_shape=(num_images, num_classes), name="min_scores")

    pixels = ops.subtract(ops.cast(image, "float32"), np.array(MEAN_RGB, np.float32))
    pyramid = feature_pyramid(resnet(pixels, depth))
    rpn_logits, rpn_deltas = _region_proposals(pyramid)
    rpn_probs = layers.Softmax(name="rpn_class")(rpn_logits)
    proposals = Proposals(network_anchors(size), num_images, name="proposals")(
        rpn_probs[..., 1], rpn_deltas
    )

    features = join_levels(pyramid[:4])
    align = partial(
        PyramidRoIAlign,
        sizes_hw=[x.shape[1:3] for x in pyramid[:4]],
        image_area=size * size,
        num_images=num_images,
    )
    crops = align(BOX_GRID, name="roi_align_classifier")(proposals, features)
    probs, deltas = _box_head(crops, num_classes)
    detections = Detections(num_images, name="detections")(
        proposals, probs, deltas, window, min_scores
    )
    masks = DetectionMasks(
        MaskHead(num_classes, name="mask_head"),
        align(MASK_GRID, name="roi_align_mask"),
        name="masks",
    )(detections, features)
    outputs = [
        detections[..., :4],
        detections[..., 5],
        ops.cast(detections[..., 4], "int32"),
        masks,
    ]
    return keras.Model([image, window, min_scores], outputs, name="mask_rcnn")


def network_anchors(size: int) -> NDArray[np.float32]:
    """Return the network's anchors (A, 4), normalised."""
    anchors = pyramid_anchors(
        (size, size), strides=STRIDES, scales_px=ANCHOR_SCALES_PX, ratios=ANCHOR_RATIOS
    )
    return normalise(anchors, (size, size))


def load_network(weights: Path, size: int = PUBLISHED_SIZE, *, num_images: int = 1) -> keras.Model:
    """Build the network that a weight file belongs to and load it.

    The file says how deep the network is and how many classes it knows.

    Args:
        weights: an HDF5 file of Matterport's program, of weights alone or of a whole model.
        size: side of the network's input in pixels.
        num_images: images in one call.

    Raises:
        WeightsError: the file is not one of this network.
        ValueError: `size` is no multiple of 64.
    """
    shapes = read_shapes(weights)
    bias = shapes.get("mrcnn_class_logits/bias", ())
    if len(bias) != 1 or bias[0] < 2:
        raise WeightsError(
            f"{weights}: no Mask R-CNN of Matterport's program "
            "(layer mrcnn_class_logits is missing); give a file saved by it"
        )
    blocks = sum(name.startswith("res4") and name.endswith("2a/kernel") for name in shapes)
    depth = next((key for key, num in RESNET_BLOCKS.items() if num[2] == blocks), 101)
    network = build_network(size, num_classes=bias[0], depth=depth, num_images=num_images)
    load_tensors(network, weights)
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
