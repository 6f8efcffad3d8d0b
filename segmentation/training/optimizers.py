"""How a network takes its steps: the course of the learning rate, and two optimizers."""

from __future__ import annotations

from typing import Any

import keras

#: share of the steps in which the learning rate grows
WARM_UP = 0.05
#: SGD of Matterport's program: momentum, and the length of the gradient that is not exceeded
MOMENTUM, MAX_GRADIENT = 0.9, 5.0


def warmed_up_cosine(peak: float, num_steps: int) -> Any:
    """Return a learning rate that grows to `peak` and then falls to 0 along a cosine."""
    warm_up = max(1, round(WARM_UP * num_steps))
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, num_steps - warm_up), warmup_target=peak, warmup_steps=warm_up
    )


def adamw(peak: float, num_steps: int) -> keras.optimizers.Optimizer:
    """Return what trains the portrait network, all that is built on it, and random weights."""
    rate = warmed_up_cosine(peak, num_steps)
    return keras.optimizers.AdamW(rate, weight_decay=0.02, clipnorm=1.0)


def sgd(peak: float, num_steps: int) -> keras.optimizers.Optimizer:
    """Return what trained the published Mask R-CNN, and suits its weights."""
    rate = warmed_up_cosine(peak, num_steps)
    return keras.optimizers.SGD(rate, momentum=MOMENTUM, global_clipnorm=MAX_GRADIENT)
