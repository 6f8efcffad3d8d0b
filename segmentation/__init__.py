"""Networks that find people and objects in pictures, and what becomes of their masks.

Who is in a photo, with a network that is in the package; nothing is downloaded:

    import cv2
    from segmentation import load

    segmenter = load("mask-rcnn-person", min_score=0.8)
    photo = cv2.imread("photo.jpg", cv2.IMREAD_COLOR_RGB)     # (H, W, 3) uint8 RGB
    found = segmenter.segment(photo[None])[0]                 # one `Instances` an image
    for index in range(len(found)):                           # best first
        name = segmenter.classes[found.labels[index]]
        print(name, found.scores[index], found.boxes[index])  # x1 y1 x2 y2 in pixels
        inside = found.masks[index] >= 128                    # (H, W) bool

What there is; each has a help of its own:

    load(name, **options)    a network by its name: "portrait" (all people as one mask, the
                             fastest), "mask-rcnn-person" (one by one); with weights to fetch
                             "mask-rcnn", "yolact-...", "centermask-..." and "rf-detr-seg-..."
                             (80 classes), and "rvm-..." (people with their hair); "FILE.onnx"
                             (a network of others for one foreground)
    Options                  how it is loaded: weights, min_score, keep, classes, size, ...
    Segmenter                what it is then: segment((N, H, W, 3) uint8 RGB) -> N `Instances`
    Instances                K objects of an image, best first: boxes (K, 4) float32 in pixels,
                             scores (K,) float32 in [0, 1], labels (K,) int32, masks (K, H, W)
                             uint8, probability x 255, ids (K,) int32; union() is (H, W) uint8;
                             of "rvm-..." also matte: alpha (H, W), foreground (H, W, 3), uint8
    Matte                    what networks of one's own give by Instances.of_matte(Matte(alpha))
    RgbPicture               what frames of sources of one's own hold: RgbPicture(image)
    WeightsError, DataError  one line for people: which file, what is wrong, what to do

A network is stateless and may be shared, by one thread at a time. `stream` puts one behind a
camera or a video, `effects` does something with its masks. `segmentation.data` reads annotated
photos. Only this package imports keras or openvino.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segmentation.errors import DataError, WeightsError
    from segmentation.instances import Instances, Matte
    from segmentation.loading import load
    from segmentation.picture import RgbPicture
    from segmentation.segmenter import Options, Segmenter

__all__ = [
    "DataError",
    "Instances",
    "Matte",
    "Options",
    "RgbPicture",
    "Segmenter",
    "WeightsError",
    "load",
]

# where each of them is: imported when it is asked for, since whoever needs an error class alone
# should not wait for numpy and OpenCV, nor fail where one of them is broken
_HOMES = {
    "DataError": "errors",
    "WeightsError": "errors",
    "Instances": "instances",
    "Matte": "instances",
    "load": "loading",
    "RgbPicture": "picture",
    "Options": "segmenter",
    "Segmenter": "segmenter",
}

# openvino reports its use to its makers, over the network and from a thread of its own, unless
# the package that does so cannot be imported; nobody's webcam program should
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# TensorFlow greets with a screen of notes about the machine
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def __getattr__(name: str) -> object:
    """Return what `__all__` names."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
