"""A network run by OpenVINO."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segmentation.runtime import openvino_network
from segmentation.runtime.openvino_network import OpenVINONetwork
from tests.folders import ROOT
from tests.memory import survivors


@pytest.fixture
def doubling_model(tmp_path) -> Path:
    """A model of any length of input on disk."""
    import openvino
    from openvino import opset13 as ops

    given = ops.parameter([-1], np.float32)
    doubled = ops.multiply(given, ops.constant(np.float32(2)))
    openvino.save_model(openvino.Model([doubled], [given], "doubling"), tmp_path / "network.xml")
    return tmp_path / "network.xml"


def test_a_shape_is_compiled_once_while_it_is_among_the_last_few(doubling_model, monkeypatch):
    network = OpenVINONetwork(doubling_model, 1)
    compiled = []
    compile_ = network._compile
    monkeypatch.setattr(network, "_compile", lambda s: compiled.append(s[0][0]) or compile_(s))
    for num in (1, 2, 1, 3, 4, 5, 1, 6, 1, 2, 6):
        (doubled,) = network(np.ones(num, np.float32))
        assert doubled.tolist() == [2] * num
    assert compiled == [1, 2, 3, 4, 5, 6, 2]


def test_of_a_large_network_two_shapes_are_kept(doubling_model, monkeypatch):
    size = doubling_model.with_suffix(".bin").stat().st_size
    for most, num_compiled in ((5 * size, 3), (size, 5)):
        monkeypatch.setattr(openvino_network, "MAX_WEIGHTS", most)
        network = OpenVINONetwork(doubling_model, 1)
        compiled = []
        compile_ = network._compile
        monkeypatch.setattr(
            network, "_compile", lambda s, c=compile_, k=compiled: k.append(s) or c(s)
        )
        for num in (1, 2, 1, 3, 2, 3, 1):
            network(np.ones(num, np.float32))
        assert len(compiled) == num_compiled


def test_the_converter_of_networks_is_not_loaded_until_asked_for_but_the_table_of_types_is():
    program = (
        "import sys; from segmentation.loading import load; load('portrait'); "
        "print('openvino' in sys.modules, 'openvino.tools.ovc' in sys.modules); "
        # Python that runs as the table is made lets another thread in, and both wait for ever
        "from openvino import Type; "
        "sys.setprofile(lambda frame, event, _: event == 'call' and print(frame.f_code)); "
        "Type.f32.to_dtype(); sys.setprofile(None); "
        "from openvino.tools.ovc import convert_model; print(callable(convert_model))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True False\nTrue\n"), done.stderr


def test_for_any_shape_it_is_compiled_once(doubling_model, monkeypatch):
    network = OpenVINONetwork(doubling_model, 1, any_shape=True)
    compiled = []
    compile_ = network._compile
    monkeypatch.setattr(network, "_compile", lambda s: compiled.append(s) or compile_(s))
    for num in range(1, 9):
        (doubled,) = network(np.ones(num, np.float32))
        assert doubled.tolist() == [2] * num
    assert len(compiled) == 1


def test_the_same_model_for_each_shape(doubling_model, monkeypatch):
    network = OpenVINONetwork(doubling_model, 1, any_shape=True).for_each_shape()
    compiled = []
    compile_ = network._compile
    monkeypatch.setattr(network, "_compile", lambda s: compiled.append(s) or compile_(s))
    for num in (3, 4, 3):
        (doubled,) = network(np.ones(num, np.float32))
        assert doubled.tolist() == [2] * num
    assert len(compiled) == 2


@pytest.mark.parametrize("any_shape", [False, True])
def test_new_shapes_are_taken_after_the_files_are_gone(doubling_model, any_shape):
    network = OpenVINONetwork(doubling_model, 1, any_shape=any_shape)
    network(np.ones(1, np.float32))
    shutil.rmtree(doubling_model.parent)
    for each in (network, network.for_each_shape()):
        for num in (2, 3):
            (doubled,) = each(np.ones(num, np.float32))
            assert doubled.tolist() == [2] * num


def test_a_network_that_is_dropped_is_freed_at_once(doubling_model):
    def used() -> list[OpenVINONetwork]:
        network = OpenVINONetwork(doubling_model, 1, any_shape=True)
        every = [network, network.for_each_shape()]
        for each in every:
            each(np.ones(2, np.float32))
        return every

    assert survivors(used) == []
