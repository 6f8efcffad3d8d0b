"""The network of YOLACT (Bolya et al. 2019) and YOLACT++ on Keras 3, with the published weights.

It takes an image brought to its fixed size and returns a fixed number of detections, padded with
rows of negative score. `segmentation.yolact.segmenter` puts a photo's pixels around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from segmentation.parts.boxes import apply_deltas, iou, take_rows
from segmentation.parts.convolutions import padded_conv
from segmentation.parts.feature_pyramid import feature_pyramid
from segmentation.parts.precision import computing_in
from segmentation.weights.torch_layout import load_state_dict
from segmentation.yolact.backbones import darknet53, resnet
from segmentation.yolact.published import Variant, num_foreground_classes, read_state_dict

Tensor = Any

MEAN_RGB = np.array([123.68, 116.78, 103.94], np.float32)
STD_RGB = np.array([58.40, 57.12, 57.38], np.float32)

#: side of the smallest prior on each level, in pixels of an input of 550
PRIOR_SCALES_PX = (24, 48, 96, 192, 384)
PRIOR_RATIOS = (1.0, 0.5, 2.0)
#: sizes of priors on one level of YOLACT++, in units of the smallest
PLUS_OCTAVES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
DELTA_SCALE = np.array([0.1, 0.1, 0.2, 0.2], np.float32)

NUM_CHANNELS = 256
NUM_PROTOTYPES = 32
#: a prior counts where some class is at least this probable
MIN_PRIOR_SCORE = 0.05
NUM_PER_CLASS = 200
NUM_DETECTIONS = 100
MAX_IOU = 0.5


def priors(size: int, variant: Variant) -> NDArray[np.float32]:
    """Return the priors (P, 4): y1, x1, y2, x2 as fractions of the input.

    They are ordered by level, y, x, then scale and ratio. Those of YOLACT are square: its program
    once lost their height, and its published weights were trained so.

    Args:
        size: side of the input in pixels.
        variant: of the network.
    """
    root = np.sqrt(PRIOR_RATIOS)
    levels = []
    num_places = -(-size // 8)
    for base in PRIOR_SCALES_PX:
        octaves = PLUS_OCTAVES if variant.is_plus else (1.0,)
        scales = np.multiply.outer((base * size // 550) * np.array(octaves), np.ones(3)) / size
        widths = (scales * root).ravel()
        heights = (scales / root).ravel() if variant.is_plus else widths
        centre = (np.arange(num_places) + 0.5) / num_places
        places = np.stack(np.meshgrid(centre, centre, indexing="ij"), axis=-1)[:, :, None]
        half = np.stack([heights, widths], axis=-1) / 2
        boxes = np.concatenate([places - half, places + half], axis=-1)
        levels.append(boxes.reshape(-1, 4))
        num_places = -(-num_places // 2)
    return np.concatenate(levels).astype(np.float32)


def _pyramid(stages: Sequence[Tensor]) -> list[Tensor]:
    """Build P3 to P7 of C3 to C5."""

    def enlarge(coarser: Tensor, finer: Tensor) -> Tensor:
        return ops.image.resize(coarser, finer.shape[1:3], interpolation="bilinear")

    levels = feature_pyramid(
        stages,
        NUM_CHANNELS,
        first=3,
        lateral="fpn.lat_layers.{order}",
        output="fpn.pred_layers.{order}",
        enlarge=enlarge,
    )
    levels = [layers.ReLU(name=f"P{level}")(x) for level, x in enumerate(levels, start=3)]
    for index in range(2):
        name = f"fpn.downsample_layers.{index}"
        levels.append(padded_conv(levels[-1], NUM_CHANNELS, 3, stride=2, name=name))
    return levels


def _prototypes(x: Tensor) -> Tensor:
    """Build protonet (section 3.1) on P3: (N, H, W, 32) at twice its size."""
    for index in (0, 2, 4):
        x = layers.ReLU()(padded_conv(x, NUM_CHANNELS, 3, name=f"proto_net.{index}"))
    x = ops.image.resize(x, (2 * x.shape[1], 2 * x.shape[2]))
    x = layers.ReLU()(padded_conv(x, NUM_CHANNELS, 3, name="proto_net.8"))
    return layers.Conv2D(NUM_PROTOTYPES, 1, activation="relu", name="proto_net.10")(x)


def _heads(pyramid: Sequence[Tensor], num_priors: int, num_outputs: int) -> list[Tensor]:
    """Build the prediction head (section 3.2), the same for all levels.

    Returns:
        Per prior: deltas (N, P, 4), class logits (N, P, C), mask coefficients (N, P, 32).
    """
    root = "prediction_layers.0"
    shared = layers.Conv2D(
        NUM_CHANNELS, 3, padding="same", activation="relu", name=f"{root}.upfeature.0"
    )
    features = [shared(level) for level in pyramid]
    outputs = []
    for name, depth in (("bbox", 4), ("conf", num_outputs), ("mask", NUM_PROTOTYPES)):
        head = layers.Conv2D(num_priors * depth, 3, padding="same", name=f"{root}.{name}_layer")
        rows = [layers.Reshape((-1, depth))(head(x)) for x in features]
        outputs.append(layers.Concatenate(axis=1, name=name)(rows))
    deltas, logits, coefficients = outputs
    return [deltas, logits, layers.Activation("tanh", name="coefficients")(coefficients)]


class FastNMS(layers.Layer):
    """Fast NMS (section 3.4): boxes already suppressed suppress others too.

    Args:
        prior_boxes: (P, 4), see `priors`.
    """

    def __init__(self, prior_boxes: NDArray[np.float32], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._priors = prior_boxes

    def compute_output_spec(self, deltas: Tensor, *_: Tensor) -> keras.KerasTensor:
        """Return (N, 100, 6 + 32)."""
        return keras.KerasTensor((deltas.shape[0], NUM_DETECTIONS, 6 + NUM_PROTOTYPES))

    def call(self, deltas: Tensor, probs: Tensor, coefficients: Tensor, least: Tensor) -> Tensor:
        """Choose.

        Args:
            deltas: (N, P, 4)
            probs: (N, P, C + 1), the first class is the background.
            coefficients: (N, P, 32)
            least: (N, C), the score above which a class counts.

        Returns:
            (N, 100, 38) box, class, score, coefficients; best first, the padding of score -1.
        """
        probs = probs[..., 1:]
        num_images, _, num_labels = probs.shape
        counts = ops.max(probs, axis=2, keepdims=True) > MIN_PRIOR_SCORE
        counts = ops.logical_and(counts, probs > least[:, None])
        ranked = ops.transpose(ops.where(counts, probs, -ops.ones_like(probs)), (0, 2, 1))
        num = min(NUM_PER_CLASS, len(self._priors))
        scores, chosen = ops.top_k(ranked, num)
        # dx, dy, log dw, log dh in units of the variances of SSD (Liu et al. 2016)
        deltas = ops.take(ops.multiply(deltas, DELTA_SCALE), np.array([1, 0, 3, 2]), axis=-1)
        boxes = apply_deltas(ops.convert_to_tensor(self._priors), deltas)
        rows = ops.concatenate([boxes, coefficients], axis=-1)
        num_rows = num_labels * num
        rows = take_rows(rows, ops.reshape(chosen, (num_images, num_rows)), num_images)
        boxes = ops.reshape(rows[..., :4], (num_images * num_labels, num, 4))
        earlier = np.triu(np.ones((num, num), np.float32), 1)
        overlaps = ops.multiply(iou(boxes, boxes), earlier)
        free = ops.reshape(ops.max(overlaps, axis=1) <= MAX_IOU, (num_images, num_rows))
        scores = ops.reshape(scores, (num_images, num_rows))
        scores = ops.where(free, scores, -ops.ones_like(scores))
        labels = np.repeat(np.arange(num_labels, dtype=np.float32), num)
        scores, best = ops.top_k(scores, NUM_DETECTIONS)
        rows = take_rows(rows, best, num_images)
        columns = [ops.take(ops.convert_to_tensor(labels), best), scores]
        columns = [column[..., None] for column in columns]
        return ops.concatenate([rows[..., :4], *columns, rows[..., 4:]], axis=-1)


def assemble_masks(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """Combine prototypes to masks (section 3.3), cropped to the boxes and a pixel around them.

    Args:
        prototypes: (N, H, W, 32)
        coefficients: (N, K, 32)
        boxes: (N, K, 4) y1, x1, y2, x2 as fractions of the image.

    Returns:
        (N, K, H, W) probabilities, 0 outside the boxes.
    """
    num_images, height, width, depth = prototypes.shape
    flat = ops.reshape(prototypes, (num_images, height * width, depth))
    masks = ops.sigmoid(ops.matmul(coefficients, ops.transpose(flat, (0, 2, 1))))
    masks = ops.reshape(masks, (*coefficients.shape[:2], height, width))
    y1, x1, y2, x2 = (boxes[..., side, None] for side in range(4))
    row = np.arange(height, dtype=np.float32)
    column = np.arange(width, dtype=np.float32)
    in_y = ops.logical_and(y1 * height - 1 <= row, y2 * height + 1 > row)
    in_x = ops.logical_and(x1 * width - 1 <= column, x2 * width + 1 > column)
    inside = ops.logical_and(in_y[..., :, None], in_x[..., None, :])
    return ops.where(inside, masks, ops.zeros_like(masks))


def _mask_quality(masks: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """Build YOLACT++'s fast mask re-scoring network (section 6.1).

    Args:
        masks: (N, K, H, W) probabilities, cropped.
        labels: (N, K) classes.
        num_labels: of classes.

    Returns:
        (N, K) expected overlap of each mask with the true one.
    """
    num_images, num, height, width = masks.shape
    x = ops.reshape(masks, (num_images * num, height, width, 1))
    for index, filters in enumerate((8, 16, 32, 64, 128)):
        name = f"maskiou_net.maskiou_net.{2 * index}"
        x = layers.Conv2D(filters, 3, strides=2, activation="relu", name=name)(x)
    x = layers.Conv2D(num_labels, 1, activation="relu", name="maskiou_net.maskiou_net.10")(x)
    quality = ops.reshape(ops.cast(ops.max(x, axis=(1, 2)), "float32"), (num_images, num, -1))
    return ops.sum(quality * ops.one_hot(labels, num_labels), axis=-1)


def build_network(
    variant: Variant,
    size: int,
    num_labels: int = 80,
    *,
    num_images: int = 1,
    dtype: str = "float32",
) -> keras.Model:
    """Build the network for one input size.

    Args:
        variant: which of the published networks.
        size: side of the square input in pixels; the weights fit every size.
        num_labels: C, without the background.
        num_images: N.
        dtype: "float32" or "bfloat16", of convolutions; boxes, scores and masks stay in float32.

    Returns:
        A model of fixed shapes, whose layers are named as the modules of YOLACT's program.
        Inputs: images (N, size, size, 3) float32 RGB from 0 to 255; least scores (N, C) float32,
        above 1 for classes not wanted. Outputs: boxes (N, 100, 4) float32 y1, x1, y2, x2 as
        fractions of the image; scores (N, 100) float32, -1 = no more detections; classes
        (N, 100) int32; masks (N, 100, h, w) float32 probabilities at a quarter of the size.
    """
    image = keras.Input(batch_shape=(num_images, size, size, 3), name="image")
    least = keras.Input(batch_shape=(num_images, num_labels), name="min_scores")
    with computing_in(dtype):
        if variant.depth is None:
            stages = darknet53(image / 255)
        else:
            pixels = (image - MEAN_RGB) / STD_RGB
            stages = resnet(pixels, variant.depth, deformable_every=variant.deformable_every)
        pyramid = _pyramid(stages)
        prototypes = ops.cast(_prototypes(pyramid[0]), "float32")
        deltas, logits, coefficients = _heads(pyramid, variant.num_priors, num_labels + 1)
    probs = layers.Softmax(name="probs")(logits)
    found = FastNMS(priors(size, variant), name="detections")(deltas, probs, coefficients, least)
    boxes, scores, labels = found[..., :4], found[..., 5], ops.cast(found[..., 4], "int32")
    masks = assemble_masks(prototypes, found[..., 6:], boxes)
    if variant.is_plus:
        with computing_in(dtype):
            quality = _mask_quality(masks, labels, num_labels)
        scores = ops.where(scores > 0, scores * quality, scores)
    return keras.Model([image, least], [boxes, scores, labels, masks], name="yolact")


def load_network(weights: Path, variant: Variant, size: int, **how: Any) -> keras.Model:
    """Build the network that a weight file belongs to and load it.

    Args:
        weights: a .pth file of YOLACT's program.
        variant: the network it is said to be for.
        size: side of the network's input in pixels.
        **how: `num_images` and `dtype`, see `build_network`.

    Raises:
        WeightsError: the file is not one of this network.
    """
    tensors = read_state_dict(weights)
    num_labels = num_foreground_classes(tensors, variant, weights)
    network = build_network(variant, size, num_labels, **how)
    load_state_dict(network, tensors, weights)
    return network
