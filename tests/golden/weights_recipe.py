"""Weights for published networks that are a function of their names: nothing to fetch, no chance.

Each tensor follows from the net's name, its own name, shape and kind: raw 64-bit numbers of
numpy's Philox generator, whose stream numpy keeps, started at a checksum of the names. After that
there is integer arithmetic and one multiplication and addition in float64, so every machine makes
the same bits. `recipe/rules.json` tunes each net so that its objects differ in class, place and
certainty.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.inputs.torch_files import write_torch_file

RECIPE = Path(__file__).parent / "recipe"
Tensors = dict[str, NDArray[Any]]
Spec = dict[str, Any]

#: of the sum of four numbers of 16 bits
SUM_MEAN = 2 * 0xFFFF
SUM_STD = math.sqrt((65536.0 * 65536.0 - 1.0) / 3.0)
#: the first and third quarter of 64 bits, each followed by room for a sum
QUARTERS = np.uint64(0x0000FFFF_0000FFFF)
#: how many numbers are made at a time: they stay in the processor's cache
BLOCK = 1 << 15


@cache
def rules() -> dict[str, Any]:
    """Return the tuning: defaults of each kind of tensor, and for each net what differs."""
    return json.loads((RECIPE / "rules.json").read_text())  # type: ignore[no-any-return]


@cache
def manifests() -> dict[str, Any]:
    """Return what is in each published file: every tensor in its order, and how it is laid out."""
    return json.loads(  # type: ignore[no-any-return]
        gzip.decompress((RECIPE / "manifests.json.gz").read_bytes())
    )


def manifest(recipe_net: str) -> dict[str, Any]:
    """Return what is in the published file that a recipe is made for."""
    return manifests()[recipe_net.removesuffix("_astronaut")]  # type: ignore[no-any-return]


def write_recipe_weights(recipe_net: str, path: Path, *, zip_form: bool = True) -> Path:
    """Write the weights of a recipe as the published file is laid out.

    Args:
        recipe_net: name in `recipe/sha256.json`.
        path: .h5 for Matterport's (needs h5py), .pth for the others.
        zip_form: of a .pth, the newer of its two forms.
    """
    described, tensors = manifest(recipe_net), recipe_tensors(recipe_net)
    if described["layout"] == "keras":
        _write_h5(path, described, tensors)
        return path
    wrap = described.get("wrap")
    return write_torch_file({wrap: tensors} if wrap else tensors, path, zip_form=zip_form)


def recipe_tensors(recipe_net: str) -> Tensors:
    """Return all tensors of a recipe, in the order of the file, their digest checked."""
    described = manifest(recipe_net)
    digest = hashlib.sha256()
    tensors: Tensors = {}
    for entry in described["tensors"]:
        values = _tensor(recipe_net, entry, described["layout"])
        digest.update(entry["name"].encode() + repr(values.shape).encode())
        digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")))
        tensors[entry["name"]] = values
    wanted = json.loads((RECIPE / "sha256.json").read_text())[recipe_net]
    assert digest.hexdigest() == wanted, f"the recipe gives other weights for {recipe_net} here"
    return tensors


def _tensor(recipe_net: str, entry: Mapping[str, Any], layout: str) -> NDArray[Any]:
    name, shape, kind = entry["name"], tuple(entry["shape"]), entry["kind"]
    if kind == "int_zero":
        return np.zeros(shape, np.int64)
    spec = _spec(recipe_net, name, kind)
    numbers = _bell(f"{spec.get('seed_net', recipe_net)}|{name}", math.prod(shape)).reshape(shape)
    if kind == "kernel":
        return _kernel(numbers, spec, layout)
    values = _scaled(abs(numbers) if kind == "var" else numbers, spec["std"] / SUM_STD, spec["add"])
    if "first" in spec:
        num, more = spec["first"]
        values[:num] += np.float32(more)
    if "every" in spec:
        step, start, more = spec["every"]
        values[start::step] += np.float32(more)
    return values


def _spec(recipe_net: str, name: str, kind: str) -> Spec:
    """Return what the rules say of a tensor; of several that fit, the last one counts."""
    spec: Spec = dict(rules()["defaults"][kind])
    lineage: list[Mapping[str, Any]] = []
    net: str | None = recipe_net
    while net is not None:
        lineage.insert(0, rules()["nets"][net])
        net = lineage[0].get("inherit")
    for ancestor in lineage:
        for pattern, changes in ancestor["rules"]:
            if re.search(pattern, name):
                spec.update(changes)
    return spec


def _bell(seed: str, num: int) -> NDArray[np.int64]:
    """Return integers that are almost normal, of mean 0 and deviation `SUM_STD`.

    Each is the sum of the four quarters of a raw number, two and two added at once.
    """
    stream = np.random.Philox(key=zlib.crc32(seed.encode()))
    numbers = np.empty(num, np.int64)
    for start in range(0, num, BLOCK):
        block = numbers[start : start + BLOCK]
        raw = np.asarray(stream.random_raw(len(block)), np.uint64)
        pairs = (raw & QUARTERS) + (raw >> np.uint64(16) & QUARTERS)
        block[:] = (pairs & np.uint64(0xFFFFFFFF)) + (pairs >> np.uint64(32))
        block -= SUM_MEAN
    return numbers


def _kernel(numbers: NDArray[np.int64], spec: Spec, layout: str) -> NDArray[np.float32]:
    """Return a kernel that keeps the size of what passes; of most a part of its mean is taken off.

    Args:
        numbers: (H, W, in, out) or (in, out) of Keras, (out, in, H, W) or (out, in) of PyTorch;
            those of an enlarging layer have in and out the other way round.
        spec: `hp`, quarters of the mean to take off; `gain`; `deconv`, with `stride2`.
        layout: keras or torch.
    """
    is_deconv = spec.get("deconv", False)
    if layout == "keras":
        sides = (0, 1) if numbers.ndim == 4 else ()
        out_axis = numbers.ndim - 1 - is_deconv
    else:
        sides = (2, 3) if numbers.ndim == 4 else ()
        out_axis = int(is_deconv)
    num_taps = math.prod(numbers.shape[axis] for axis in sides)
    fan_in = numbers.size // numbers.shape[out_axis]
    if is_deconv:
        fan_in //= spec["stride2"]
    quarters, norm = spec["hp"], SUM_STD
    if num_taps > 1 and quarters and not is_deconv:
        total = quarters * _sum_of_taps(numbers, sides)
        numbers *= 4 * num_taps
        numbers -= total
        norm = 4.0 * num_taps * SUM_STD
    return _scaled(numbers, spec["gain"] / (math.sqrt(float(fan_in)) * norm))


def _sum_of_taps(numbers: NDArray[np.int64], sides: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the sum along both sides of kernels, kept as sides of 1; these are short."""
    taps = np.moveaxis(numbers, sides, (0, 1))
    total = sum(taps[row, column] for row, column in np.ndindex(taps.shape[:2]))
    return np.expand_dims(total, sides)


def _scaled(numbers: NDArray[np.int64], factor: float, more: float = 0.0) -> NDArray[np.float32]:
    values = np.empty(numbers.shape, np.float32)
    flat, scaled = numbers.reshape(-1), values.reshape(-1)
    for start in range(0, len(flat), BLOCK):
        block = flat[start : start + BLOCK] * factor
        scaled[start : start + BLOCK] = block + more if more else block
    return values


def _write_h5(path: Path, described: Mapping[str, Any], tensors: Tensors) -> None:
    """Write what Keras 2 writes: a group for each layer, its weights listed in an attribute."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer["name"].encode() for layer in described["layers"]]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = described["keras_version"].encode()
        for layer in described["layers"]:
            group = file.create_group(layer["name"])
            group.attrs["weight_names"] = [weight.encode() for weight in layer["weights"]]
            for weight in layer["weights"]:
                group[weight] = tensors[f"{layer['name']}/{weight}"]
