"""Where a network runs, and what is said of a GPU that cannot be used."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation import mask_rcnn, runtime
from segmentation.segmenter import Options


def refuse(make: Any, device: str) -> None:
    raise ValueError(f"device {device}: sees none")


@pytest.fixture
def unusable_gpu(monkeypatch):
    """A machine with a GPU that Keras does not see."""
    for module in (mask_rcnn, runtime):
        monkeypatch.setattr(module, "gpu_present", lambda: True)
    monkeypatch.setattr(mask_rcnn, "KerasNetwork", refuse)
    monkeypatch.setattr(mask_rcnn, "cached_export", lambda *_: Path("network.xml"))
    monkeypatch.setattr(
        mask_rcnn, "OpenVINONetwork", lambda path, threads: SimpleNamespace(device="CPU")
    )


def test_gpu_that_nobody_asked_for_is_done_without_and_named(unusable_gpu):
    network = mask_rcnn._network(Path("weights.h5"), 320, Options())
    assert network.device == "CPU; the NVIDIA GPU is unused: pip install 'maskcast[gpu]'"


@pytest.mark.parametrize("options", [Options(device="gpu"), Options(backend="keras")])
def test_gpu_asked_for_and_absent_is_an_error(unusable_gpu, options):
    with pytest.raises(ValueError, match="device gpu: sees none"):
        mask_rcnn._network(Path("weights.h5"), 320, options)


def test_backend_follows_the_device(monkeypatch):
    monkeypatch.setattr(runtime, "gpu_present", lambda: True)
    assert runtime.chosen_backend("auto", "auto", prefer_gpu=True) == "keras"
    assert runtime.chosen_backend("auto", "auto", prefer_gpu=False) == "openvino"
    assert runtime.chosen_backend("auto", "cpu", prefer_gpu=True) == "openvino"
    assert runtime.chosen_backend("auto", "gpu", prefer_gpu=False) == "keras"
    monkeypatch.setattr(runtime, "gpu_present", lambda: False)
    assert runtime.chosen_backend("auto", "auto", prefer_gpu=True) == "openvino"
    with pytest.raises(ValueError, match="runs on the CPU here"):
        runtime.chosen_backend("openvino", "gpu", prefer_gpu=True)
