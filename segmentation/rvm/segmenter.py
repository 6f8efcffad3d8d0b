"""Robust Video Matting as it was published: frames in, a matte of the people out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.family import Network, check_images
from segmentation.instances import Instances
from segmentation.runtime.compiling import compile_network
from segmentation.runtime.export_cache import Origin
from segmentation.runtime.keras_network import KerasNetwork
from segmentation.rvm.enlarging import SmallMatte
from segmentation.rvm.published import (
    CLASSES,
    SMALL_SIDE,
    SMALLER_SIDES,
    VARIANTS,
    Variant,
    check_variant,
    read_state_dict,
)
from segmentation.rvm.shrinking import (
    automatic_ratio,
    first_states,
    shrunk_by,
    shrunk_tensor,
    small_size,
)
from segmentation.segmenter import Memory, Options, check_classes

#: where the network is built, see `Origin`
FAMILIES = ("rvm",)
#: outputs of the network that are of the matte; the others are states, which stay on its device
NUM_OF_MATTE = 3
#: smallest long side of the small image that leaves something on the coarsest level
MIN_SIZE = 64


def load_rvm(name: str, options: Options) -> RobustVideoMatting:
    """Return the network of a weight file, compiled; see `segmentation.loading.load`.

    Args:
        name: a key of `VARIANTS`.
        options: how it is to be loaded; `size` is the long side of the small image.

    Raises:
        ValueError: it cannot do what the options ask for.
        WeightsError: the file is not there, or not one of this network.
    """
    from segmentation.weights.presets import PRESETS
    from segmentation.weights.store import locate

    check_options(name, options)
    preset, variant = PRESETS[name], VARIANTS[name]
    path = options.weights or locate(preset)
    check_variant(read_state_dict(path), name, path)
    if options.on_message is not None:
        options.on_message(f"weights of {name}: {preset.notice}")

    small_side = options.size or SMALL_SIDE

    def build(**how: Any) -> Any:
        from segmentation.rvm.network import load_network

        return load_network(path, variant, **how)

    origin = Origin(path, name, FAMILIES)
    network = compile_network(build, origin, options, num_fetched=NUM_OF_MATTE)
    if isinstance(network, KerasNetwork):
        network = network.preparing(partial(_prepare, small_side=small_side))
    return RobustVideoMatting(
        network,
        name=name,
        variant=variant,
        device=network.device,
        small_side=small_side,
        sizes=() if options.size else (SMALL_SIDE, *SMALLER_SIDES),
        takes_photos=isinstance(network, KerasNetwork),
    )


def _prepare(frames: Any, *states: Any, small_side: int) -> tuple[Any, ...]:
    ratio = automatic_ratio((frames.shape[1], frames.shape[2]), small_side)
    return shrunk_tensor(frames, ratio), *states


def check_options(name: str, options: Options) -> None:
    """Raise `ValueError` where a network of this family cannot do what the options ask for."""
    if options.classes or options.min_score is not None:
        raise ValueError(f"{name} takes no classes or least score: it finds people, as one")
    check_classes(options.keep or (), CLASSES)
    if options.size is not None and options.size < MIN_SIZE:
        raise ValueError(f"size of {name}'s input: at least {MIN_SIZE}, got {options.size}")


@dataclass(eq=False)
class RobustVideoMatting:
    """Robust Video Matting as a `ScalableSegmenter`: one instance, the union of all people.

    Attributes:
        network: what it takes and returns `network.load_network` says.
        name: see `Segmenter`.
        variant: which of the published networks it is.
        device: what it runs on, for people.
        small_side: long side of the small image, in pixels; frames are not enlarged to it.
        sizes: see `ScalableSegmenter`.
        takes_photos: the network takes frames as they are, (N, H, W, 3) uint8, as on Keras, and
            shrinks them by itself.
    """

    network: Network
    name: str
    variant: Variant
    device: str
    small_side: int = SMALL_SIDE
    sizes: tuple[int, ...] = ()
    takes_photos: bool = False

    classes = CLASSES
    #: alpha has the size of the frame, and fine hair is only there
    max_input: int | None = field(default=None, init=False)
    max_images = 1
    fast = False
    separates_objects = False

    def at_size(self, size: int) -> RobustVideoMatting:
        """Return the same with another small image; see `ScalableSegmenter.at_size`."""
        network = self.network
        if isinstance(network, KerasNetwork):
            network = network.preparing(partial(_prepare, small_side=size))
        return replace(self, network=network, small_side=size, sizes=())

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the people of N images, each by itself; see `Segmenter.segment`."""
        check_images(images)
        return [self.follow(image, None)[0] for image in images]

    def follow(self, image: NDArray[np.uint8], memory: Memory | None) -> tuple[Instances, Memory]:
        """Find the people of a stream's next frame; see `RecurrentSegmenter.follow`.

        The foreground's colours are computed from the image when they are asked for.
        """
        check_images(image[None])
        image = np.ascontiguousarray(image)
        size_hw = (image.shape[0], image.shape[1])
        ratio = automatic_ratio(size_hw, self.small_side)
        fresh = first_states(small_size(size_hw, ratio), self.variant.state_channels)
        states = fresh if memory is None else memory
        if [tuple(state.shape) for state in states] != [state.shape for state in fresh]:
            raise ValueError("memory: is of frames of another size")
        seen = image if self.takes_photos else shrunk_by(image, ratio)
        matte, slope, offset, *after = self.network(seen[None], *states)
        found = SmallMatte(matte[0], slope[0], offset[0], is_whole=ratio == 1)
        return Instances.of_matte(found.of(image)), after
