"""The .pth reader: what torch.save wrote arrives, damaged and hostile files are refused."""

from __future__ import annotations

import contextlib
import io
import pickle
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.weights.pth_weights import read_pth
from segmentation.weights.restricted_pickle import Placeholder
from tests.segmentation.weights.saved import ARRAYS, BASE, PLAIN, TORCH_SAVED, TRAINED

FORMS = pytest.mark.parametrize("form", ["zip", "old"])


# === Files that torch.save wrote ===


@FORMS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_of_every_kind(form: str, protocol: int) -> None:
    read = read_pth(TORCH_SAVED / f"tensors-{protocol}-{form}.pth")
    wanted = {
        "base": BASE,
        "transposed": BASE.transpose(2, 0, 1),
        "row": BASE[1, 2],
        "every_second": BASE[..., ::2],
        "repeated": np.ones((3, 3), np.float32),
        "parameter": BASE + 1,
        "empty": np.zeros((0, 3), np.float32),
        "scalar": np.array(5),
        "flags": np.array([True, False]),
        "half": BASE.astype(np.float16),
        "double": BASE.astype(np.float64),
        "small": np.array([-1, 200], np.int16),
        "byte": np.array([255], np.uint8),
    }
    assert list(read["state"]) == list(wanted)
    for name, values in wanted.items():
        assert read["state"][name].dtype == values.dtype
        np.testing.assert_array_equal(read["state"][name], values, err_msg=name)
    assert read["brain"].dtype == np.float32
    np.testing.assert_array_equal(read["brain"], in_bfloat16(BASE))
    assert np.shares_memory(read["state"]["base"], read["state"]["transposed"])
    with pytest.raises(ValueError, match="read-only"):
        read["state"]["base"][0] = 0


def in_bfloat16(values: np.ndarray) -> np.ndarray:
    """Round float32, halves to even, to the upper 16 of its bits."""
    bits = values.view(np.uint32)
    upper = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return upper.astype(np.uint32).view(np.float32)


@FORMS
@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_and_plain_containers(form: str, protocol: int) -> None:
    read = read_pth(TORCH_SAVED / f"containers-{protocol}-{form}.pth")
    for name, values in {**ARRAYS, "again": ARRAYS["array"]}.items():
        np.testing.assert_array_equal(read[name], values)
        if isinstance(values, np.ndarray):
            assert read[name].dtype.str[1:] == values.dtype.str[1:]
    assert read["size"] == (3, 4)
    assert read["default"] == {1: [2]}
    assert read["plain"] == PLAIN


@FORMS
def test_a_checkpoint_of_training(form: str) -> None:
    read = read_pth(TORCH_SAVED / f"checkpoint-{form}.pth")
    np.testing.assert_array_equal(read["model"]["weight"], TRAINED)
    assert read["optimizer"]["state"][0]["momentum_buffer"].shape == (2, 3)
    assert read["scheduler"]["milestones"].name == "collections.Counter"
    assert isinstance(read["whole"], Placeholder)
    assert read["precision"].name == "torch.float16"
    assert read["objects"].dtype == object
    assert read["iteration"] == 7


@FORMS
def test_cut_off_anywhere(tmp_path: Path, form: str) -> None:
    data = (TORCH_SAVED / f"small-{form}.pth").read_bytes()
    cut = tmp_path / "cut.pth"
    for length in [*range(0, len(data), 7), len(data) - 1]:
        cut.write_bytes(data[:length])
        with pytest.raises(WeightsError) as caught:
            read_pth(cut)
        assert str(caught.value).startswith(f"{cut}: ")
        assert "\n" not in str(caught.value)
    if form == "old":
        assert "cut off" in str(caught.value)


@FORMS
def test_damaged_anywhere(tmp_path: Path, form: str) -> None:
    data = (TORCH_SAVED / f"small-{form}.pth").read_bytes()
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


def test_an_old_file_that_announces_more_than_it_has(tmp_path: Path) -> None:
    data = (TORCH_SAVED / "small-old.pth").read_bytes()
    count = struct.pack("<q", 4)
    assert data.count(count) == 1
    for num in (2**40, -1, 5, 3):
        (tmp_path / "w.pth").write_bytes(data.replace(count, struct.pack("<q", num)))
        with pytest.raises(WeightsError):
            read_pth(tmp_path / "w.pth")
