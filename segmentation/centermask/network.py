"""The network of CenterMask (Lee and Park 2020) as CenterMask2 was published, on Keras 3.

It takes one image padded to any multiples of 32 and returns a fixed number of detections, padded
with rows of score 0. `segmentation.centermask.segmenter` puts a photo's pixels around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from segmentation.centermask.mask_heads import MaskHead, MaskIoUHead
from segmentation.centermask.mobilenet import mobilenet
from segmentation.centermask.published import Variant, num_foreground_classes, read_state_dict
from segmentation.centermask.vovnet import vovnet
from segmentation.parts.boxes import in_batches, non_max_suppression, take_rows
from segmentation.parts.convolutions import padded_conv
from segmentation.parts.feature_pyramid import feature_pyramid
from segmentation.parts.precision import computing_in
from segmentation.parts.roi_align import adaptive_roi_align, area_level
from segmentation.weights.torch_layout import load_state_dict

Tensor = Any
Shape = tuple[Any, ...]

STRIDES = (8, 16, 32, 64, 128)
NUM_GROUPS = 32

#: a class less probable than this is no candidate, however well centred
MIN_CLASS_PROB = 0.05
NUM_CANDIDATES = 1000  # of each level
NUM_DETECTIONS = 50
MAX_IOU = 0.6

#: levels that boxes are cropped from, the first ones of the pyramid
NUM_CROP_LEVELS = 3
GRID = 14


class Scale(layers.Layer):
    """A learned factor: each level measures distances in a unit of its own."""

    def build(self, _: Shape) -> None:
        """Create the weight."""
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

    def call(self, x: Tensor) -> Tensor:
        """Multiply."""
        return x * self.scale


class Detections(layers.Layer):
    """Pixels of the pyramid that see an object become boxes, without duplicates of one class."""

    def compute_output_spec(self, logits: Sequence[Tensor], *_: Tensor) -> keras.KerasTensor:
        """Return (N, 50, 6), without tracing the loops of `call`."""
        return keras.KerasTensor((logits[0].shape[0], NUM_DETECTIONS, 6))

    def call(
        self,
        logits: Sequence[Tensor],
        distances: Sequence[Tensor],
        centerness: Sequence[Tensor],
        min_scores: Tensor,
    ) -> Tensor:
        """Choose (Tian et al. 2019, "FCOS", section 3).

        Args:
            logits: of each level, (N, h, w, C).
            distances: to the left, upper, right and lower side of the box, in strides,
                (N, h, w, 4).
            centerness: logits, (N, h, w, 1).
            min_scores: (N, C), the score from which a class counts.

        Returns:
            (N, 50, 6): y1, x1, y2, x2 in pixels of the input, not limited to it; class, score;
            best first, padded with 0.
        """
        num_images = logits[0].shape[0]
        levels = list(zip(logits, distances, centerness, STRIDES, strict=True))
        rows = ops.stack(
            [
                ops.concatenate([_candidates(index, *level) for level in levels])
                for index in range(num_images)
            ]
        )
        score = rows[..., 5]
        least = take_rows(min_scores[..., None], rows[..., 4], num_images)[..., 0]
        counts = ops.logical_and(score > 0, score >= least)
        rank = ops.where(counts, score, -ops.ones_like(score))
        best, order = ops.top_k(rank, rows.shape[1])
        return non_max_suppression(
            take_rows(rows, order, num_images),
            best > 0,
            max_iou=MAX_IOU,
            num_kept=NUM_DETECTIONS,
            num_images=num_images,
            labelled=True,
        )


def _candidates(
    index: int, logits: Tensor, distances: Tensor, centerness: Tensor, stride: int
) -> Tensor:
    """Return the best pairs of pixel and class of a level of an image; score 0 = none.

    They are (1000, 6), as of `Detections`.

    Only the 1000 best pixels can be among the 1000 best pairs, so most pairs are never looked at.
    """
    _, height, width, num_classes = ops.shape(logits)
    num_pixels = height * width
    logits, distances, centerness = (x[index] for x in (logits, distances, centerness))
    logits = ops.reshape(logits, (num_pixels, num_classes))
    centred = ops.sigmoid(ops.reshape(centerness, (-1,)))
    prob = ops.sigmoid(ops.max(logits, axis=1))
    rank = ops.where(prob > MIN_CLASS_PROB, prob * centred, ops.zeros_like(prob))
    # small levels have fewer pixels than candidates
    chosen = ops.top_k(ops.pad(rank, ((0, NUM_CANDIDATES),)), NUM_CANDIDATES)[1]
    pixel = ops.minimum(chosen, num_pixels - 1)

    prob = ops.sigmoid(ops.take(logits, pixel, axis=0))
    counts = ops.logical_and(prob > MIN_CLASS_PROB, (chosen < num_pixels)[:, None])
    product = ops.where(
        counts, prob * ops.take(centred, pixel, axis=0)[:, None], ops.zeros_like(prob)
    )
    product, pair = ops.top_k(ops.reshape(product, (-1,)), NUM_CANDIDATES)
    label = ops.cast(pair % num_classes, "float32")
    pixel = ops.take(pixel, pair // num_classes, axis=0)

    centre = ops.stack([pixel // width, pixel % width], axis=1) * stride + stride // 2
    centre = ops.cast(centre, "float32")
    reach = ops.take(ops.reshape(distances, (-1, 4)), pixel, axis=0) * float(stride)
    first = centre - ops.flip(reach[:, :2], axis=1)
    last = centre + ops.flip(reach[:, 2:], axis=1)
    columns = [first, last, label[:, None], ops.sqrt(product)[:, None]]
    return ops.concatenate(columns, axis=1)


class DetectionMasks(layers.Layer):
    """Masks of the detections and how well they fit, a few at a time.

    Args:
        mask_head: crops to masks.
        iou_head: crops and masks to their quality.
    """

    def __init__(self, mask_head: MaskHead, iou_head: MaskIoUHead, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_head = mask_head
        self.iou_head = iou_head

    def build(
        self, detections_shape: Shape, photo_hw_shape: Shape, levels_shape: Sequence[Shape]
    ) -> None:
        """Create the weights of the heads, outside the loop that uses them."""
        for head in (self.mask_head, self.iou_head):
            head.build((None, GRID, GRID, levels_shape[0][-1]))

    def compute_output_spec(self, detections: Tensor, *_: Tensor) -> tuple[keras.KerasTensor, ...]:
        """Return (N, 50, 28, 28) and (N, 50), without tracing the loop of `call`."""
        num = tuple(detections.shape[:2])
        return keras.KerasTensor((*num, 2 * GRID, 2 * GRID)), keras.KerasTensor(num)

    def call(
        self, detections: Tensor, photo_hw: Tensor, levels: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Work out masks.

        Args:
            detections: (N, K, 6), see `Detections`.
            photo_hw: (N, 2) size of the photo in the input, in pixels.
            levels: P3, P4, P5.

        Returns:
            Probabilities (N, K, 28, 28) of each detection's own class, and the IoU (N, K) that
            its mask is expected to have; 0 for the padding.
        """
        image_area = photo_hw[:, :1] * photo_hw[:, 1:]

        def masks(rows: Tensor) -> tuple[Tensor, Tensor]:
            boxes = rows[..., :4]
            crops = adaptive_roi_align(
                boxes,
                area_level(boxes, image_area=image_area, num_levels=NUM_CROP_LEVELS),
                levels,
                strides=STRIDES[:NUM_CROP_LEVELS],
                grid=GRID,
            )
            crops = ops.reshape(crops, (-1, *crops.shape[2:]))
            logits = ops.cast(self.mask_head(crops), "float32")
            own = ops.one_hot(ops.cast(ops.reshape(rows[..., 4], (-1,)), "int32"), logits.shape[-1])
            probs = ops.sigmoid(ops.sum(logits * own[:, None, None], axis=-1))
            quality = ops.cast(self.iou_head(crops, probs), "float32")
            return probs, ops.sum(quality * own, axis=-1)

        probs, quality = in_batches(masks, detections, [(2 * GRID, 2 * GRID), ()])
        return probs, quality


def _fcos_head(
    pyramid: Sequence[Tensor], num_convs: int, num_classes: int
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Build the head that all levels share: class logits, distances and centerness of each."""
    root = "proposal_generator.fcos_head"
    channels = pyramid[0].shape[-1]

    def conv(filters: int, name: str) -> layers.Layer:
        return layers.Conv2D(filters, 3, padding="same", name=f"{root}.{name}")

    def tower(name: str) -> list[layers.Layer]:
        steps = []
        for index in range(0, 3 * num_convs, 3):
            norm = layers.GroupNormalization(
                NUM_GROUPS, epsilon=1e-5, name=f"{root}.{name}.{index + 1}"
            )
            steps += [conv(channels, f"{name}.{index}"), norm, layers.ReLU()]
        return steps

    class_tower, box_tower = tower("cls_tower"), tower("bbox_tower")
    classify, locate = conv(num_classes, "cls_logits"), conv(4, "bbox_pred")
    centre = conv(1, "ctrness")
    logits, distances, centerness = [], [], []
    for index, level in enumerate(pyramid):
        x = y = level
        for class_step, box_step in zip(class_tower, box_tower, strict=True):
            x, y = class_step(x), box_step(y)
        logits.append(classify(x))
        distances.append(layers.ReLU()(Scale(name=f"{root}.scales.{index}")(locate(y))))
        centerness.append(centre(y))
    return logits, distances, centerness


def build_network(
    variant: Variant, num_classes: int = 80, *, num_images: int = 1, dtype: str = "float32"
) -> keras.Model:
    """Build the network, for images of any size.

    Args:
        variant: one of `segmentation.centermask.published.VARIANTS`.
        num_classes: C.
        num_images: N.
        dtype: "float32" or "bfloat16", of convolutions; boxes, scores and crops stay in float32.

    Returns:
        A model. Inputs: images (N, H, W, 3) float32, as
        `segmentation.centermask.segmenter.prepare` makes them; size (N, 2) float32 of the photo in
        each, height first; least scores (N, C) float32, above 1 for classes not wanted. Outputs:
        boxes (N, 50, 4) float32 y1, x1, y2, x2 in pixels, which may reach beyond the image;
        scores (N, 50) float32, 0 = no more detections; classes (N, 50) int32; masks
        (N, 50, 28, 28) float32, probabilities; mask scores (N, 50) float32, the score times the
        IoU that the mask is expected to have.
    """
    image = keras.Input(batch_shape=(num_images, None, None, 3), name="image")
    photo_hw = keras.Input(batch_shape=(num_images, 2), name="photo_hw")
    min_scores = keras.Input(batch_shape=(num_images, num_classes), name="min_scores")
    with computing_in(dtype):
        pyramid = _pyramid(image, variant)
        seen = _fcos_head(pyramid, variant.num_convs, num_classes)
        detections = Detections(name="detections", dtype="float32")(*seen, min_scores)
        masks, quality = DetectionMasks(
            MaskHead(variant.num_convs, num_classes, "roi_heads.mask_head", name="mask_head"),
            MaskIoUHead(variant.num_convs, num_classes, "roi_heads.maskiou_head", name="iou_head"),
            name="masks",
            dtype="float32",
        )(detections, photo_hw, pyramid[:NUM_CROP_LEVELS])
    scores = detections[..., 5]
    label = ops.cast(detections[..., 4], "int32")
    outputs = [detections[..., :4], scores, label, masks, scores * quality]
    return keras.Model([image, photo_hw, min_scores], outputs, name="centermask")


def _pyramid(image: Tensor, variant: Variant) -> list[Tensor]:
    """Build P3 to P7."""
    root = "backbone.bottom_up"
    stages = mobilenet(image, root) if variant.depth is None else vovnet(image, variant.depth, root)
    pyramid = feature_pyramid(
        stages,
        variant.channels,
        first=3,
        lateral="backbone.fpn_lateral{level}",
        output="backbone.fpn_output{level}",
    )
    top = "backbone.top_block.p"
    pyramid.append(padded_conv(pyramid[-1], variant.channels, 3, stride=2, name=f"{top}6"))
    above = layers.ReLU()(pyramid[-1])
    pyramid.append(padded_conv(above, variant.channels, 3, stride=2, name=f"{top}7"))
    return pyramid


def load_network(path: Path, variant: Variant, **how: Any) -> keras.Model:
    """Build the network that a weight file belongs to and load it.

    The file says how many classes it knows.

    Args:
        path: a .pth file of CenterMask2's program.
        variant: what it is of.
        **how: `num_images` and `dtype`, see `build_network`.

    Raises:
        WeightsError: the file is not one of this network.
    """
    tensors = read_state_dict(path)
    network = build_network(variant, num_foreground_classes(tensors, path), **how)
    load_state_dict(network, tensors, path)
    return network
