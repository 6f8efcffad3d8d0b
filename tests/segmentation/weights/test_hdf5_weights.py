"""HDF5 weights: read by layer name, matched exactly, one clear line for anything else."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")

from segmentation.errors import WeightsError  # noqa: E402
from segmentation.weights.hdf5_weights import load_tensors, read_shapes  # noqa: E402
from segmentation.weights.trained_weights import read_description, save_trained  # noqa: E402
from tests.stand_ins.small_disk import small_disk  # noqa: E402

SHAPES = {
    "conv1/kernel": (3, 3, 3, 4),
    "conv1/bias": (4,),
    "bn_conv1/gamma": (4,),
    "bn_conv1/beta": (4,),
    "bn_conv1/moving_mean": (4,),
    "bn_conv1/moving_variance": (4,),
    "rpn_class_raw/kernel": (1, 1, 4, 6),
    "rpn_class_raw/bias": (6,),
}


@pytest.fixture(scope="module")
def network() -> object:
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv1")(image)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    return keras.Model(image, keras.layers.Conv2D(6, 1, name="rpn_class_raw")(x))


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


def write(path: Path, tensors: dict[str, np.ndarray], *, root: str = "", suffix: str = "") -> Path:
    """Write the layout of Keras 2: the RPN is a model of its own, some layers have no weights."""
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        top.create_group("input_image").attrs["weight_names"] = []
        for name, values in sorted(tensors.items(), reverse=True):
            layer, tensor = name.split("/")
            group = top.require_group("rpn_model" if layer.startswith("rpn") else layer)
            member = f"{layer}{suffix}/{tensor}:0"
            names = [*group.attrs.get("weight_names", ()), np.bytes_(member)]
            group.attrs["weight_names"] = names
            group.create_dataset(member, data=values)
        if root:
            file.create_dataset("optimizer_weights/momentum:0", data=np.zeros(3))
    return path


def values_of(network: object) -> dict[str, np.ndarray]:
    return {
        "/".join(v.path.split("/")[-2:]): keras.ops.convert_to_numpy(v) for v in network.variables
    }


@pytest.mark.parametrize(("root", "suffix"), [("", ""), ("model_weights", ""), ("", "_1")])
def test_every_tensor_arrives(
    network: object, tensors: dict, tmp_path: Path, root: str, suffix: str
) -> None:
    path = write(tmp_path / "w.h5", tensors, root=root, suffix=suffix)
    assert read_shapes(path) == SHAPES
    load_tensors(network, path)
    loaded = values_of(network)
    assert loaded.keys() == tensors.keys()
    for name, values in tensors.items():
        np.testing.assert_array_equal(loaded[name], values)


def failure(network: object, path: Path) -> str:
    before = values_of(network)
    with pytest.raises(WeightsError) as caught:
        load_tensors(network, path)
    for name, values in values_of(network).items():
        np.testing.assert_array_equal(values, before[name])
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_missing_tensors_are_listed(network: object, tensors: dict, tmp_path: Path) -> None:
    del tensors["conv1/bias"], tensors["rpn_class_raw/kernel"]
    message = failure(network, write(tmp_path / "w.h5", tensors))
    assert "2 tensors missing: conv1/bias, rpn_class_raw/kernel" in message


def test_other_shapes_and_strangers_are_listed(
    network: object, tensors: dict, tmp_path: Path
) -> None:
    tensors["conv1/kernel"] = np.zeros((3, 3, 4, 3), np.float32)
    tensors["conv9/bias"] = np.zeros(2, np.float32)
    message = failure(network, write(tmp_path / "w.h5", tensors))
    assert "conv1/kernel (3, 3, 4, 3) instead of (3, 3, 3, 4)" in message
    assert "1 tensors not in the network: conv9/bias" in message


def test_long_lists_are_cut(network: object, tmp_path: Path) -> None:
    message = failure(network, write(tmp_path / "w.h5", {}))
    assert message.count("/") - str(tmp_path).count("/") - 1 == 4
    assert "and 4 more" in message


def test_values_that_are_not_finite(network: object, tensors: dict, tmp_path: Path) -> None:
    tensors["conv1/bias"][1] = np.nan
    assert "conv1/bias" in failure(network, write(tmp_path / "w.h5", tensors))


def test_no_file(network: object, tmp_path: Path) -> None:
    assert "no such file" in failure(network, tmp_path / "absent.h5")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no HDF5 file"),
        (b"<html>404</html>" * 100, "no HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + b"A" * 99, "a damaged HDF5 file"),
    ],
)
def test_not_hdf5(network: object, tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "w.h5"
    path.write_bytes(content)
    assert what in failure(network, path)


def test_folder(network: object, tmp_path: Path) -> None:
    assert "no HDF5 file" in failure(network, tmp_path)


def test_cut_off_at_any_length(network: object, tensors: dict, tmp_path: Path) -> None:
    whole = write(tmp_path / "w.h5", tensors).read_bytes()
    path = tmp_path / "cut.h5"
    for length in range(8, len(whole) - 1, len(whole) // 25):
        path.write_bytes(whole[:length])
        assert "get it again" in failure(network, path)


def test_damaged_bytes_never_escape_as_another_error(
    network: object, tensors: dict, tmp_path: Path
) -> None:
    whole = bytearray(write(tmp_path / "w.h5", tensors).read_bytes())
    path = tmp_path / "damaged.h5"
    rng = np.random.default_rng(5)
    messages = []
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(8, len(whole), 6):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            load_tensors(network, path)
        except WeightsError as error:
            messages.append(str(error))
    assert len(messages) > 20
    assert not any("\n" in message for message in messages)


def replace(path: Path, name: str, make: Callable[[object, str], None]) -> Path:
    with h5py.File(path, "r+") as file:
        del file[name]
        make(file, name)
    return path


def outside(file: object, name: str, folder: Path) -> None:
    secret = folder / "secret.bin"
    secret.write_bytes(bytes(16))
    file.create_dataset(name, (4,), np.float32, external=[(os.fspath(secret), 0, 16)])


def virtual(file: object, name: str) -> None:
    layout = h5py.VirtualLayout((4,), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "data", (4,))
    file.create_virtual_dataset(name, layout)


def test_hostile_datasets(network: object, tensors: dict, tmp_path: Path) -> None:
    name = "conv1/conv1/bias:0"
    hostile: dict[str, Callable[[object, str], object]] = {
        "link to another file": lambda f, n: f.__setitem__(n, h5py.ExternalLink("x.h5", "/a")),
        "link inside": lambda f, n: f.__setitem__(n, h5py.SoftLink("/bn_conv1/bn_conv1/beta:0")),
        "values elsewhere": lambda f, n: outside(f, n, tmp_path),
        "virtual": virtual,
        "text": lambda f, n: f.create_dataset(n, data=[b"abcd"] * 4),
        "a group": lambda f, n: f.create_group(n),
        "a terabyte": lambda f, n: f.create_dataset(n, (2**38,), np.float32, chunks=(1024,)),
        "huge chunks": lambda f, n: f.create_dataset(
            n, (4,), np.float32, chunks=(2**20,), maxshape=(None,)
        ),
    }
    for kind, make in hostile.items():
        path = replace(write(tmp_path / "w.h5", tensors), name, make)
        assert re.search("conv1|more than 100000 chunks", failure(network, path)), kind


def test_names_that_lead_out_of_the_layer(network: object, tensors: dict, tmp_path: Path) -> None:
    path = write(tmp_path / "w.h5", tensors)
    for name in (b"../bn_conv1/bn_conv1/beta:0", b"", b"/", b"conv1", b"\xff\xfe"):
        with h5py.File(path, "r+") as file:
            file["conv1"].attrs["weight_names"] = np.array([name], "S40")
        failure(network, path)


@pytest.mark.parametrize("name", ["classes", "backbone", "weight_names"])
def test_a_text_that_claims_to_be_longer_than_the_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "best.h5"
    values = {"conv1/kernel": np.zeros((1, 1, 3, 4), np.float32)}
    save_trained(path, values, ["ball"], size=128, backbone="small")
    assert read_description(path).backbone == "small"
    assert read_shapes(path) == {"conv1/kernel": (1, 1, 3, 4)}
    text = {"classes": '["ball"]', "backbone": "small", "weight_names": "conv1/kernel:0"}[name]
    whole = path.read_bytes()
    place = whole.index(struct.pack("<I", len(text)), whole.index(name.encode() + b"\0") + 40)
    path.write_bytes(whole[:place] + struct.pack("<I", 500_000_000) + whole[place + 4 :])
    with pytest.raises(WeightsError, match=rf"best\.h5: its attribute {name} claims to be larger"):
        read_shapes(path), read_description(path)


def test_an_attribute_of_more_values_than_the_file_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "best.h5"
    values = {"conv1/kernel": np.zeros((1, 1, 3, 4), np.float32)}
    save_trained(path, values, ["ball"], size=128, backbone="small")
    with h5py.File(path, "r+") as file:
        file["conv1"].attrs["weight_names"] = np.array([b"conv1/kernel:0"] * 2000)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(struct.pack("<Q", 2000), struct.pack("<Q", 200_000_000)))
    with pytest.raises(WeightsError, match=r"best\.h5: "):
        read_shapes(path)


@pytest.mark.parametrize("ids", [None, [3, 7], [0, -5], [1, 2**40]])
def test_a_trained_file_says_the_numbers_of_its_classes(tmp_path, ids):
    path, values = tmp_path / "w.h5", {"conv1/bias": np.ones(4, np.float32)}
    names = ["\u00e4, b: c", "d"]
    save_trained(path, values, ["a\u0308, b: c", "d"], size=64, backbone="small", category_ids=ids)
    told = read_description(path)
    assert told.classes == tuple(names)
    assert told.category_ids == (None if ids is None else tuple(ids))


@pytest.mark.parametrize("text", ["[1]", "[1, 1]", "[1, true]", "{}", "[1, 2.5]", "4"])
def test_numbers_that_are_not_those_of_classes_are_refused(tmp_path, text):
    path, values = tmp_path / "w.h5", {"conv1/bias": np.ones(4, np.float32)}
    save_trained(path, values, ["a", "b"], size=64, backbone="small")
    with h5py.File(path, "a") as file:
        file.attrs["category_ids"] = text
    with pytest.raises(WeightsError, match=r"w\.h5: its attribute category_ids") as error:
        read_description(path)
    assert "\n" not in str(error.value)


def test_a_disk_without_room_is_told_as_such(tmp_path, capfd):
    values = {"conv1/bias": np.ones(200_000, np.float32)}
    with small_disk(tmp_path / "small", 100_000) as disk:
        with pytest.raises(OSError, match="No space left on device") as error:
            save_trained(disk / "w.h5", values, ["a"], size=64, backbone="small")
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""
