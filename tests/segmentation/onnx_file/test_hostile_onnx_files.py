"""ONNX files that are foreign, cut off, or made to take all memory: one line each."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.loading import load
from tests.folders import ROOT
from tests.stand_ins.onnx_files import (
    FLOAT,
    brightness,
    elsewhere,
    graph,
    initializer,
    message,
    model,
    node,
    text,
    value,
)

KERNEL = initializer("kernel", np.ones((1, 3, 1, 1), np.float32))
CONV = node("Conv", ["pixels", "kernel"], ["logits"])
SIGMOID = node("Sigmoid", ["logits"], ["share"])


def counts(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def network(
    *parts: bytes,
    given: tuple[int, ...] = (1, 3, 32, 32),
    result: tuple[int, ...] = (1, 1, 32, 32),
    more: bytes = b"",
) -> bytes:
    return model(value(11, "pixels", given), *parts, value(12, "share", result), more=more)


def nested(depth: int) -> bytes:
    inner = graph(node("Identity", ["logits"], ["y"]), value(12, "y", None))
    for _ in range(depth):
        inner = graph(node("If", ["yes"], ["y"], then_branch=inner), value(12, "y", None))
    return inner


def memory() -> bytes:
    """What follows from a list of ten million numbers is worked out while the file is read."""
    many = [initializer("n", counts(10_000_000)), node("ConstantOfShape", ["n"], ["big"])]
    many += [node("Cast", ["big"], ["sides"], to=7), node("Reshape", ["logits", "sides"], ["l"])]
    return network(KERNEL, CONV, *many, node("Sigmoid", ["l"], ["share"]))


TWICE = [node("Concat", [f"x{i}", f"x{i}"], [f"x{i + 1}"], axis=1) for i in range(30)]
FILES = {
    "empty": (b"", "is empty"),
    "text": (b"no network at all, just words\n" * 20, "no ONNX file, or cut off"),
    "cut off": (network(KERNEL, CONV, SIGMOID)[:90], "no ONNX file, or cut off"),
    "classification": (
        network(
            initializer("kernel", np.ones((10, 3, 32, 32), np.float32)),
            CONV,
            node("Flatten", ["logits"], ["flat"]),
            node("Softmax", ["flat"], ["share"]),
            result=(1, 10),
        ),
        "its first result is 1x10, no map of background and foreground",
    ),
    "detection": (
        network(
            initializer("kernel", np.ones((84, 3, 1, 1), np.float32)),
            CONV,
            initializer("sides", counts(1, 84, 1024)),
            node("Reshape", ["logits", "sides"], ["share"]),
            result=(1, 84, 1024),
        ),
        "its first result is 1x84x1024",
    ),
    "six classes": (
        network(initializer("kernel", np.ones((6, 3, 1, 1), np.float32)), CONV, SIGMOID),
        "its first result is 1x6x32x32",
    ),
    "grey pictures": (network(KERNEL, CONV, SIGMOID, given=(1, 1, 32, 32)), "cannot read|1x1x32"),
    "huge input": (network(KERNEL, CONV, SIGMOID, given=(1, 3, 10**9, 10**9)), "the most is 8192"),
    "large input": (network(KERNEL, CONV, SIGMOID, given=(1, 3, 8000, 8000)), "needs 1.0 GB"),
    "false claim": (
        network(initializer("kernel", np.float32([1]), (10**6, 3, 99, 99)), CONV, SIGMOID),
        "claims 29,403,000,000 values for a tensor that has 4 bytes of them",
    ),
    "negative claim": (
        network(initializer("kernel", np.float32([1]), (-1, 3, 1, 1)), CONV, SIGMOID),
        "claims .* values",
    ),
    "doubled thirty times": (
        network(
            KERNEL,
            node("Conv", ["pixels", "kernel"], ["x0"]),
            *TWICE,
            node("ReduceMax", ["x30"], ["logits"], axes=[1]),
            SIGMOID,
        ),
        "needs .* GB for an image of 32x32, and is a file of 0.0 MB",
    ),
    "a list of constants": (memory(), "OpenVINO cannot read it"),
    "its own operation": (
        network(node("Evil", ["pixels"], ["logits"], domain="evil.ops"), SIGMOID),
        r"needs evil\.ops\.Evil, which is no operation of ONNX",
    ),
    "unknown operation": (
        network(node("Evil", ["pixels"], ["logits"]), SIGMOID),
        "needs operations that OpenVINO does not have: Evil",
    ),
    "loop": (network(KERNEL, CONV, node("Loop", ["", "", "logits"], ["share"])), "has loops"),
    "functions": (
        network(KERNEL, CONV, SIGMOID, more=message(25, text(1, "f"))),
        "has functions of its own",
    ),
    "deep": (
        network(KERNEL, CONV, node("If", ["yes"], ["share"], then_branch=nested(30))),
        "graphs within graphs",
    ),
    "size known late": (
        network(
            KERNEL,
            CONV,
            node("NonZero", ["logits"], ["places"]),
            node("Cast", ["places"], ["numbers"], to=FLOAT),
            node("ReduceMean", ["numbers"], ["mean"], keepdims=0),
            node("Add", ["logits", "mean"], ["more"]),
            node("Sigmoid", ["more"], ["share"]),
        ),
        "NonZero needs cannot be told beforehand",
    ),
    "two pictures": (
        model(
            value(11, "src", (1, 3, 32, 32)),
            value(11, "bgr", (1, 3, 32, 32)),
            KERNEL,
            node("Add", ["src", "bgr"], ["pixels"]),
            CONV,
            SIGMOID,
            value(12, "share", (1, 1, 32, 32)),
        ),
        r"takes 2 inputs \(src, bgr\)",
    ),
    "Robust Video Matting": (
        model(
            *(value(11, name, (1, 3, 32, 32)) for name in ("src", "r1i", "r2i", "r3i", "r4i")),
            KERNEL,
            node("Conv", ["src", "kernel"], ["logits"]),
            SIGMOID,
            value(12, "share", (1, 1, 32, 32)),
        ),
        "--model rvm-mobilenet",
    ),
    "rectified": (
        network(KERNEL, CONV, node("Relu", ["logits"], ["share"])),
        "whether its result, which comes out of Relu, is from 0 to 1 cannot be told",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_network_for_one_foreground_is_one_line(name, tmp_path):
    data, words = FILES[name]
    path = tmp_path / "a.onnx"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=words) as raised:
        load(str(path), mean=[0.5])
    line = str(raised.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line


def test_tensors_beside_the_file_are_read_and_nothing_else_is(tmp_path):
    path = tmp_path / "a.onnx"

    def write(**entries: str) -> None:
        path.write_bytes(network(elsewhere("kernel", (1, 3, 1, 1), **entries), CONV, SIGMOID))

    write(location="a.data", offset="4", length="12")
    (tmp_path / "a.data").write_bytes(np.float32([0, 8, 16, 24]).tobytes())
    image = np.full((1, 32, 32, 3), 200, np.uint8)
    (found,) = load(str(path), mean=[0.5]).segment(image)
    kept = brightness(tmp_path / "b.onnx")
    np.testing.assert_array_equal(
        found.union(), load(str(kept), mean=[0.5]).segment(image)[0].union()
    )
    (tmp_path / "a.data").write_bytes(bytes(8))
    for entries, words in (
        ({"location": "a.data", "offset": "4", "length": "12"}, "a.data beside it is cut off"),
        ({"location": "a.data", "offset": "-4", "length": "12"}, "a.data beside it is cut off"),
        ({"location": "none.data"}, "none.data, which must lie beside it: No such file"),
        ({"location": "../a.data"}, "only files beside it are read"),
        ({"location": "/etc/passwd"}, "only files beside it are read"),
    ):
        write(**entries)
        with pytest.raises(WeightsError, match=words):
            load(str(path), mean=[0.5])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_small_file_takes_no_large_memory(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(memory())
    program = (
        "import resource, sys; from segmentation.loading import load\n"
        "load(sys.argv[1], mean=[0.5])\n"
        "held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: load(sys.argv[2], mean=[0.5])\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held)\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    )
    good = brightness(tmp_path / "b.onnx")
    done = subprocess.run(
        [sys.executable, "-c", program, str(good), str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    kind, more_kib, limit = done.stdout.split()
    assert kind == "WeightsError"
    assert int(more_kib) < 300_000
    assert limit == "-1"


def test_damaged_files_are_one_line_each(tmp_path):
    """Bytes changed at random: read as if nothing were, or refused; no other error, no crash."""
    good = brightness(tmp_path / "a.onnx", channels=2, end="Softmax").read_bytes()
    rng = np.random.default_rng(5)
    path = tmp_path / "b.onnx"
    told: list[str] = []
    for _ in range(60):
        data = np.frombuffer(good, np.uint8).copy()
        data[rng.integers(len(data), size=2)] = rng.integers(256, size=2)
        path.write_bytes(data.tobytes())
        try:
            load(str(path), mean=[0.5])
        except (WeightsError, ValueError) as error:
            told.append(str(error))
    assert len(told) > 20
    assert all(str(path) in line and "\n" not in line for line in told)
