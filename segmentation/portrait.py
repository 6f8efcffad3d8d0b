"""Portrait: a small network that tells people from everything else, its weights in the package.

A residual encoder of plain 3x3 convolutions (He et al. 2016, "Deep Residual Learning", section 3;
plain ones because they are what processors run best), a global context vector added at its
deepest level, and a top-down decoder with lateral connections (Lin et al. 2017, "Feature Pyramid
Networks", section 3) down to half the input's size.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.runtime import CompiledNetwork

if TYPE_CHECKING:
    import keras

WEIGHTS = Path(__file__).with_name("weights") / "portrait.h5"
EXPORT = Path(__file__).with_name("weights") / "portrait.xml"

STRIDE = 32  # of the deepest level; both sides of an input are multiples of it
INPUT_AREA = 224 * 224  # pixels; an input has about as many, whatever its aspect
SIZES_HW = ((288, 160), (256, 192), (224, 224), (192, 256), (160, 288))

ENCODER_CHANNELS = (16, 24, 48, 80, 112)  # at strides 2, 4, 8, 16, 32
ENCODER_BLOCKS = (1, 2, 3, 2)  # residual blocks at strides 4, 8, 16, 32
DECODER_CHANNELS = (48, 48, 24, 8)  # at strides 16, 8, 4, 2


def build(size_hw: tuple[int, int]) -> keras.Model:
    """Return the network with fresh weights.

    Args:
        size_hw: of the input, in pixels, multiples of `STRIDE`.

    Returns:
        A model from (N, H, W, 3) uint8 RGB to (N, H, W, 1) float32, the logits of "a person".
    """
    import keras
    from keras import layers

    def conv(x, channels, size=3, stride=1, relu=True):  # type: ignore[no-untyped-def]
        x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.98)(x)
        return layers.ReLU()(x) if relu else x

    def block(x, channels, stride):  # type: ignore[no-untyped-def]
        shortcut = x
        if stride > 1:
            shortcut = layers.AveragePooling2D(stride)(shortcut)
        if x.shape[-1] != channels:
            shortcut = conv(shortcut, channels, 1, relu=False)
        x = conv(conv(x, channels, 3, stride), channels, relu=False)
        return layers.ReLU()(layers.Add()([x, shortcut]))

    def enlarge(x):  # type: ignore[no-untyped-def]
        return layers.UpSampling2D(2, interpolation="bilinear")(x)

    # === Encoder ===
    image = layers.Input((*size_hw, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    levels = [conv(x, ENCODER_CHANNELS[0], 3, 2)]
    for channels, num_blocks in zip(ENCODER_CHANNELS[1:], ENCODER_BLOCKS, strict=True):
        x = block(levels[-1], channels, 2)
        for _ in range(num_blocks - 1):
            x = block(x, channels, 1)
        levels.append(x)
    context = layers.GlobalAveragePooling2D(keepdims=True)(levels[-1])
    x = layers.Add()([levels[-1], conv(context, ENCODER_CHANNELS[-1], 1)])

    # === Decoder ===
    for lateral, channels in zip(levels[-2::-1], DECODER_CHANNELS, strict=True):
        x = enlarge(conv(x, channels, 1))
        x = conv(layers.Add()([x, conv(lateral, channels, 1, relu=False)]), channels)
    logits = layers.Conv2D(1, 3, padding="same", dtype="float32")(x)
    return keras.Model(image, enlarge(logits), name="portrait")


def input_size(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Return the one of `SIZES_HW` whose aspect is nearest to that of an image of `size_hw`."""
    aspect = np.log(size_hw[1] / size_hw[0])
    return min(SIZES_HW, key=lambda size: abs(np.log(size[1] / size[0]) - aspect))


class Portrait:
    """The person segmenter that is the default on a CPU: one instance, the union of all people.

    `Segmenter` over the bundled network. Compiles it for an aspect when the first image of that
    aspect arrives.

    Args:
        network: compiled from (1, H, W, 3) uint8 to (1, H, W, 1) logits, for any of `SIZES_HW`.
    """

    classes = ("person",)
    max_input = 320

    def __init__(self, network: CompiledNetwork) -> None:
        """Take over `network`."""
        self._network = network
        self.device = network.device

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find people; see `Segmenter.segment`. At most one instance, of label 0."""
        if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
            raise ValueError(
                f"images: expected uint8 (N, H, W, 3), got {images.dtype} {images.shape}"
            )
        return [self._segment_one(image) for image in images]

    def _segment_one(self, image: NDArray[np.uint8]) -> Instances:
        size_hw = (image.shape[0], image.shape[1])
        network_hw = input_size(size_hw)
        small = resized(image, network_hw)
        (logits,) = self._network(small[None])
        mask = resized(probability(logits[0, :, :, 0]), size_hw)
        inside = np.nonzero(mask >= 128)
        if not len(inside[0]):
            return Instances.empty(size_hw)
        (top, bottom), (left, right) = ((axis.min(), axis.max() + 1) for axis in inside)
        return Instances(
            boxes=np.array([[left, top, right, bottom]], np.float32),
            scores=np.array([mask[inside].mean() / 255], np.float32),
            labels=np.zeros(1, np.int32),
            masks=mask[None],
            ids=np.full(1, -1, np.int32),
        )


def probability(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the logistic function of `logits` x 255, rounded: uint8, >= 128 where logits >= 0."""
    scaled = 255 / (1 + np.exp(-logits))
    return np.asarray(np.floor(scaled + 0.5), np.uint8)


def resized(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return `image` at `size_hw`: area averages when shrinking, bilinear when enlarging."""
    if image.shape[:2] == size_hw:
        return image
    shrinking = image.shape[0] * image.shape[1] > size_hw[0] * size_hw[1]
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_hw[1], size_hw[0]), interpolation=method), np.uint8)
