"""The network of Mask R-CNN (He et al. 2017) as Matterport built and trained it, on Keras 3.

It takes an image brought to its fixed size and returns a fixed number of detections, padded with
rows of score 0. `segmentation.mask_rcnn` puts a photo's pixels around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    in_batches,
    non_max_suppression,
    pyramid_anchors,
    take_rows,
)
from segmentation.coordinates import normalise
from segmentation.hdf5_weights import load_tensors, read_shapes
from segmentation.mask_rcnn import PUBLISHED_SIZE
from segmentation.molding import NUM_TAPS
from segmentation.roi_align import PyramidRoIAlign, WholeCrop, join_levels
from segmentation.segmenter import WeightsError

Tensor = Any
Shape = tuple[Any, ...]

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

        def masks(rows: Tensor) -> tuple[Tensor]:
            crops = self.align(rows[..., :4], pixels)
            logits = self.head(ops.reshape(crops, (-1, *crops.shape[2:])))
            logits = ops.cast(logits, "float32")
            label = ops.cast(ops.reshape(rows[..., 4], (-1, 1, 1)), "int32")
            return (ops.sum(logits * ops.one_hot(label, logits.shape[-1]), axis=-1),)

        return in_batches(masks, detections, [(2 * MASK_GRID, 2 * MASK_GRID)])[0]


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
        layers.Softmax(name="mrcnn_class", dtype="float32")(logits),
        layers.Reshape((num_rows, num_classes, 4), name="mrcnn_bbox")(deltas),
    )


@contextmanager
def _computing_in(dtype: str) -> Iterator[None]:
    """Let layers made meanwhile keep their weights in float32 and compute in `dtype`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if dtype == "float32" else f"mixed_{dtype}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build_network(
    size: int,
    *,
    num_classes: int = 81,
    depth: int = 101,
    num_images: int = 1,
    dtype: str = "float32",
) -> keras.Model:
    """Build the network for one input size.

    Args:
        size: side of the square input in pixels, a multiple of 64; the weights fit every size.
        num_classes: C, with the background.
        depth: of the ResNet, 50 or 101.
        num_images: N.
        dtype: "float32" or "bfloat16", of convolutions and matrix products; boxes, samples,
            scores and everything else are worked out in float32.

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

    with _computing_in(dtype):
        outputs = _network_outputs(image, window, min_scores, depth)
    return keras.Model([image, window, min_scores], outputs, name="mask_rcnn")


def _network_outputs(image: Tensor, window: Tensor, min_scores: Tensor, depth: int) -> list[Tensor]:
    num_images, size = image.shape[:2]
    num_classes = min_scores.shape[1]

    pixels = ops.subtract(ops.cast(image, "float32"), np.array(MEAN_RGB, np.float32))
    pyramid = feature_pyramid(
        resnet(pixels, depth), first=2, lateral="fpn_c{level}p{level}", output="fpn_p{level}"
    )
    pyramid.append(layers.MaxPooling2D(1, strides=2, name="fpn_p6")(pyramid[-1]))
    rpn_logits, rpn_deltas = _region_proposals(pyramid)
    rpn_probs = layers.Softmax(name="rpn_class", dtype="float32")(rpn_logits)
    proposals = Proposals(network_anchors(size), num_images, name="proposals", dtype="float32")(
        rpn_probs[..., 1], rpn_deltas
    )

    features = join_levels(pyramid[:4])
    align = partial(
        PyramidRoIAlign,
        sizes_hw=[x.shape[1:3] for x in pyramid[:4]],
        image_area=size * size,
        num_images=num_images,
        dtype="float32",
    )
    crops = align(BOX_GRID, name="roi_align_classifier")(proposals, features)
    probs, deltas = _box_head(crops, num_classes)
    detections = Detections(num_images, name="detections", dtype="float32")(
        proposals, probs, deltas, window, min_scores
    )
    masks = DetectionMasks(
        MaskHead(num_classes, name="mask_head"),
        align(MASK_GRID, name="roi_align_mask"),
        name="masks",
        dtype="float32",
    )(detections, features)
    boxes, scores = detections[..., :4], detections[..., 5]
    return [boxes, scores, ops.cast(detections[..., 4], "int32"), masks]


class Mold(layers.Layer):
    """Photos become the network's input, byte for byte as `segmentation.molding.mold` does it.

    It computes in float64, because bytes are cut off and not rounded; where a backend has none
    (JAX), a few bytes are one less.

    Args:
        size: of the input, in pixels.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(dtype="float64", **kwargs)
        self.size = size

    def compute_output_spec(self, photos: Tensor, *_: Tensor) -> keras.KerasTensor:
        """Return (N, size, size, 3) uint8."""
        return keras.KerasTensor((photos.shape[0], self.size, self.size, 3), "uint8")

    def call(
        self,
        photos: Tensor,
        rows: Tensor,
        row_weights: Tensor,
        columns: Tensor,
        column_weights: Tensor,
    ) -> Tensor:
        """Mold; the arguments are those that `segmentation.molding.raw_inputs` returns."""
        low, high = (
            ops.cast(limit(photos, axis=(1, 2, 3), keepdims=True), "float64")
            for limit in (ops.min, ops.max)
        )
        x = ops.cast(photos, "float64")
        x = sum(
            ops.take(x, rows[:, tap], axis=1) * row_weights[:, tap][:, None, None]
            for tap in range(NUM_TAPS)
        )
        x = sum(
            ops.take(x, columns[:, tap], axis=2) * column_weights[:, tap][:, None]
            for tap in range(NUM_TAPS)
        )
        filled = ops.logical_and(
            ops.any(row_weights > 0, axis=1)[:, None], ops.any(column_weights > 0, axis=1)
        )[..., None]
        x = ops.maximum(ops.minimum(x, high), low)
        return ops.cast(ops.where(filled, x, ops.zeros_like(x)), "uint8")


def with_molding(network: keras.Model) -> keras.Model:
    """Return the network with `Mold` in front: it takes what `raw_inputs` returns, least scores."""
    image, window, min_scores = network.inputs
    num_images, size = image.shape[:2]
    photos = keras.Input(batch_shape=(num_images, None, None, 3), dtype="uint8", name="photos")
    taps = [
        keras.Input(batch_shape=(size, NUM_TAPS), dtype=dtype, name=f"{axis}_{what}")
        for axis in ("row", "column")
        for what, dtype in (("index", "int32"), ("weight", "float64"))
    ]
    window, min_scores = (keras.Input(batch_shape=x.shape) for x in (window, min_scores))
    outputs = network([Mold(size)(photos, *taps), window, min_scores])
    return keras.Model([photos, *taps, window, min_scores], outputs)


def network_anchors(size: int) -> NDArray[np.float32]:
    """Return the network's anchors (A, 4), normalised."""
    anchors = pyramid_anchors(
        (size, size), strides=STRIDES, scales_px=ANCHOR_SCALES_PX, ratios=ANCHOR_RATIOS
    )
    return normalise(anchors, (size, size))


def load_network(
    weights: Path, size: int = PUBLISHED_SIZE, *, num_images: int = 1, dtype: str = "float32"
) -> keras.Model:
    """Build the network that a weight file belongs to and load it.

    The file says how deep the network is and how many classes it knows.

    Args:
        weights: an HDF5 file of Matterport's program, of weights alone or of a whole model.
        size: side of the network's input in pixels.
        num_images: images in one call.
        dtype: see `build_network`.

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
    network = build_network(
        size, num_classes=bias[0], depth=depth, num_images=num_images, dtype=dtype
    )
    load_tensors(network, weights)
    return network
