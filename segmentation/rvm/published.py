"""The two published networks of Robust Video Matting, and what is read off their weight files."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segmentation.errors import WeightsError
from segmentation.weights.pth_weights import read_pth
from segmentation.weights.torch_layout import named_tensors

#: names of what the networks find
CLASSES: tuple[str, ...] = ("person",)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the published networks.

    Attributes:
        encoder: what looks at the small image.
        context_channels: of the map that the decoder begins with, of stride 16.
        decoder_channels: of the decoder's maps, of strides 8, 4, 2 and 1.
    """

    encoder: Literal["mobilenetv3", "resnet50"]
    context_channels: int
    decoder_channels: tuple[int, int, int, int]

    @property
    def state_channels(self) -> tuple[int, int, int, int]:
        """Of the four states, of strides 2, 4, 8 and 16: half of each map of the decoder."""
        coarse, middle, fine, _ = self.decoder_channels
        return fine // 2, middle // 2, coarse // 2, self.context_channels // 2


VARIANTS = {
    "rvm-mobilenet": Variant("mobilenetv3", 128, (80, 40, 32, 16)),
    "rvm-resnet50": Variant("resnet50", 256, (128, 64, 32, 16)),
}

#: long side of the small image, in pixels, unless somebody asks for another
SMALL_SIDE = 512
#: and those that a camera may have instead on a machine that is too slow for it; below them, hair
#: and hands are lost
SMALLER_SIDES = (384, 256, 192, 128)

#: which tensor only files of an encoder have
_FIRST_TENSORS = {
    "mobilenetv3": "backbone.features.0.0.weight",
    "resnet50": "backbone.conv1.weight",
}
#: counters of the training, which no network has
_IGNORED = re.compile(r".*\.num_batches_tracked")


def read_state_dict(path: Path) -> dict[str, object]:
    """Return the tensors of a published file by name, without those that may be ignored.

    Raises:
        WeightsError: the file cannot be read.
    """
    tensors = named_tensors(read_pth(path), path)
    return {name: tensor for name, tensor in tensors.items() if not _IGNORED.fullmatch(name)}


def check_variant(tensors: Container[str], name: str, path: Path) -> None:
    """Raise `WeightsError` unless a file's tensors are those of the network of that name.

    Only their names are looked at, and few of those: whoever builds the network checks all.
    """
    if "project_mat.conv.weight" not in tensors:
        raise WeightsError(
            f"{path}: no weights of Robust Video Matting (project_mat.conv.weight is missing); "
            "give a file of its program, or the --model it is of"
        )
    for other, variant in VARIANTS.items():
        if _FIRST_TENSORS[variant.encoder] in tensors and other != name:
            raise WeightsError(f"{path}: weights of {other}, not of {name}; use --model {other}")
