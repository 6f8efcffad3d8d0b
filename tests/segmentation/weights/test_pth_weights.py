"""The .pth reader: what torch.save wrote arrives, damaged and hostile files are refused."""

from __future__ import annotations

import collections
import contextlib
import importlib.util
import io
import pickle
import random
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.weights.pth_weights import read_pth
from segmentation.weights.restricted_pickle import Placeholder

FORMS = pytest.mark.parametrize("zip_form", [True, False], ids=["zip", "old"])


# === Files that torch.save wrote ===


@pytest.fixture(scope="module")
def save() -> Callable[..., Path]:
    torch = pytest.importorskip("torch")

    def write(saved: object, path: Path, zip_form: bool, protocol: int = 2) -> Path:
        torch.save(saved, path, _use_new_zipfile_serialization=zip_form, pickle_protocol=protocol)
        return path

    return write


@FORMS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_of_every_kind(
    save: Callable, tmp_path: Path, zip_form: bool, protocol: int
) -> None:
    torch = pytest.importorskip("torch")
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 3
    state = collections.OrderedDict(
        base=base,
        transposed=base.permute(2, 0, 1),
        row=base[1, 2],
        every_second=base[..., ::2],
        repeated=torch.ones(1).expand(3, 3),
        parameter=torch.nn.Parameter(base + 1),
        empty=torch.zeros(0, 3),
        scalar=torch.tensor(5),
        flags=torch.tensor([True, False]),
        half=base.half(),
        double=base.double(),
        small=torch.tensor([-1, 200]).short(),
        byte=torch.tensor([255], dtype=torch.uint8),
    )
    state._metadata = {"": {"version": 2}}  # type: ignore[attr-defined]
    brain = base.bfloat16()
    path = save({"state": state, "brain": brain}, tmp_path / "t.pth", zip_form, protocol)
    read = read_pth(path)
    assert list(read["state"]) == list(state)
    for name, tensor in state.items():
        wanted = tensor.detach().numpy()
        assert read["state"][name].dtype == wanted.dtype
        np.testing.assert_array_equal(read["state"][name], wanted, err_msg=name)
    np.testing.assert_array_equal(read["brain"], brain.float().numpy())
    assert np.shares_memory(read["state"]["base"], read["state"]["transposed"])
    with pytest.raises(ValueError, match="read-only"):
        read["state"]["base"][0] = 0


@FORMS
@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_and_plain_containers(
    save: Callable, tmp_path: Path, zip_form: bool, protocol: int
) -> None:
    torch = pytest.importorskip("torch")
    shared = np.arange(6, dtype=np.float32).reshape(2, 3)
    saved = {
        "array": shared,
        "again": shared,
        "columns": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
        "zeros": np.zeros(3000, np.float32),
        "number": np.float64(2.5),
        "size": torch.Size([3, 4]),
        "default": collections.defaultdict(list, {1: [2]}),
        "plain": [{"a": (1, 2.5, None)}, {1, 2}, b"\x00\xff", b"", "é", 2**100, -5, True, {}],
    }
    read = read_pth(save(saved, tmp_path / "t.pth", zip_form, protocol))
    for name in ("array", "again", "columns", "zeros"):
        np.testing.assert_array_equal(read[name], saved[name])
        assert read[name].dtype.str[1:] == saved[name].dtype.str[1:]
    assert read["number"] == 2.5
    assert read["size"] == (3, 4)
    assert read["default"] == {1: [2]}
    assert read["plain"] == saved["plain"]


TRAINING = """
import sys
import numpy as np
import torch
model = torch.nn.Linear(3, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
model(torch.ones(1, 3)).sum().backward()
optimizer.step()
checkpoint = {
    "model": model.state_dict(),
    "optimizer": optimizer.state_dict(),
    "scheduler": torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 4]).state_dict(),
    "whole": optimizer,
    "precision": torch.float16,
    "objects": np.array(["a", None], dtype=object),
    "iteration": 7,
}
for zip_form in (True, False):
    torch.save(checkpoint, f"{zip_form}.pth", _use_new_zipfile_serialization=zip_form)
np.save("weight.npy", model.weight.detach().numpy())
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of checkpoints, from a process of its own: PyTorch's compiler bears no TensorFlow."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    folder = tmp_path_factory.mktemp("trained")
    subprocess.run([sys.executable, "-c", TRAINING], cwd=folder, check=True, capture_output=True)
    return folder


@FORMS
def test_a_checkpoint_of_training(trained: Path, zip_form: bool) -> None:
    read = read_pth(trained / f"{zip_form}.pth")
    np.testing.assert_array_equal(read["model"]["weight"], np.load(trained / "weight.npy"))
    assert read["optimizer"]["state"][0]["momentum_buffer"].shape == (2, 3)
    assert read["scheduler"]["milestones"].name == "collections.Counter"
    assert isinstance(read["whole"], Placeholder)
    assert read["precision"].name == "torch.float16"
    assert read["objects"].dtype == object
    assert read["iteration"] == 7


@FORMS
def test_cut_off_anywhere(save: Callable, tmp_path: Path, zip_form: bool) -> None:
    torch = pytest.importorskip("torch")
    whole = save({"a": torch.ones(40), "b": torch.zeros(3)}, tmp_path / "t.pth", zip_form)
    data = whole.read_bytes()
    cut = tmp_path / "cut.pth"
    for length in [*range(0, len(data), 7), len(data) - 1]:
        cut.write_bytes(data[:length])
        with pytest.raises(WeightsError) as caught:
            read_pth(cut)
        assert str(caught.value).startswith(f"{cut}: ")
        assert "\n" not in str(caught.value)
    if not zip_form:
        assert "cut off" in str(caught.value)


@FORMS
def test_damaged_anywhere(save: Callable, tmp_path: Path, zip_form: bool) -> None:
    torch = pytest.importorskip("torch")
    saved = {"a": torch.ones(4).half(), "b": np.ones((2, 2)), "c": {1}}
    data = save(saved, tmp_path / "t.pth", zip_form).read_bytes()
    damaged = tmp_path / "damaged.pth"
    chance = random.Random(0)
    refusals = []
    for _ in range(600):
        changed = bytearray(data)
        for _ in range(chance.choice([1, 4])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        damaged.write_bytes(changed)
        try:
            read_pth(damaged)
        except WeightsError as error:
            refusals.append(str(error))
    assert len(refusals) > 200
    assert not any("\n" in text for text in refusals)


# === Files that are something else ===


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "first bytes"),
        (b"<!DOCTYPE html>", "first bytes"),
        (pickle.dumps({"a": 1}, 2) * 3, "torch.save"),
        (b"PK\x03\x04 and then nothing", "damaged"),
    ],
)
def test_other_files(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=what):
        read_pth(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        read_pth(tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_pth(tmp_path)


def archive(tmp_path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w", how) as file:
        for name, data in members.items():
            file.writestr(f"w/{name}", data)
    return path


def test_other_archives(tmp_path: Path) -> None:
    good = {"data.pkl": pickle.dumps({"a": 1}, 2)}
    assert read_pth(archive(tmp_path, good)) == {"a": 1}
    for members, what in [
        ({"other": b""}, "without one data.pkl"),
        (good | {"constants.pkl": b""}, "TorchScript"),
        (good | {"byteorder": b"big"}, "big-endian"),
        ({"data.pkl": pickle.dumps([1], 2)}, "holds a list"),
        ({"data.pkl": b"cos\nsystem\n."}, "holds a os.system"),
    ]:
        with pytest.raises(WeightsError, match=what):
            read_pth(archive(tmp_path, members))
    with pytest.raises(WeightsError, match="compressed"):
        read_pth(archive(tmp_path, {"data.pkl": bytes(10**6)}, zipfile.ZIP_DEFLATED))


def in_archive(tmp_path: Path, pickled: bytes, storage: bytes = bytes(16)) -> Path:
    return archive(tmp_path, {"data.pkl": pickled, "data/0": storage})


def tensor_pickle(
    offset: int,
    shape: object,
    strides: object,
    num_values: int = 4,
    kind: str = "FloatStorage",
    part: tuple = (),
) -> bytes:
    """Return the pickle of {"a": tensor} whose view may be nonsense."""

    class Storage:
        pass

    class Tensor:
        def __reduce__(self) -> tuple:
            return Rebuild, (Storage(), offset, shape, strides, False, None)

    class Rebuild:
        pass

    class Kind:
        pass

    class Writer(pickle._Pickler):  # the one in Python, whose globals can be given other names
        def persistent_id(self, thing: object) -> object:
            storage = ("storage", Kind, "0", "cpu", num_values, *part)
            return storage if type(thing) is Storage else None

        def save_global(self, thing: object, name: str | None = None) -> None:
            full = f"ctorch\n{kind}\n" if thing is Kind else "ctorch._utils\n_rebuild_tensor_v2\n"
            self.write(full.encode())

        def save_type(self, thing: type) -> None:
            self.save_global(thing)

        dispatch = pickle._Pickler.dispatch | {type: save_type}

    stream = io.BytesIO()
    Writer(stream, 2).dump({"a": Tensor()})
    return stream.getvalue()


def test_a_view_made_by_hand(tmp_path: Path) -> None:
    values = struct.pack("<4f", 1, 2, 3, 4)
    read = read_pth(in_archive(tmp_path, tensor_pickle(1, (3,), (1,)), values))
    assert read["a"].tolist() == [2, 3, 4]
    part = tensor_pickle(0, (2,), (1,), part=(("0 part", 1, 2),))
    assert read_pth(in_archive(tmp_path, part, values))["a"].tolist() == [2, 3]
    unknown = tensor_pickle(1, (3,), (1,), kind="QUInt8Storage")
    assert isinstance(read_pth(in_archive(tmp_path, unknown, values))["a"], Placeholder)


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "num_values"),
    [
        (2, (3,), (1,), 4),  # beyond the end
        (0, (2,), (4,), 4),
        (-1, (1,), (1,), 4),
        (0, (-1,), (1,), 4),
        (3, (2,), (-1,), 4),
        (0, (2**62,), (1,), 4),
        (0, (2**40, 2**40), (1, 1), 4),
        (0, (4,), (), 4),
        (0, (1.5,), (1,), 4),
        (0, 4, 1, 4),
        (0, (1,) * 99, (1,) * 99, 4),
        (0, (4,), (1,), 2**60),  # more values than the storage has
        (0, (4,), (1,), 3),
    ],
)
def test_views_beyond_the_storage(
    tmp_path: Path, offset: int, shape: object, strides: object, num_values: int
) -> None:
    path = in_archive(tmp_path, tensor_pickle(offset, shape, strides, num_values))
    with pytest.raises(WeightsError):
        read_pth(path)


def test_small_files_take_little_memory(tmp_path: Path) -> None:
    """Long shared strings copied many times, a huge memo, huge numbers, deep nesting."""
    text = b"X" + struct.pack("<I", 100_000) + b"a" * 100_000 + b"q\x00"
    encode = b"h\x00X\x07\x00\x00\x00latin-1\x86R"
    bombs = [
        b"}" + text + (b"c_codecs\nencode\n" + encode) * 2000 + b".",
        b"}r\xff\xff\xff\xff.",
        b"I" + b"9" * 100_000 + b"\n.",
        b"\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000 + b".",
        b"]" * 10_000 + b"a" * 9_999 + b".",
        b")" + b"\x85" * 10_000 + b".",
        b"}K\x00" + b")" + b"\x85" * 10_000 + b"cbuiltins\nset\nh\x00\x85Rs.",
    ]
    tracemalloc.start()
    for bomb in bombs:
        with contextlib.suppress(WeightsError):
            read_pth(in_archive(tmp_path, bomb))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50e6


def test_an_old_file_that_announces_more_than_it_has(save: Callable, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    data = save({"a": torch.ones(4)}, tmp_path / "t.pth", zip_form=False).read_bytes()
    count = struct.pack("<q", 4)
    assert data.count(count) == 1
    for num in (2**40, -1, 5, 3):
        (tmp_path / "w.pth").write_bytes(data.replace(count, struct.pack("<q", num)))
        with pytest.raises(WeightsError):
            read_pth(tmp_path / "w.pth")
