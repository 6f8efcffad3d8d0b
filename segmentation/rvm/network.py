"""The network of Robust Video Matting (Lin et al. 2021) on Keras 3, with the published weights.

One small image and four states in; its matte, what brings that to the frame's size and the next
four states out. The states belong to one size of the small image. `segmentation.rvm.segmenter`
puts a stream's pixels around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from segmentation.parts.convolutions import padded_conv, stored_norm
from segmentation.parts.precision import computing_in
from segmentation.rvm.encoders import ENCODERS
from segmentation.rvm.published import Variant, read_state_dict
from segmentation.weights.torch_layout import load_state_dict

Tensor = Any

#: channels within the guided filter
FILTER_CHANNELS = 16


def load_network(path: Path, variant: Variant, **how: Any) -> keras.Model:
    """Return the network with the weights of a published file, without the logits of a person.

    Args:
        path: of the file.
        variant: what it is of.
        **how: `num_images` and `dtype`, see `build_network`.

    Raises:
        WeightsError: the file cannot be read, or its tensors are not exactly those of the network.
    """
    whole = build_network(variant, **how)
    load_state_dict(whole, read_state_dict(path), path)
    return keras.Model(whole.inputs, [*whole.outputs[:3], *whole.outputs[-4:]])


def build_network(variant: Variant, *, num_images: int = 1, dtype: str = "float32") -> keras.Model:
    """Return a network with fresh weights, all that a published file has.

    It sees the small image alone. What the guided filter does at the frame's size is a sum and a
    product for each pixel, `enlarging`, which costs less than a network of that size.

    Args:
        variant: which one.
        num_images: N, each of a stream of its own.
        dtype: "float32" or "bfloat16", of convolutions; states, matte and the guided filter, which
            takes differences of almost equal numbers, stay in float32.

    Returns:
        A model. In: the small image (N, h, w, 3) float32 RGB from 0 to 1; the states of strides 2,
        4, 8, 16, sizes rounded up, zeros for the first frame of a stream. Out: the matte (1, h, w,
        4), what is to be added to an image's RGB to get the foreground's colours, and alpha, both
        to be cut off at 0 and 1; slope and offset of the guided filter, (N, h, w, 4) each; the
        logits of a person (N, h, w, 1), a task it was also trained for; the states for the next
        frame.
    """
    small = layers.Input((None, None, 3), num_images, name="small")
    states = [
        layers.Input((None, None, channels), num_images, name=f"state{number}")
        for number, channels in enumerate(variant.state_channels, start=1)
    ]
    with computing_in(dtype):
        *finer, coarsest = ENCODERS[variant.encoder](small)
        context = _context(coarsest, variant.context_channels)
        hidden, after = _decoder(context, finer, small, states, variant.decoder_channels)
    matte = layers.Conv2D(4, 1, name="project_mat.conv")(hidden)
    person = layers.Conv2D(1, 1, name="project_seg.conv")(hidden)
    slope, offset = _guided_filter(small, matte, hidden)
    return keras.Model([small, *states], [matte, slope, offset, person, *after], name="rvm")


def _context(x: Tensor, channels: int) -> Tensor:
    """Build LR-ASPP (Howard et al. 2019, section 6.4), its second branch a global mean."""
    y = padded_conv(x, channels, 1, use_bias=False, name="aspp.aspp1.0")
    y = layers.ReLU(name="aspp1")(stored_norm(y, "aspp.aspp1.1"))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = padded_conv(gate, channels, 1, use_bias=False, name="aspp.aspp2.1")
    return layers.Multiply(name="aspp")([y, layers.Activation("sigmoid", name="aspp2")(gate)])


def _decoder(
    context: Tensor,
    maps: Sequence[Tensor],
    image: Tensor,
    states: Sequence[Tensor],
    channels: Sequence[int],
) -> tuple[Tensor, list[Tensor]]:
    """Build the decoder (section 3.2).

    Args:
        context: of stride 16.
        maps: of the encoder, strides 2, 4, 8.
        image: the small one.
        states: of strides 2, 4, 8, 16.
        channels: see `Variant.decoder_channels`.

    Returns:
        The map of the small image's size, and the four states for the next frame.
    """
    pyramid = [image]
    for number in (1, 2, 3):
        # with "same" the last of an odd number of pixels stays alone: only real ones count
        pool = layers.AveragePooling2D(2, padding="same", name=f"s{number}")
        pyramid.append(pool(pyramid[-1]))
    x, state = _recurrent(context, states[3], 4)
    after = [state]
    for level, filters in zip((3, 2, 1), channels, strict=False):
        name = f"decoder.decode{level}.conv"
        x = DoubledTo()(x, pyramid[level])
        x = layers.Concatenate()([x, maps[level - 1], pyramid[level]])
        x = _conv(x, filters, f"{name}.0", f"{name}.1", f"decode{level}_conv")
        x, state = _recurrent(x, states[level - 1], level)
        after.insert(0, state)
    name = "decoder.decode0.conv"
    x = layers.Concatenate()([DoubledTo()(x, image), image])
    x = _conv(x, channels[3], f"{name}.0", f"{name}.1", "decode0_conv")
    return _conv(x, channels[3], f"{name}.3", f"{name}.4", "hid"), after


def _conv(x: Tensor, filters: int, conv: str, norm: str, name: str, kernel: int = 3) -> Tensor:
    x = padded_conv(x, filters, kernel, use_bias=False, name=conv)
    return layers.ReLU(name=name)(stored_norm(x, norm))


def _recurrent(x: Tensor, state: Tensor, level: int) -> tuple[Tensor, Tensor]:
    """Build a ConvGRU (Ballas et al. 2016) on the second half of a map's channels.

    Returns:
        The map with the new state for that half, and this state.
    """
    name, channels = f"decoder.decode{level}.gru", state.shape[-1]
    passing, x = x[..., :channels], x[..., channels:]
    gates = padded_conv(layers.Concatenate()([x, state]), 2 * channels, 3, name=f"{name}.ih.0")
    gates = layers.Activation("sigmoid", name=f"gru{level}_gates")(gates)
    reset, update = gates[..., :channels], gates[..., channels:]
    y = layers.Concatenate()([x, ops.multiply(reset, state)])
    y = padded_conv(y, channels, 3, name=f"{name}.hh.0")
    y = layers.Activation("tanh", name=f"gru{level}_candidate")(y)
    new = ops.add(ops.multiply(1 - update, state), ops.multiply(update, y))
    return layers.Concatenate(name=f"x{level}")([passing, new]), new


def _guided_filter(small: Tensor, matte: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Build the deep guided filter (Wu et al. 2018, "Fast end-to-end trainable guided filter").

    Args:
        small: (N, h, w, 3) from 0 to 1.
        matte: (N, h, w, 4), what is to be brought to the frame's size.
        hidden: (N, h, w, C), what the decoder knows beside it.

    Returns:
        Slope and offset, (N, h, w, 4) each, of the matte as a function of RGB and their mean.
    """
    # the mean of a window in spirit: its weights were trained, and beyond the border is nothing
    box = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="refiner.box_filter")
    mean = ops.mean(small, axis=-1, keepdims=True)
    guide = layers.Concatenate()([small, mean])
    mean_guide, mean_matte = box(guide), box(matte)
    covariance = box(ops.multiply(guide, matte)) - ops.multiply(mean_guide, mean_matte)
    variance = box(ops.multiply(guide, guide)) - ops.multiply(mean_guide, mean_guide)
    x = layers.Concatenate()([covariance, variance, hidden])
    for first in (0, 3):
        name = f"refiner.conv.{first}"
        norm = f"refiner.conv.{first + 1}"
        x = _conv(x, FILTER_CHANNELS, name, norm, f"refiner_{first}", kernel=1)
    slope = layers.Conv2D(4, 1, name="refiner.conv.6")(x)
    return slope, mean_matte - ops.multiply(slope, mean_guide)


class DoubledTo(layers.Layer):
    """A map at twice its size, bilinearly, without what stands over at the bottom and the right."""

    def compute_output_spec(self, x: Tensor, like: Tensor) -> keras.KerasTensor:
        """Return (N, H, W, C) for the H and W of `like`."""
        return keras.KerasTensor((*like.shape[:3], x.shape[-1]))

    def call(self, x: Tensor, like: Tensor) -> Tensor:
        """Enlarge (N, h, w, C) to the size of `like`, (N, H, W, ...), h = ceil(H / 2)."""
        height, width = ops.shape(x)[1:3]
        doubled = resized(x, (2 * height, 2 * width))
        return doubled[:, : ops.shape(like)[1], : ops.shape(like)[2]]


def resized(x: Tensor, size_hw: Any) -> Tensor:
    """Return (N, h, w, C) at a size, bilinearly; of what is traced the size may be unknown."""
    if keras.backend.backend() == "tensorflow":  # Keras itself wants to know it
        import tensorflow as tf

        return tf.image.resize(x, size_hw)
    return ops.image.resize(x, size_hw)
