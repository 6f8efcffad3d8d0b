"""The projector of RF-DETR: four maps of the encoder become the one that all else looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers

from segmentation.parts.convolutions import padded_conv
from segmentation.rf_detr.pieces import WIDTH, norm

Tensor = Any

ROOT = "backbone.0.projector.stages.0"
EPSILON = 1e-6
NUM_BOTTLENECKS = 3


def projector(maps: Sequence[Tensor]) -> Tensor:
    """Build a stage of convolutions whose every step is seen by the last one.

    This is the C2f of YOLOv8, without shortcuts, its normalisations over channels.

    Args:
        maps: (N, h, w, C) each.

    Returns:
        (N, h, w, 256)
    """
    x = layers.Concatenate()(list(maps))
    x = _conv(x, WIDTH, 1, f"{ROOT}.0.cv1", "projector_cv1")
    steps = [x[..., : WIDTH // 2], x[..., WIDTH // 2 :]]
    for index in range(NUM_BOTTLENECKS):
        name = f"{ROOT}.0.m.{index}"
        x = _conv(steps[-1], WIDTH // 2, 3, f"{name}.cv1", f"projector_m{index}_cv1")
        steps.append(_conv(x, WIDTH // 2, 3, f"{name}.cv2", f"projector_m{index}"))
    x = _conv(layers.Concatenate()(steps), WIDTH, 1, f"{ROOT}.0.cv2", "projector_cv2")
    return norm(x, f"{ROOT}.1", EPSILON)


def _conv(x: Tensor, filters: int, kernel: int, module: str, name: str) -> Tensor:
    x = padded_conv(x, filters, kernel, use_bias=False, name=f"{module}.conv")
    x = norm(x, f"{module}.bn", EPSILON)
    return layers.Activation("silu", name=name)(x)
