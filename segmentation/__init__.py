"""Networks and what becomes of their masks; the only package that imports keras or openvino."""

import os
import sys

from segmentation.errors import DataError, WeightsError
from segmentation.instances import Instances
from segmentation.loading import load
from segmentation.segmenter import Options, Segmenter

__all__ = ["DataError", "Instances", "Options", "Segmenter", "WeightsError", "load"]

# openvino reports its use to its makers, over the network and from a thread of its own, unless
# the package that does so cannot be imported; nobody's webcam program should
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# TensorFlow greets with a screen of notes about the machine
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
