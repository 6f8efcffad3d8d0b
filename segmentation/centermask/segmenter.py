"""CenterMask2 as it was published: any photo in, objects in that photo's pixels out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segmentation.centermask.published import VARIANTS, num_foreground_classes, read_state_dict
from segmentation.family import FamilySegmenter, wanted_classes
from segmentation.instances import Instances
from segmentation.parts.masks import paste_masks_between_pixels
from segmentation.parts.resample import resize_bytes
from segmentation.runtime.compiling import compile_network, images_at_a_time, taking_photos
from segmentation.runtime.export_cache import Origin
from segmentation.runtime.openvino_network import OpenVINONetwork
from segmentation.segmenter import Options

#: where the network is built, see `Origin`
FAMILIES = ("centermask",)
MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
#: the network's input has sides that are multiples of this, so that most photos share one of a
#: few shapes. No coarser ones: the padding counts in the means of GroupNorm and squeeze and
#: excitation, and a bit more of it changes what is found.
STRIDE = 32
#: smallest short side that leaves something on the coarsest level
MIN_SIZE = 64


def load_centermask(name: str, options: Options) -> CenterMask:
    """Return the network of a weight file, compiled; see `segmentation.loading.load`.

    Args:
        name: a key of `VARIANTS`.
        options: how it is to be loaded; `size` is that of the photo's short side, the limit of
            the long one changes in proportion.

    Raises:
        ValueError: `size` is too small, or the classes are not as many as the file's.
        WeightsError: the file is not there, or not one of this network.
    """
    from segmentation.weights.presets import PRESETS
    from segmentation.weights.store import locate

    preset = PRESETS[name]
    path = options.weights or locate(preset)
    variant = VARIANTS[name]
    size = options.size or variant.short_side
    if size < MIN_SIZE:
        raise ValueError(f"size of {name}'s input: at least {MIN_SIZE}, got {size}")
    classes, keep = wanted_classes(
        path, options, num_foreground_classes(read_state_dict(path), path)
    )
    if options.on_message is not None:
        options.on_message(f"weights of {name}: {preset.notice}")

    long_side = round(size * variant.long_side / variant.short_side)

    def build(**how: Any) -> Any:
        from segmentation.centermask.network import load_network

        return load_network(path, variant, **how)

    network = compile_network(build, Origin(path, name, FAMILIES), options, any_shape=True)
    return CenterMask(
        network,
        name=name,
        short_side=size,
        long_side=long_side,
        classes=classes,
        min_score=options.min_score or 0.0,
        keep=keep,
        device=network.device,
        max_images=images_at_a_time(network),
        frames_network=taking_photos(
            network, partial(_prepare_tensors, short_side=size, long_side=long_side)
        ),
    )


# === Before and after the network ===


def photo_size(size_hw: tuple[int, int], short_side: int, long_side: int) -> tuple[int, int]:
    """Return height and width of a photo in the network's input.

    Args:
        size_hw: of the photo.
        short_side: in pixels, unless the other side would be longer than `long_side`.
        long_side: the most that the other side may have, in pixels.
    """
    scale = short_side / min(size_hw)
    if max(size_hw) * scale > long_side:
        scale = long_side / max(size_hw)
    height, width = (max(1, int(side * scale + 0.5)) for side in size_hw)
    return height, width


def prepare(
    image: Any, short_side: int, long_side: int, xp: Any = np
) -> tuple[Any, tuple[int, int]]:
    """Bring a photo to the network's input: BGR, the mean subtracted, zeros right of and below it.

    Args:
        image: (..., H, W, 3) uint8 RGB; a tensor int32.
        short_side: see `photo_size`.
        long_side: see `photo_size`.
        xp: `numpy` or `keras.ops`, whichever `image` belongs to.

    Returns:
        The input (..., h, w, 3) float32, sides multiples of `STRIDE`, and height and width of the
        photo in it.
    """
    size_hw = photo_size((image.shape[-3], image.shape[-2]), short_side, long_side)
    resized = resize_bytes(image, size_hw, xp)
    pixels = (resized if xp is np else xp.cast(resized, "float32"))[..., ::-1] - MEAN_BGR
    behind = [(0, -side % STRIDE) for side in size_hw]
    return xp.pad(pixels, [(0, 0)] * (len(image.shape) - 3) + behind + [(0, 0)]), size_hw


def _prepare_tensors(photos: Any, *others: Any, short_side: int, long_side: int) -> tuple[Any, ...]:
    from keras import ops

    return prepare(ops.cast(photos, "int32"), short_side, long_side, ops)[0], *others


def to_instances(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: NDArray[np.int32],
    masks: NDArray[np.float32],
    mask_scores: NDArray[np.float32],
    *,
    photo_hw: tuple[int, int],
    size_hw: tuple[int, int],
) -> tuple[Instances, NDArray[np.float32]]:
    """Turn the network's detections into objects of the photo, and how good their masks are.

    Args:
        boxes: (K, 4) y1, x1, y2, x2 in pixels of the network's input; see `build_network`.
        scores: (K,), 0 in padded rows.
        classes: (K,)
        masks: (K, 28, 28) probabilities.
        mask_scores: (K,)
        photo_hw: size of the photo in the network's input.
        size_hw: of the photo.
    """
    extent = np.tile(size_hw, 2)
    pixels = np.clip(boxes * (extent / np.tile(photo_hw, 2)), 0, extent)
    found = (scores > 0) & (pixels[:, 2:] > pixels[:, :2]).all(axis=1)
    pixels = pixels[found]
    pasted = paste_masks_between_pixels(masks[found], pixels, size_hw)
    return Instances.untracked(pixels, scores[found], classes[found], pasted), mask_scores[found]


@dataclass(eq=False, kw_only=True)
class CenterMask(FamilySegmenter):
    """CenterMask2 as a `TwofoldSegmenter`: any photo in, objects in that photo's pixels out.

    Not reported are objects whose class is less probable than 0.05, the threshold of the original
    program.

    Attributes:
        short_side: of the photo in the network's input, see `photo_size`.
        long_side: see `photo_size`.
    """

    short_side: int
    long_side: int
    min_score: float = 0.0

    def __post_init__(self) -> None:
        """Settle what follows from the size."""
        self.max_input = self.long_side

    def for_video(self) -> Self:
        """Return it compiled for each shape of input; see `TwofoldSegmenter.for_video`."""
        if isinstance(self.network, OpenVINONetwork) and self._for_video is None:
            self._for_video = replace(self, network=self.network.for_each_shape())
        return self._for_video or super().for_video()

    def _segment_batch(self, images: NDArray[np.uint8], num: int) -> list[Instances]:
        return [found for found, _ in self._scored(images, num)]

    def score_masks(self, image: NDArray[np.uint8]) -> tuple[Instances, NDArray[np.float32]]:
        """Find the objects of one image, and score their masks apart from their boxes.

        By its own score, that of the box times the IoU which the mask is expected to have,
        `segmentation.evaluation.average_precision` ranks a mask, as the original program does.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            K objects, and (K,) scores of their masks.
        """
        return self._scored(image[None], 1)[0]

    def _scored(
        self, images: NDArray[np.uint8], num: int
    ) -> list[tuple[Instances, NDArray[np.float32]]]:
        size_hw = (images.shape[1], images.shape[2])
        if self.takes_photos:
            given, photo_hw = images, photo_size(size_hw, self.short_side, self.long_side)
        else:
            given, photo_hw = prepare(images, self.short_side, self.long_side)
        sizes = np.tile(np.array(photo_hw, np.float32), (len(images), 1))
        outputs = self.network(given, sizes, np.tile(self.least_scores(), (len(images), 1)))
        return [
            to_instances(
                *(np.asarray(output)[index] for output in outputs),
                photo_hw=photo_hw,
                size_hw=size_hw,
            )
            for index in range(num)
        ]
