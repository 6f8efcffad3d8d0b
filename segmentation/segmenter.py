"""The one interface of all networks, and the options that one is loaded with."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances


class Segmenter(Protocol):
    """A network with its weights. Stateless: the same images give the same result.

    Attributes:
        name: of the network, as `segmentation.load` takes it; of a file of others, the file's.
        classes: names of what it finds, without background; `Instances.labels` index into it.
        max_input: long side in pixels above which an image carries no more information for the
            network, `None` where every pixel counts. Larger images are taken all the same.
        max_images: that go through the network at a time; more than one only where that is faster.
        fast: a run takes about as long as moving masks to the next frame does, a few milliseconds,
            so that keyframes save nothing: it can see every frame of a camera.
        separates_objects: finds each object by itself (instance segmentation); otherwise all that
            it finds in an image is one object (semantic segmentation), which needs no id.
        device: what it runs on, for people ("CPU (OpenVINO)").
    """

    name: str
    classes: tuple[str, ...]
    max_input: int | None
    max_images: int
    fast: bool
    separates_objects: bool
    device: str

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the objects of N images.

        Args:
            images: (N, H, W, 3) uint8 RGB, any H and W; resizing is done inside.

        Returns:
            N results, boxes and masks in pixels of the images passed in.

        Raises:
            ValueError: `images` has another shape or dtype.
        """


@runtime_checkable
class NumberedSegmenter(Segmenter, Protocol):
    """A network whose weights may say which numbers its classes had in the data trained on.

    Attributes:
        category_ids: a number for each of `classes`; `None` where that is not known.
    """

    category_ids: tuple[int, ...] | None


@runtime_checkable
class TwofoldSegmenter(Segmenter, Protocol):
    """A network that is ready for photos of many sizes, and another time for frames of one."""

    def for_video(self) -> Segmenter:
        """Return the same network, faster once it has seen a first image of a size.

        What it finds may differ by what rounds away. The same object each time.
        """


@runtime_checkable
class DetailedSegmenter(Segmenter, Protocol):
    """A network that looks at a photo for longer than the frames of a video leave it time."""

    def for_frames(self) -> Segmenter:
        """Return the same network, which looks at frames for as long as it was asked to."""


#: What a network knows of the frames before: arrays that it alone understands.
Memory = Sequence[NDArray[np.float32]]


@runtime_checkable
class RecurrentSegmenter(Segmenter, Protocol):
    """A network of video, which finds more in a frame for having seen those before it.

    Stateless as every `Segmenter`: who follows a stream holds its memory. `segment` sees each
    image as the first one of a stream.
    """

    def follow(self, image: NDArray[np.uint8], memory: Memory | None) -> tuple[Instances, Memory]:
        """Find the objects of the next frame of a stream.

        Args:
            image: (H, W, 3) uint8 RGB.
            memory: what was returned for the frame before, which had the same size; `None` for
                the first one. Not written to.

        Returns:
            The result, as of `segment`, and the memory for the next frame.

        Raises:
            ValueError: `image` has another shape or dtype, or `memory` is of another size.
        """


@runtime_checkable
class ScalableSegmenter(RecurrentSegmenter, Protocol):
    """A network of video whose input may be smaller, where a camera leaves it no time for more.

    Attributes:
        sizes: of its input that may be tried, in pixels, the published one first and then smaller
            ones; empty where somebody has asked for one.
    """

    sizes: tuple[int, ...]

    def at_size(self, size: int) -> ScalableSegmenter:
        """Return the same network with an input of that many pixels, which nothing changes."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a network is to be loaded; a network refuses what it cannot do.

    Attributes:
        weights: file to read instead of the one on disk for the network's name.
        min_score: objects less certain are not reported; `None` for the original program's.
        keep: names of the only classes wanted, `None` for all.
        classes: names of all classes of a file of one's own, in the network's order.
        size: side of the network's input in pixels, `None` for the published one.
        mean: of the pixels of a network from an ONNX file, which sees (pixel / 255 - mean) / std;
            of red, green and blue, or one for all.
        std: likewise.
        backend: "auto", "openvino" or "keras".
        device: "auto", "cpu" or "gpu".
        precision: in which convolutions and matrix products are computed: "float32", on GPUs
            also "tf32", with Keras also "bfloat16"; "auto" for tf32 on a GPU, float32 elsewhere.
        detail: of portrait and mask-rcnn-person: "fine" looks at an image several times, "live"
            once; "auto" is fine for photos and live for the frames of a video.
        on_message: called with a line for people when something takes long or is not as expected.
    """

    weights: Path | None = None
    min_score: float | None = None
    keep: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    size: int | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    backend: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    detail: str = "auto"
    on_message: Callable[[str], None] | None = None


def composed(name: str) -> str:
    """Return a class's name in the form in which names are compared.

    "ä" may be one character, or two as macOS writes the names of folders (Unicode Standard Annex
    #15). Blanks around it are none of it.
    """
    return unicodedata.normalize("NFC", name).strip()


def _shown(name: str) -> str:
    """Return a name as it stands in code, and where that differs, as it is typed."""
    typed = re.sub(r"[\\,:]|^#", r"\\\g<0>", name)
    return repr(name) if typed == name else f"{name!r}, on the command line '{typed}'"


def check_classes(names: Sequence[str], classes: Sequence[str]) -> None:
    """Raise `ValueError`, with a suggestion, where one of `names` is not among `classes`."""
    for name in names:
        if name not in classes:
            close = difflib.get_close_matches(name, classes, 1, 0.5)
            hint = (
                f"did you mean {_shown(close[0])}?" if close else f"known are {', '.join(classes)}"
            )
            raise ValueError(f"no class {name!r}; {hint}")
