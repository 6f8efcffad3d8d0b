"""A network and its weights become a function on arrays, on the device at hand."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.pip_command import install_extra
from segmentation.winograd import use_winograd

Array = NDArray[Any]
MAX_EXPORTS = 4  # kept on disk; one of Mask R-CNN takes 260 MB
MAX_COMPILED = 5  # shapes of input at a time; each has its own copy of the weights
_IMPORTING = threading.Lock()
UNUSED_GPU = "the NVIDIA GPU is unused"


class OpenVINONetwork:
    """A model on the CPU, compiled for each shape of input it meets; the last few are kept.

    Args:
        path: the model's .xml.
        num_threads: processor threads of one call.
        weights: the model's .bin; the one of the same name beside it without that.
        cache: folder for what OpenVINO compiles, about as large as the model, so that the next
            start takes a quarter of the time; made if absent, not used where that fails.

    Raises:
        WeightsError: the file is missing or no OpenVINO model.
    """

    def __init__(
        self,
        path: Path,
        num_threads: int,
        weights: Path | None = None,
        *,
        cache: Path | None = None,
    ) -> None:
        """Read the model; nothing is compiled yet."""
        self.device = openvino_device(num_threads)
        self._core = import_openvino().Core()
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": num_threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        if cache is not None and _is_writable(cache):
            self._settings["CACHE_DIR"] = str(cache)
        self._path = path
        self._weights = weights or path.with_suffix(".bin")
        self._requests: dict[tuple[tuple[int, ...], ...], Any] = {}
        self._first: Any = self._read()  # for the first shape

    def _read(self) -> Any:
        try:
            return self._core.read_model(self._path, self._weights)
        except RuntimeError as error:
            raise WeightsError(
                f"{self._path}: not a readable OpenVINO model; delete it, or install the "
                "program again"
            ) from error

    def __call__(self, *inputs: Array) -> list[Array]:
        """Run the network on inputs of any shapes it can take; returns its outputs in order."""
        shapes = tuple(array.shape for array in inputs)
        request = self._requests.pop(shapes, None) or self._compile(shapes)
        self._requests[shapes] = request
        if len(self._requests) > MAX_COMPILED:
            del self._requests[next(iter(self._requests))]
        outputs = request.infer(list(inputs), share_inputs=True)
        return [np.array(value) for value in outputs.values()]

    def _compile(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        model, self._first = self._first or self._read(), None
        if any(node.get_partial_shape().is_dynamic for node in model.inputs):
            model.reshape({index: list(shape) for index, shape in enumerate(shapes)})
        use_winograd(model)
        return self._core.compile_model(model, "CPU", self._settings).create_infer_request()


class KerasNetwork:
    """A network run by Keras itself: on a GPU, or for comparison.

    Args:
        make: builds the network, weights included, for the shapes of its inputs.
        device: "gpu", which is the first one where there are several, or "cpu".
        precision: see `segmentation.segmenter.Options`. What "bfloat16" means is up to `make`.

    Raises:
        ValueError: there is no such device that Keras' backend can use, or not with `precision`.
    """

    def __init__(self, make: Callable[..., Any], device: str, precision: str = "float32") -> None:
        """Find the device; nothing is built yet."""
        keras = import_keras()
        names = _devices(keras, device)
        if not names:
            raise ValueError(
                f"device {device}: Keras ({keras.backend.backend()}) sees none; "
                f"for an NVIDIA GPU: {install_extra('gpu')}, and check nvidia-smi"
            )
        backend = keras.backend.backend()
        precision = _set_precision(precision, device, backend)
        self.device = f"{device.upper()} (Keras on {backend}, {precision})"
        self._scope: Callable[[], Any] = lambda: keras.device(names[0])
        self._make = make
        self._networks: dict[tuple[tuple[int, ...], ...], Any] = {}

    def __call__(self, *inputs: Array) -> list[Array]:
        """Run the network; returns its outputs in order."""
        shapes = tuple(array.shape for array in inputs)
        with self._scope():
            if shapes not in self._networks:
                self._networks[shapes] = self._make(shapes)
            arguments = list(inputs) if len(inputs) > 1 else inputs[0]
            outputs = self._networks[shapes].predict_on_batch(arguments)
        return [
            np.asarray(value) for value in (outputs if isinstance(outputs, list) else [outputs])
        ]


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def openvino_device(num_threads: int) -> str:
    """Return what an `OpenVINONetwork` runs on, for people."""
    return f"CPU (OpenVINO, {num_threads} thread{'s' if num_threads > 1 else ''})"


def import_openvino() -> Any:
    """Import OpenVINO without its converter of networks.

    That takes longer than all the rest. Whoever converts imports it from `openvino.tools.ovc`.
    """
    converter = "openvino.tools.ovc"
    with _IMPORTING:
        is_hidden = converter not in sys.modules
        if is_hidden:
            # whoever imports it then gets an ImportError, which OpenVINO allows for
            sys.modules[converter] = None  # type: ignore[assignment]
        try:
            import openvino
        finally:
            if is_hidden:
                del sys.modules[converter]
    return openvino


def import_openvino_ahead() -> threading.Thread:
    """Begin to import OpenVINO for a caller who is about to wait for something else.

    If that fails it does so again for whoever needs it.

    Returns:
        The thread in which it is done, for the caller to join.
    """

    def work() -> None:
        with contextlib.suppress(Exception):
            import_openvino()

    thread = threading.Thread(target=work, name="import")
    thread.start()
    return thread


def import_keras() -> Any:
    """Import Keras and its backend, without what TensorFlow prints while it looks for GPUs.

    These are notes about the machine, by C++ and past every setting of verbosity.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import keras

            _devices(keras, "gpu")
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
    return keras


def _devices(keras: Any, kind: str) -> list[str]:
    """Return the names of the devices of a kind, "cpu" or "gpu", that Keras' backend can use."""
    if keras.backend.backend() == "torch":  # which Keras cannot ask; for GPUs TensorFlow is better
        return ["cpu:0"] if kind == "cpu" else []
    return [name for name in keras.distribution.list_devices() if name.startswith(kind)]


def _set_precision(precision: str, device: str, backend: str) -> str:
    """Let convolutions and matrix products round their operands to TF32, or not; returns which.

    TF32 keeps 10 of 23 bits of the fraction (NVIDIA A100 whitepaper) and is several times faster
    on GPUs that have it; others compute in float32 all the same.
    """
    has_tf32 = device == "gpu" and backend == "tensorflow"
    if precision == "auto":
        precision = "tf32" if has_tf32 else "float32"
    if precision == "tf32" and not has_tf32:
        raise ValueError("precision tf32: only on an NVIDIA GPU with TensorFlow; use float32")
    if has_tf32:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(precision != "float32")
    return precision


def spare_threads() -> int:
    """Return how many threads a network may use so that one core is left to the video."""
    return max(1, (os.cpu_count() or 2) - 1)


def gpu_present() -> bool:
    """Whether the machine has an NVIDIA GPU, found out without loading anything."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def gpu_usable() -> bool:
    """Whether Keras as it is installed can run on a GPU; loads it only where there is one."""
    if not gpu_present():
        return False
    try:
        return bool(_devices(import_keras(), "gpu"))
    except ImportError:
        return False


def check_float32(precision: str) -> None:
    """Raise `ValueError` where a network has no other precision than this, and one is asked for."""
    if precision not in ("auto", "float32"):
        raise ValueError(
            f"precision {precision}: this network computes in float32 here; "
            "others come with backend keras and a network to fetch"
        )


def chosen_backend(backend: str, device: str, *, prefer_gpu: bool) -> str:
    """Return "openvino" or "keras" for what `segmentation.segmenter.Options` asks for.

    Args:
        backend: "auto", "openvino" or "keras".
        device: "auto", "cpu" or "gpu".
        prefer_gpu: where both say "auto", a GPU that can be used is worth the seconds that Keras
            takes to start.

    Raises:
        ValueError: OpenVINO is asked for on a GPU.
    """
    if backend == "openvino" and device == "gpu":
        raise ValueError("backend openvino runs on the CPU here; for a GPU use backend keras")
    if backend != "auto":
        return backend
    on_gpu = device == "gpu" or (device == "auto" and prefer_gpu and gpu_usable())
    return "keras" if on_gpu else "openvino"


def _program() -> str:
    """Return a checksum of all that may build networks: another program, another export."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def cached_export(
    folder: Path, weights: Path, settings: str, export: Callable[[Path], None]
) -> Path:
    """Return the OpenVINO model of a network and its weights, made at the first call.

    Args:
        folder: of all exports; made if absent. The `MAX_EXPORTS` used last are kept.
        weights: the file they come from; a changed file gives another export.
        settings: everything else that the export depends on, this program aside.
        export: writes the model to an .xml it is given, and a .bin beside it.

    Raises:
        WeightsError: the folder cannot be written to.
    """
    state = weights.stat()
    parts = (_program(), settings, weights.resolve(), state.st_size, state.st_mtime_ns)
    identity = " ".join(map(str, parts))
    home = folder / hashlib.sha256(identity.encode()).hexdigest()[:24]
    model = home / "network.xml"
    if not model.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
                made = Path(part) / "export"
                made.mkdir()
                export(made / "network.xml")
                if not home.exists():
                    os.replace(made, home)
        except OSError as error:
            raise WeightsError(f"{folder}: cannot be written to ({error.strerror})") from error
    os.utime(home)
    exports = sorted(folder.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime)
    for old in exports[:-MAX_EXPORTS]:
        shutil.rmtree(old, ignore_errors=True)
    return model
