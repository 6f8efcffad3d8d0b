"""What the original programs compute from known weights and a photo.

Two sets of files have this: `tests/golden/data`, in every checkout, on a photo that scikit-image
carries, and a larger one beside the checkout, on another photo. Both come out in one form, so that
the same tests hold both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.folders import SHARED

COMPACT = Path(__file__).parent / "data"
LARGER = SHARED / "golden"

Golden = dict[str, NDArray[Any]]


def compact(name: str) -> Path:
    """Return the file of a network, or training step, on the astronaut."""
    return COMPACT / f"{name}.npz"


def larger(name: str) -> Path:
    """Return the file of a network, or training step, on the other photo."""
    return LARGER / f"{name}.golden.npz"


def golden_params(
    compacts: Mapping[str, str], largers: Mapping[str, str], *, long: Container[str] = ()
) -> list[Any]:
    """Return (name, file) for a fixture that tests a case after the other.

    Cases of one name follow each other: what they share is made once.

    Args:
        compacts: stems of files by the names of their cases.
        largers: likewise, of the other set, as far as it is there; its tests are long ones, and
            for all but the first they are tests of another photo alone, see `--both-photos`.
        long: names of compact cases whose tests are long ones.
    """
    import pytest  # not where benchmarks read the files

    params = []
    first = next(iter(largers))
    for name, stem in compacts.items():
        marks = [pytest.mark.long] * (name in long)
        params.append(pytest.param((name, compact(stem)), id=name, marks=marks))
        if name in largers and larger(largers[name]).is_file():
            file = larger(largers[name])
            marks = [pytest.mark.long, *([] if name == first else [pytest.mark.both_photos])]
            params.append(pytest.param((name, file), id=f"{name}-larger", marks=marks))
    return params


def as_long(case: Any) -> Any:
    """Return a parameter whose tests are long ones."""
    import pytest

    return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.long])


def on_another_photo(case: Any) -> Any:
    """Return a parameter whose tests run with `--both-photos` alone."""
    import pytest

    return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.both_photos])


def load_golden(path: Path, astronaut: NDArray[np.uint8] | None = None) -> Golden:
    """Return all arrays of a file; skips where the photo is absent.

    Args:
        path: of the file.
        astronaut: scikit-image's photo; its own without it.

    A tensor is there as a whole under its name, or sampled: `X/shape`, `X/idx` (flat indices in C
    order) and `X/val`. What is always there: `image`, the photo (H, W, 3) uint8 RGB; `recipe_net`,
    which weights; and of a network `final_masks` (N, R, W) bool, the rows `final_mask_rows` (R,) of
    its masks, and `final_mask_areas` (N,), the pixels of the whole masks.
    """
    with np.load(path) as archive:
        golden = dict(archive)
    if "sampled" in golden:
        _take_samples_apart(golden)
    if "image" not in golden:
        golden["image"] = _photo(golden, astronaut)
    golden.setdefault("recipe_net", np.array(_recipe_net(path)))
    if "final_masks_shape" in golden:
        _unpack_masks(golden)
    return golden


def sha256(array: NDArray[Any]) -> str:
    """Return the digest of an array's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def _take_samples_apart(golden: Golden) -> None:
    """Sample k of all tensors lies at the same fraction of their length, in units of 2**-32."""
    places = golden.pop("sample_at").astype(np.int64)
    values = golden.pop("sampled_values")
    shapes = json.loads(str(golden.pop("sampled")))
    for row, (name, shape) in enumerate(shapes.items()):
        golden[f"{name}/shape"] = np.array(shape)
        golden[f"{name}/idx"] = places * int(np.prod(shape)) >> 32
        golden[f"{name}/val"] = values[row]


def _photo(golden: Golden, astronaut: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    if astronaut is None:
        import pytest

        reason = "scikit-image carries the photo"
        astronaut = pytest.importorskip("skimage.data", reason=reason).astronaut()
    first, last = golden["photo_rows"]
    photo: NDArray[np.uint8] = np.ascontiguousarray(astronaut[first:last])
    assert sha256(photo) == str(golden["photo_sha256"]), "another photo than the originals saw"
    return photo


def _recipe_net(path: Path) -> str:
    name = path.name.partition(".")[0]
    return "matterport" if name.startswith("matterport") else name


def _unpack_masks(golden: Golden) -> None:
    num, height, width = golden["final_masks_shape"]
    if "final_masks_packed" in golden:
        bits = np.unpackbits(golden.pop("final_masks_packed"), axis=1)[:, : height * width]
        masks = bits.reshape(num, height, width)
        golden["final_mask_rows"] = np.arange(height)
        golden["final_mask_areas"] = masks.sum(axis=(1, 2), dtype=np.int64)
    else:
        masks = np.unpackbits(golden.pop("final_masks_at_rows_packed"), axis=2)[..., :width]
    golden["final_masks"] = masks.astype(bool)
