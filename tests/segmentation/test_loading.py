"""What `--model auto` takes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation.errors import WeightsError
from segmentation.loading import LOADERS, choose_model
from segmentation.pip_command import install_extra
from segmentation.runtime import devices
from segmentation.segmenter import Options
from segmentation.weights.bundled_weights import BUNDLED, FOLDER
from segmentation.weights.presets import IMAGENET_RESNET50, PRESETS
from tests.fake_keras import FakeKeras, import_instead


@pytest.fixture
def machine(monkeypatch, tmp_path) -> SimpleNamespace:
    """A machine that can be given a GPU, a TensorFlow that sees it, and weights."""
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(devices, "gpu_present", lambda: False)
    keras = FakeKeras(["cpu:0"])
    import_instead(monkeypatch, lambda: keras)
    return SimpleNamespace(
        add_gpu=lambda: monkeypatch.setattr(devices, "gpu_present", lambda: True),
        add_cuda=lambda: keras.devices.append("gpu:0"),
        add_weights=lambda: (tmp_path / "mask_rcnn_coco.h5").write_bytes(b""),
    )


def chosen(*, asks_for_instances: bool = False, **options: Any) -> tuple[str, list[str]]:
    """Return what `--model auto` takes, and what a person is told of it."""
    told: list[str] = []
    loading = Options(on_message=told.append, **options)
    return choose_model(loading, asks_for_instances=asks_for_instances), told


def test_auto_takes_mask_rcnn_where_a_gpu_can_be_used_and_weights_are_there(machine):
    machine.add_gpu()
    machine.add_weights()
    machine.add_cuda()
    assert chosen() == ("mask-rcnn", [])
    assert chosen(device="gpu") == ("mask-rcnn", [])
    assert chosen(device="cpu") == ("portrait", [])
    assert chosen(backend="openvino") == ("portrait", [])


def test_auto_leaves_a_gpu_that_cannot_be_used_and_says_so(machine):
    assert chosen() == ("portrait", [])
    machine.add_gpu()
    unused = "the NVIDIA GPU is unused: {} for a network that needs it"
    assert chosen() == ("portrait", [unused.format("run.py models fetch mask-rcnn")])
    machine.add_weights()
    assert chosen() == ("portrait", [unused.format(install_extra("gpu"))])
    assert chosen(device="cpu") == ("portrait", [])
    # who asks for the GPU gets the network that needs it, and its error
    assert chosen(device="gpu") == ("mask-rcnn", [])


def test_auto_without_keras_leaves_the_gpu(machine, monkeypatch):
    def missing() -> None:
        raise ImportError("keras")

    machine.add_gpu()
    machine.add_weights()
    import_instead(monkeypatch, missing)
    name, told = chosen()
    assert name == "portrait"
    assert len(told) == 1


def test_auto_without_a_gpu_loads_no_keras(machine, monkeypatch):
    machine.add_weights()
    import_instead(monkeypatch, lambda: pytest.fail("loaded"))
    assert chosen() == ("portrait", [])


def test_auto_takes_the_bundled_network_for_people_alone(machine):
    assert chosen(asks_for_instances=True) == ("mask-rcnn-person", [])
    assert chosen(asks_for_instances=True, keep=["person"]) == ("mask-rcnn-person", [])
    for options in ({"keep": ["person", "dog"]}, {"classes": ["leaf"]}):
        with pytest.raises(WeightsError, match=r"run\.py models fetch mask-rcnn"):
            chosen(asks_for_instances=True, **options)


def test_auto_takes_the_network_whose_weights_are_given(machine):
    options = {"weights": Path("own.h5"), "classes": ["leaf"]}
    assert chosen(asks_for_instances=True, **options) == ("mask-rcnn", [])


def test_auto_without_a_gpu_takes_mask_rcnn_for_instances_alone(machine):
    machine.add_weights()
    assert chosen() == ("portrait", [])
    assert chosen(asks_for_instances=True) == ("mask-rcnn", [])


def test_every_network_has_weights_in_the_package_or_to_fetch():
    fetched = [name for name in PRESETS if name != IMAGENET_RESNET50.name]
    assert list(LOADERS) == [*(each.name for each in BUNDLED), *fetched]
    assert {path.name.partition(".")[0].partition("_")[0] for path in FOLDER.iterdir()} == {
        each.prefix for each in BUNDLED
    }
