"""VoVNetV2 (Lee and Park 2020, "CenterMask", section 3.4): an image becomes maps of features."""

from __future__ import annotations

from typing import Any

from keras import layers, ops

from segmentation.parts.convolutions import padded_conv, stored_norm

Tensor = Any

#: depth -> convolutions in a block, blocks in stages 2 to 5
VOVNET_BLOCKS = {19: (3, (1, 1, 1, 1)), 39: (5, (1, 1, 2, 2)), 57: (5, (1, 1, 4, 3))}
#: channels of the convolutions inside a block, and of its output, in stages 2 to 5
INNER_CHANNELS = (128, 160, 192, 224)
OUTER_CHANNELS = (256, 512, 768, 1024)


def _conv_norm_relu(x: Tensor, filters: int, kernel: int, *, stride: int = 1, name: str) -> Tensor:
    x = padded_conv(x, filters, kernel, stride=stride, use_bias=False, name=f"{name}.conv")
    return layers.ReLU()(stored_norm(x, f"{name}.norm"))


def _squeeze_excitation(x: Tensor, name: str) -> Tensor:
    """Weigh channels by what the whole map shows: effective squeeze and excitation (eSE)."""
    mean = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weight = layers.Conv2D(x.shape[-1], 1, name=f"{name}.fc")(mean)
    return x * (ops.relu6(weight + 3) / 6)


def _one_shot_aggregation(
    x: Tensor, num_convs: int, inner: int, outer: int, *, adds_input: bool, path: str, block: str
) -> Tensor:
    """Build a block (OSA) whose last convolution sees the outputs of all others and the input.

    Args:
        x: its input.
        num_convs: convolutions in a chain.
        inner: their channels.
        outer: channels of the output.
        adds_input: the output is added to the input.
        path: of the block's module, which ends in `block`.
        block: its name (`OSA4_2`).
    """
    outputs = [x]
    for index in range(num_convs):
        name = f"{path}.layers.{index}.{block}_{index}"
        outputs.append(_conv_norm_relu(outputs[-1], inner, 3, name=name))
    y = layers.Concatenate()(outputs)
    y = _conv_norm_relu(y, outer, 1, name=f"{path}.concat.{block}_concat")
    y = _squeeze_excitation(y, f"{path}.ese")
    return x + y if adds_input else y


def vovnet(image: Tensor, depth: int, root: str) -> list[Tensor]:
    """Build VoVNetV2, its layers named as the modules of CenterMask2's program.

    Args:
        image: (N, H, W, 3) float32, sides multiples of 32, normalised.
        depth: a key of `VOVNET_BLOCKS`.
        root: before the name of every module (`backbone.bottom_up`).

    Returns:
        Stages 3, 4, 5 of strides 8, 16, 32 with 512, 768, 1024 channels.
    """
    x = image
    for index, (filters, stride) in enumerate(((64, 2), (64, 1), (128, 2)), start=1):
        x = _conv_norm_relu(x, filters, 3, stride=stride, name=f"{root}.stem.stem_{index}")
    num_convs, num_blocks = VOVNET_BLOCKS[depth]
    stages = []
    for stage, inner, outer, num in zip(
        range(2, 6), INNER_CHANNELS, OUTER_CHANNELS, num_blocks, strict=True
    ):
        if stage > 2:
            # for even sizes "same" is the original's rounding up of the size
            x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        for index in range(num):
            block = f"OSA{stage}_{index + 1}"
            x = _one_shot_aggregation(
                x,
                num_convs,
                inner,
                outer,
                adds_input=index > 0,
                path=f"{root}.stage{stage}.{block}",
                block=block,
            )
        stages.append(x)
    return stages[1:]
