"""Where a network runs, and what is said of a GPU that cannot be used."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation.runtime import compiling, devices
from segmentation.runtime.export_cache import Origin
from segmentation.segmenter import Options
from tests.stand_ins.fake_keras import FakeKeras, import_instead


def compiled(options: Options, **settings: Any) -> Any:
    origin = Origin(Path("weights.h5"), "mask-rcnn 320", ("mask_rcnn",))
    return compiling.compile_network(lambda: None, origin, options, **settings)


@pytest.fixture
def unusable_gpu(monkeypatch):
    """A machine with a GPU that Keras does not see."""
    for module in (compiling, devices):
        monkeypatch.setattr(module, "gpu_present", lambda: True)
    import_instead(monkeypatch, lambda: FakeKeras(["cpu:0"]))
    monkeypatch.setattr(compiling, "cached_export", lambda *_: Path("network.xml"))
    monkeypatch.setattr(
        compiling, "OpenVINONetwork", lambda *_, **__: SimpleNamespace(device="CPU")
    )


def test_gpu_that_nobody_asked_for_is_done_without_and_named(unusable_gpu):
    device = compiled(Options()).device
    assert device == "CPU; the NVIDIA GPU is unused, see doctor"
    assert compiled(Options(device="cpu")).device == "CPU"


@pytest.mark.parametrize("options", [Options(device="gpu"), Options(backend="keras")])
def test_gpu_asked_for_and_absent_is_an_error(unusable_gpu, options):
    with pytest.raises(ValueError, match=r"device gpu: Keras \(jax\) sees none"):
        compiled(options)


def test_backend_follows_the_device(monkeypatch):
    monkeypatch.setattr(devices, "gpu_usable", lambda: True)
    assert devices.chosen_backend("auto", "auto", prefer_gpu=True) == "keras"
    assert devices.chosen_backend("auto", "auto", prefer_gpu=False) == "openvino"
    assert devices.chosen_backend("auto", "cpu", prefer_gpu=True) == "openvino"
    assert devices.chosen_backend("auto", "gpu", prefer_gpu=False) == "keras"
    monkeypatch.setattr(devices, "gpu_usable", lambda: False)
    assert devices.chosen_backend("auto", "auto", prefer_gpu=True) == "openvino"
    with pytest.raises(ValueError, match="runs on the CPU here"):
        devices.chosen_backend("openvino", "gpu", prefer_gpu=True)


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_precision_that_cannot_be_had(precision):
    with pytest.raises(ValueError, match="computes in float32 here"):
        compiled(Options(backend="openvino", precision=precision))


def test_an_nvidia_device_is_found_without_loading_anything(monkeypatch):
    monkeypatch.setattr(devices.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert devices.gpu_present()
    monkeypatch.setattr(devices.shutil, "which", lambda name: None)
    monkeypatch.setattr(devices.Path, "exists", lambda path: str(path) == "/dev/nvidia0")
    assert devices.gpu_present()
    monkeypatch.setattr(devices.Path, "exists", lambda path: False)
    assert not devices.gpu_present()
