"""Annotations and weights that are damaged or made with malice: what reading them costs.

python -m benchmarks.endurance.fuzz_files [--seconds 60] [--seed 0] [--folder F] [--bombs]

Small good files of every format are damaged again and again: cut off, bytes changed, parts
repeated, numbers made huge. A process of its own reads each, with a limit on its memory and its
time. Anything but an answer or one `DataError` or `WeightsError` that names the file is a fault,
as is more memory than ten times the file plus 300 MB, or more than 10 s. With `--bombs` files of 10
MB are read instead that repeat one instruction (`pickle_bombs`), each in a process of its own.

Prints one JSON object: how many files were read and refused, the most memory and time that one
took, and the faults, whose files are kept in the folder.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.command import run_command
from benchmarks.endurance.pickle_bombs import write_bombs

MAX_S, MAX_GROWTH, ALWAYS_ALLOWED = 10.0, 10, 300_000_000
START_S = 60.0
BOMB_BYTES = 10_000_000
ROOT = Path(__file__).parents[2]
#: Files that one process reads before the next one begins with a clean memory
AT_ONCE = 50
NUMBERS = (b"0", b"-1", b"1e400", b"99999999999999999999", b"null", b'"x"', b"[]", b"1e9", b"0.5")
Rng = np.random.Generator


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="for what was at fault; default: a new one")
    parser.add_argument("--bombs", action="store_true", help="files made to take time and memory")
    parser.add_argument("--read", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        _read_files([(Path(root), Path(file)) for root, file in options.read])
        return
    folder = options.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    if options.bombs:
        figures = read_bombs(folder, BOMB_BYTES)
    else:
        figures = fuzz(folder, options.seconds, options.seed)
    print(json.dumps(figures, indent=2), flush=True)


def read_bombs(folder: Path, num_bytes: int) -> dict[str, Any]:
    """Read a bomb of each kind, each of so many bytes; returns what is printed."""
    figures = _no_figures()
    for path in write_bombs(folder / "bombs", num_bytes):
        before = figures["most_s"]
        read_all([(path.parent, path)], folder, figures)
        if figures["most_s"] > before:
            figures["slowest"] = path.parent.name
        path.unlink()
    return figures


def _no_figures() -> dict[str, Any]:
    return {"read": 0, "refused": 0, "most_mb": 0.0, "most_s": 0.0, "faults": []}


def fuzz(folder: Path, seconds: float, seed: int, at_most: int | None = None) -> dict[str, Any]:
    """Read damaged files for so long, or so many; returns what is printed."""
    rng = np.random.default_rng(seed)
    seeds = good_files(folder / "good")
    figures = _no_figures()
    end = time.monotonic() + seconds
    while time.monotonic() < end and (at_most is None or at_most > 0):
        files = []
        for number in range(AT_ONCE if at_most is None else min(AT_ONCE, at_most)):
            root, path = seeds[int(rng.integers(len(seeds)))]
            place = folder / "damaged" / f"{number}"
            shutil.copytree(root, place, dirs_exist_ok=True)
            file = place / path.relative_to(root)
            is_text = path.suffix in (".json", ".txt", ".yaml")
            file.write_bytes(damaged(path.read_bytes(), rng, only_numbers=number % 2 and is_text))
            files.append((place, file))
        if at_most is not None:
            at_most -= len(files)
        read_all(files, folder, figures)
        shutil.rmtree(folder / "damaged")
    return figures


def read_all(files: list[tuple[Path, Path]], folder: Path, figures: dict[str, Any]) -> None:
    """Let processes read the files, as many as it takes, and count what comes of it."""
    while files:
        names = json.dumps([[str(root), str(file)] for root, file in files])
        command = [sys.executable, "-m", "benchmarks.endurance.fuzz_files", "--read", names]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, cwd=ROOT
        ) as process:
            base = int(_line(process, START_S) or 0)
            while files:
                line = _line(process, MAX_S + 1)
                if not line:  # it was killed, or hangs
                    _count(files.pop(0), "ended or hung", 0.0, 0, folder, figures)
                    break
                answer, elapsed_s, most = json.loads(line)
                _count(files.pop(0), answer, elapsed_s, most - base, folder, figures)
            process.kill()


def _line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Return a line that a process prints, b"" where none comes in time."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else b""


def _count(
    root_and_file: tuple[Path, Path],
    answer: str,
    elapsed_s: float,
    num_bytes: int,
    folder: Path,
    figures: dict[str, Any],
) -> None:
    root, file = root_and_file
    too_much = num_bytes > MAX_GROWTH * file.stat().st_size + ALWAYS_ALLOWED
    figures["most_mb"] = max(figures["most_mb"], round(num_bytes / 1e6, 1))
    figures["most_s"] = max(figures["most_s"], round(elapsed_s, 2))
    if answer in ("read", "refused") and elapsed_s <= MAX_S and not too_much:
        figures[answer] += 1
        return
    kept = folder / "faults" / f"{len(figures['faults'])}"
    shutil.copytree(root, kept, dirs_exist_ok=True)
    told = f"{answer}, {elapsed_s:.1f} s, {num_bytes / 1e6:.0f} MB"
    figures["faults"].append({"file": str(kept / file.relative_to(root)), "what": told})


def _read_files(files: list[tuple[Path, Path]]) -> None:
    for suffix in (".json", ".npz", ".pth", ".h5"):  # so that what they import is there before
        outcome(Path("nothing"), Path(f"nothing{suffix}"))
    limit = 4_000_000_000 + sum(MAX_GROWTH * file.stat().st_size for _, file in files)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print(_most_bytes(), flush=True)
    for root, file in files:
        began = time.monotonic()
        answer = outcome(root, file)
        print(json.dumps([answer, time.monotonic() - began, _most_bytes()]), flush=True)


def _most_bytes() -> int:
    # unlike what `getrusage` says, not that of the process that started this one
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


def outcome(root: Path, file: Path) -> str:
    """Return "read", "refused", or what went wrong."""
    from segmentation.errors import DataError, WeightsError

    try:
        _read(root, file)
    except (DataError, WeightsError) as error:
        is_told = str(root) in str(error)
        return "refused" if is_told else f"does not name the file: {error}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "read"


def _read(root: Path, file: Path) -> None:
    from segmentation.data import read_dataset
    from segmentation.weights.hdf5_weights import read_tensors
    from segmentation.weights.npz_arrays import read_arrays
    from segmentation.weights.pth_weights import read_pth
    from segmentation.weights.trained_weights import read_description

    if file.suffix == ".npz":
        read_arrays(file, "of weights")
    elif file.suffix == ".pth":
        read_pth(file)
    elif file.suffix == ".h5":
        read_tensors(file)
        read_description(file)
    else:
        dataset = read_dataset(root)
        for photo in dataset.photos:
            photo.masks()


def damaged(data: bytes, rng: Rng, *, only_numbers: object = False) -> bytes:
    """Return what one to three accidents leave of a file, or other numbers do."""
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(max(1, len(data))))
        kind = 5 if only_numbers else int(rng.integers(5))
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + rng.bytes(int(rng.integers(1, 9))) + data[at + 4 :]
        elif kind == 2:
            part = data[at : at + int(rng.integers(1, 200))]
            data = data[:at] + part * int(rng.integers(1, 3000)) + data[at:]
        elif kind == 3:
            data = data[:at] + b"\xff" * int(rng.integers(1, 9)) + data[at + 8 :]
        elif kind == 4:
            data = data[:at] + data[at + int(rng.integers(1, 100)) :]
        else:
            number = NUMBERS[int(rng.integers(len(NUMBERS)))]
            found = list(re.finditer(rb"-?\d[\d.]*", data))
            if found:
                begin, end = found[int(rng.integers(len(found)))].span()
                data = data[:begin] + number + data[end:]
    return data


def good_files(folder: Path) -> list[tuple[Path, Path]]:
    """Write small good data of each format; returns the folder of each and a file in it."""
    from segmentation.weights.trained_weights import save_trained
    from tests.inputs.annotated_photos import WRITERS
    from tests.segmentation.data.test_more_formats import write_cvat, write_yolo

    found = []
    for name, write in {**WRITERS, "yolo": write_yolo, "cvat": write_cvat}.items():
        root = folder / name
        write(root)
        for pattern in ("*.json", "*.yaml", "labelmap.txt", "train/labels/*", "[mS]*/**/*.png"):
            found += [(root, path) for path in sorted(root.glob(pattern))[:1]]
    weights = folder / "weights"
    weights.mkdir()
    tensors = {"conv/kernel": np.ones((3, 3, 4), np.float32), "conv/bias": np.ones(4, np.float32)}
    np.savez(weights / "a.npz", **tensors)  # type: ignore[arg-type]
    np.savez_compressed(weights / "b.npz", **tensors)  # type: ignore[arg-type]
    save_trained(weights / "c.h5", tensors, ["a"], size=64, backbone="small")
    saved = ROOT / "tests" / "segmentation" / "weights" / "torch_saved"
    for path in sorted(saved.glob("*.pth"))[:4]:
        shutil.copy(path, weights / path.name)
    for path in sorted(weights.iterdir()):
        root = folder / path.name
        root.mkdir()
        found.append((root, path.rename(root / path.name)))
    return found


if __name__ == "__main__":
    run_command(main)
