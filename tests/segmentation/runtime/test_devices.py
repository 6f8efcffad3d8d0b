"""Where a network runs, and what is said of a GPU that cannot be used."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation.person.segmenter import load_person
from segmentation.portrait.segmenter import load_portrait
from segmentation.runtime import compiling, devices
from segmentation.runtime.export_cache import Origin
from segmentation.segmenter import Options
from tests.stand_ins.fake_keras import FakeKeras, import_instead


def compiled(options: Options, **settings: Any) -> Any:
    origin = Origin(Path("weights.h5"), "mask-rcnn 320", ("mask_rcnn",))
    return compiling.compile_network(lambda: None, origin, options, **settings)


@pytest.fixture
def machine(monkeypatch) -> FakeKeras:
    """A machine with a GPU that Keras does not see, unless it is told to."""
    keras = FakeKeras(["cpu:0"], backend="another")
    monkeypatch.setattr(devices, "gpu_present", lambda: True)
    import_instead(monkeypatch, lambda: keras)
    monkeypatch.setattr(compiling, "cached_export", lambda *_: Path("network.xml"))
    monkeypatch.setattr(
        compiling, "OpenVINONetwork", lambda *_, **__: SimpleNamespace(device="CPU")
    )
    return keras


EVERY = pytest.mark.parametrize("opened", [compiled, load_portrait, load_person])


def test_gpu_that_nobody_asked_for_is_done_without_and_named(machine):
    device = compiled(Options()).device
    assert device == "CPU; the NVIDIA GPU is unused, see doctor"
    assert compiled(Options(device="cpu")).device == "CPU"
    assert compiled(Options(backend="openvino")).device == "CPU"


@EVERY
def test_keras_takes_the_gpu_where_it_can_and_nobody_declines(machine, opened):
    on_cpu = "CPU (Keras on another, float32)"
    device = opened(Options(backend="keras")).device
    assert device == f"{on_cpu}; the NVIDIA GPU is unused, see doctor"
    machine.devices.append("gpu:0")
    assert opened(Options(backend="keras")).device == "GPU (Keras on another, float32)"
    assert opened(Options(backend="keras", device="cpu")).device == on_cpu
    assert opened(Options(device="gpu")).device == "GPU (Keras on another, float32)"


@EVERY
def test_keras_without_a_gpu_says_nothing_of_it(machine, opened, monkeypatch):
    monkeypatch.setattr(devices, "gpu_present", lambda: False)
    assert opened(Options(backend="keras")).device == "CPU (Keras on another, float32)"


@pytest.mark.parametrize("opened", [load_portrait, load_person])
def test_networks_made_for_the_processor_stay_there(machine, opened):
    machine.devices.append("gpu:0")
    assert re.fullmatch(r"CPU \(OpenVINO, \d+ threads?\)", opened(Options()).device)


@EVERY
def test_gpu_asked_for_and_absent_is_an_error(machine, opened):
    with pytest.raises(ValueError, match=r"device gpu: Keras \(another\) sees none"):
        opened(Options(device="gpu"))


def place(backend: str, device: str, *, prefer_gpu: bool) -> tuple[str, str]:
    return devices.chosen_place(backend, device, prefer_gpu=prefer_gpu)[:2]


def test_backend_follows_the_device(monkeypatch):
    monkeypatch.setattr(devices, "gpu_usable", lambda: True)
    assert place("auto", "auto", prefer_gpu=True) == ("keras", "gpu")
    assert place("auto", "auto", prefer_gpu=False) == ("openvino", "cpu")
    assert place("auto", "cpu", prefer_gpu=True) == ("openvino", "cpu")
    assert place("auto", "gpu", prefer_gpu=False) == ("keras", "gpu")
    monkeypatch.setattr(devices, "gpu_usable", lambda: False)
    assert place("auto", "auto", prefer_gpu=True) == ("openvino", "cpu")
    with pytest.raises(ValueError, match="runs on the CPU here"):
        devices.chosen_place("openvino", "gpu", prefer_gpu=True)


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
