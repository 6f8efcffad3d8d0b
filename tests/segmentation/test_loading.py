"""What `--model auto` takes, and how networks are loaded."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation.errors import WeightsError
from segmentation.loading import FETCH_ONE, LOADERS, choose_model, load
from segmentation.pip_command import install_extra
from segmentation.runtime import devices
from segmentation.segmenter import Options
from segmentation.weights.bundled_weights import BUNDLED, FOLDER
from segmentation.weights.presets import IMAGENET_RESNET50, PRESETS
from tests.stand_ins.fake_keras import FakeKeras, import_instead


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
    assert chosen() == ("portrait", [unused.format(FETCH_ONE)])
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
        with pytest.raises(WeightsError, match=FETCH_ONE):
            chosen(asks_for_instances=True, **options)


def test_auto_takes_the_network_whose_weights_are_given(machine):
    options = {"weights": Path("own.h5"), "classes": ["leaf"]}
    assert chosen(asks_for_instances=True, **options) == ("mask-rcnn", [])


def test_auto_without_a_gpu_takes_mask_rcnn_for_instances_alone(machine):
    machine.add_weights()
    assert chosen() == ("portrait", [])
    assert chosen(asks_for_instances=True) == ("mask-rcnn", [])


def test_auto_takes_the_fastest_rf_detr_on_disk_before_mask_rcnn(machine, tmp_path):
    machine.add_weights()
    assert chosen(asks_for_instances=True) == ("mask-rcnn", [])
    for name in ("rf-detr-seg-medium", "rf-detr-seg-nano"):
        (tmp_path / PRESETS[name].file_name).write_bytes(b"")
        assert chosen(asks_for_instances=True, keep=["dog"]) == (name, [])
    assert chosen() == ("portrait", [])
    machine.add_gpu()
    machine.add_cuda()
    assert chosen() == ("rf-detr-seg-nano", [])


def test_auto_takes_no_network_that_somebody_must_ask_for(machine, tmp_path):
    for name in ("rvm-mobilenet", "yolact-base"):
        (tmp_path / PRESETS[name].file_name).write_bytes(b"")
    assert chosen() == ("portrait", [])
    assert chosen(asks_for_instances=True) == ("mask-rcnn-person", [])


def test_every_network_has_weights_in_the_package_or_to_fetch():
    fetched = [name for name in PRESETS if name != IMAGENET_RESNET50.name]
    assert list(LOADERS) == [*(each.name for each in BUNDLED), *fetched, "onnx"]
    assert {path.name.partition(".")[0].partition("_")[0] for path in FOLDER.iterdir()} == {
        each.prefix for each in BUNDLED
    }


# === load and its keywords ===


@pytest.fixture
def loaded(monkeypatch) -> list[Options]:
    """What the network called "portrait" is loaded with."""
    seen: list[Options] = []
    monkeypatch.setitem(LOADERS, "portrait", seen.append)
    return seen


def test_keywords_are_fields_of_options(loaded):
    load("portrait", min_score=0.5, keep=["dog"], weights="own.h5")
    assert loaded == [Options(min_score=0.5, keep=["dog"], weights=Path("own.h5"))]


def test_keywords_count_instead_of_those_of_options(loaded):
    options = Options(min_score=0.5, size=512)
    load("portrait", options, size=320)
    load("portrait", options)
    assert loaded == [Options(min_score=0.5, size=320), options]


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"min_scores": 0.5}, TypeError, "no option 'min_scores'; did you mean min_score?"),
        ({"colour": "red"}, TypeError, "no option 'colour'; there are weights, min_score, keep"),
        ({"keep": "dog"}, ValueError, "keep must be a list of names such as ['dog']"),
        ({"classes": "leaf"}, ValueError, "classes must be a list of names such as ['leaf']"),
        ({"min_score": 1.5}, ValueError, "min_score must be from 0 to 1, got 1.5"),
        ({"min_score": float("nan")}, ValueError, "min_score must be from 0 to 1, got nan"),
        ({"min_score": True}, ValueError, "min_score must be from 0 to 1, got True"),
        ({"min_score": "0.5"}, ValueError, "min_score must be from 0 to 1, got '0.5'"),
        ({"keep": [16]}, ValueError, "keep must be a list of names, got [16]"),
        ({"keep": []}, ValueError, "keep must be a list of names, got []"),
        ({"classes": ["a", " "]}, ValueError, "each of the classes needs a name of its own"),
        ({"classes": ["ä", "a\u0308"]}, ValueError, "each of the classes needs a name of its own"),
        ({"classes": 3}, ValueError, "classes must be a list of names, got 3"),
        ({"size": 0}, ValueError, "size must be a number of pixels such as 512, got 0"),
        ({"size": "320"}, ValueError, "size must be a number of pixels such as 512, got '320'"),
        ({"weights": 5}, ValueError, "weights must be the path of a file, got 5"),
        ({"backend": "cuda"}, ValueError, "backend must be one of auto, openvino, keras"),
        ({"device": "tpu"}, ValueError, "device must be one of auto, cpu, gpu, got 'tpu'"),
        ({"precision": "int8"}, ValueError, "precision must be one of auto, float32"),
    ],
)
def test_wrong_keywords_are_told(loaded, values, error, words):
    with pytest.raises(error, match=re.escape(words)):
        load("portrait", **values)
    if error is ValueError:  # in whichever way it comes
        with pytest.raises(error, match=re.escape(words)):
            load("portrait", Options(**values))
    assert loaded == []


def test_what_is_no_name_is_told(loaded):
    with pytest.raises(TypeError, match="takes the name of a network or the path of a file"):
        load(None)  # type: ignore[arg-type]
    assert loaded == []


def test_a_file_may_be_named_by_its_path(monkeypatch):
    seen: list[Options] = []
    monkeypatch.setitem(LOADERS, "onnx", seen.append)
    load(Path("own/net.onnx"))
    assert [options.weights for options in seen] == [Path("own/net.onnx")]


def test_what_is_no_options_is_told(loaded):
    with pytest.raises(TypeError, match=r"takes Options, or keywords .*got 0\.5"):
        load("portrait", 0.5)  # type: ignore[arg-type]
    assert loaded == []


def test_names_may_come_in_any_form(loaded):
    for names in (("dog", "cat"), (name for name in ("dog", "cat")), {"dog": 1, "cat": 2}):
        load("portrait", keep=names)
    assert loaded == [Options(keep=["dog", "cat"])] * 3


def test_auto_loads_what_suits(machine, loaded, monkeypatch):
    monkeypatch.setitem(LOADERS, "mask-rcnn-person", lambda options: loaded.append("people"))
    load("auto")
    load("auto", asks_for_instances=True)
    load("auto", keep=["person"])
    assert loaded == [Options(), "people", "people"]


def test_names_of_networks_are_told():
    with pytest.raises(ValueError, match=r"model must be one of auto, portrait, .*got 'portrai'"):
        load("portrai")


def test_classes_are_kept_by_their_names():
    assert load("mask-rcnn-person", keep=["person"]).classes == ("person",)
    with pytest.raises(ValueError, match="no class 'persn'; did you mean 'person'"):
        load("mask-rcnn-person", keep=["persn"])
