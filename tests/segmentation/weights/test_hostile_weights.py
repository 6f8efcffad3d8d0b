"""Weight files made to take all memory or time: one line that names the file, at once."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.weights.hdf5_weights import read_shapes, read_tensors
from segmentation.weights.npz_arrays import read_arrays
from segmentation.weights.pth_weights import read_pth
from segmentation.weights.trained_weights import read_description, save_trained


def npy(header: str, data: bytes = b"") -> bytes:
    padded = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(padded)) + padded + data


def archive(path: Path, name: str, data: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr(name, data)
    return path.read_bytes()


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }"
HEADERS = {
    "40 TB": GOOD.replace("(4,)", "(10000000000000,)"),
    "negative": GOOD.replace("(4,)", "(-4,)"),
    "no Python": GOOD.replace("(4,)", "(4,"),
    "objects": GOOD.replace("<f4", "|O"),
    "text": GOOD.replace("<f4", "<U4"),
    "no type": GOOD.replace("<f4", "?x?"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_heads_of_arrays_that_make_no_sense(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    archive(path, "a.npy", npy(HEADERS[name], bytes(16)))
    with pytest.raises(WeightsError, match=r"a\.npz: no \.npz of weights, or cut off"):
        read_arrays(path, "of weights")


def test_an_array_is_read_as_numpy_reads_it(tmp_path: Path) -> None:
    arrays = {
        "a/b": np.arange(6, dtype=np.float16).reshape(2, 3),
        "c": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "d": np.float32(3),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        read = read_arrays(tmp_path / "a.npz", "of weights")
        assert read.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)
            assert read[name].dtype == np.float32


def test_archives_that_cannot_be_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    stored = archive(path, "a.npy", npy(GOOD, bytes(16)))
    deflated = archive(path, "a.npy", npy(GOOD, bytes(16)), zipfile.ZIP_DEFLATED)
    central = stored.index(b"PK\x01\x02")
    encrypted, unknown = bytearray(stored), bytearray(stored)
    encrypted[central + 8] = encrypted[6] = 1
    unknown[central + 10] = unknown[8] = 99
    damaged = deflated[:60] + b"\xff" * 20 + deflated[80:]
    for data in (encrypted, unknown, damaged, stored[:-30], b"", b"a"):
        path.write_bytes(data)
        with pytest.raises(WeightsError, match="of weights, or cut off"):
            read_arrays(path, "of weights")


def test_a_compressed_archive_is_not_unpacked_without_end(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    header = GOOD.replace("(4,)", "(10000000,)")
    archive(path, "a.npy", npy(header, bytes(40_000_000)), zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsError, match="claims to hold far more than it is long"):
        read_arrays(path, "of weights")


def test_an_archive_of_very_many_members(tmp_path: Path) -> None:
    path = tmp_path / "many.npz"
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0, 0, 5_000_000, 0, 0)
    path.write_bytes(bytes(5_000_000) + end)
    with pytest.raises(WeightsError, match="or cut off"):
        read_arrays(path, "of weights")
    path.write_bytes(b"PK\x03\x04" + path.read_bytes())
    with pytest.raises(WeightsError, match="lists 5000000 bytes of members"):
        read_pth(path)


PICKLES = {
    "sets": b"\x80\x02" + b"\x8f" * 2_500_000,
    "lists in lists": b"\x80\x02" + b"]" * 2_500_000,
    "tuples in tuples": b"\x80\x02N" + b"\x85" * 2_500_000,
    "remembered": b"\x80\x02N" + b"\x94" * 2_500_000,
    "nothing": b"\x80\x02" + b"N0" * 3_000_000,
}


@pytest.mark.parametrize("name", PICKLES)
def test_pickles_that_make_much_of_little(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(PICKLES[name])
    with pytest.raises(WeightsError, match=r"a\.pth: it (makes far more|has more instructions)"):
        read_pth(path)


def test_keys_take_no_longer_than_they_are(tmp_path: Path) -> None:
    # a tuple, or number, that is remembered and used as a key again and again
    for kind in (
        b"(" + b"N" * 50_000 + b"tq\x00",
        b"\x8b\x50\xc3\0\0" + b"\x01" * 50_000 + b"q\x00",
    ):
        pickled = b"\x80\x02}(" + kind + b"N" + b"h\x00N" * 50_000 + b"u."
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("a/data.pkl", pickled)
        (tmp_path / "a.pth").write_bytes(buffer.getvalue())
        keys = list(read_pth(tmp_path / "a.pth"))
        assert len(keys) == 50_001
        assert all(type(key).__name__ == "Placeholder" for key in keys)


@pytest.mark.parametrize("size", [65_536, 6_400_000, -64, 0, float("inf"), "wide"])
def test_an_input_that_no_network_has(size: object, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    save_trained(path, {"conv1/bias": np.ones(4, np.float32)}, ["a"], size=64, backbone="small")
    assert read_description(path).size == 64
    with h5py.File(path, "r+") as file:
        file.attrs["size"] = size
    with pytest.raises(WeightsError, match=r"a\.h5: (its attribute size|not a readable HDF5)"):
        read_description(path)


def test_arrays_that_are_nearly_all_absent(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    save_trained(path, {"logits/kernel": np.ones(4, np.float32)}, ["a"], size=64, backbone="small")
    assert read_shapes(path) == {"logits/kernel": (4,)}
    with h5py.File(path, "r+") as file:
        del file["logits/logits/kernel:0"]
        file["logits"].create_dataset("logits/kernel:0", (1024, 300_000), "f4", chunks=(1, 65_536))
    with pytest.raises(
        WeightsError, match=r"claims to hold far more than it is long.*logits/kernel"
    ):
        read_shapes(path)


def with_dataset(path: Path, shape: tuple[int, ...], **how: Any) -> Any:
    """Write a weight file whose only tensor is kept in some way; returns the dataset, open."""
    h5py = pytest.importorskip("h5py")
    save_trained(path, {"logits/kernel": np.ones(4, np.float32)}, ["a"], size=64, backbone="small")
    file = h5py.File(path, "r+")
    del file["logits/logits/kernel:0"]
    return file["logits"].create_dataset("logits/kernel:0", shape, "f4", **how)


def test_packed_tensors_are_read(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((40, 300)).astype(np.float32)
    for how in ({}, {"shuffle": True}, {"fletcher32": True}):
        dataset = with_dataset(
            tmp_path / "a.h5", values.shape, chunks=(16, 100), compression="gzip", **how
        )
        dataset[:] = values
        dataset.file.close()
        np.testing.assert_array_equal(read_tensors(tmp_path / "a.h5")["logits/kernel"], values)


def test_chunks_that_become_far_more_than_they_say(tmp_path: Path) -> None:
    dataset = with_dataset(tmp_path / "a.h5", (8, 8), chunks=(8, 8), compression="gzip")
    dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(400_000)))
    dataset.file.close()
    with pytest.raises(WeightsError, match=r"a\.h5: logits/kernel claims to hold far more"):
        read_tensors(tmp_path / "a.h5")
    dataset = with_dataset(tmp_path / "a.h5", (8, 8), chunks=(8, 8), compression="gzip")
    dataset.id.write_direct_chunk((0, 0), bytes(300_000))
    dataset.file.close()
    with pytest.raises(WeightsError, match=r"a\.h5: logits/kernel claims to hold far more"):
        read_tensors(tmp_path / "a.h5")


def test_chunks_without_number_or_of_another_kind(tmp_path: Path) -> None:
    with_dataset(tmp_path / "a.h5", (1000, 1000), chunks=(1, 1)).file.close()
    with pytest.raises(WeightsError, match=r"a\.h5: has more than 100000 chunks"):
        read_shapes(tmp_path / "a.h5")
    with_dataset(tmp_path / "a.h5", (8, 8), chunks=(8, 8), compression="lzf").file.close()
    with pytest.raises(WeightsError, match=r"a\.h5: logits/kernel is packed in a way"):
        read_shapes(tmp_path / "a.h5")


def test_pickles_that_call_without_end(tmp_path: Path) -> None:
    begin, call = b"\x80\x02ccollections\nOrderedDict\nq\x000", b"h\x00)R0"
    again = b"\x80\x02X\x01\0\0\0aq\x000", b"h\x00Q0"
    for first, each in ((begin, call), again):
        (tmp_path / "a.pth").write_bytes(first + each * 75_000)
        with pytest.raises(WeightsError, match=r"a\.pth: it calls more functions than weights"):
            read_pth(tmp_path / "a.pth")
