"""How many workers a machine bears."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from segmentation.processors import num_processors
from segmentation.runtime.devices import gpu_present
from stream.batch.jobs.settings import Settings

#: Bytes allowed for a worker: its network, its frames, and ffmpeg. Networks that are not named here
#: are many times as large.
_MEMORY = {"portrait": 1 << 30, "mask-rcnn-person": 2 << 30}
_MEMORY_OF_OTHERS = 4 << 30


def num_workers(num_jobs: int | None, settings: Settings) -> int:
    """Return how many workers do so many jobs best: one a processor, as far as memory reaches.

    Networks that run on a GPU have it for themselves. `None` stands for more jobs than workers.
    """
    if gpu_present() and wants_gpu(settings):
        return 1
    most = num_processors() if num_jobs is None else min(num_jobs, num_processors())
    memory = _available_memory()
    if memory is not None:
        most = min(most, memory // memory_needed(settings))
    return max(1, most)


def memory_needed(settings: Settings) -> int:
    """Return the bytes that a worker is allowed."""
    return _MEMORY.get(settings.model, _MEMORY_OF_OTHERS)


def wants_gpu(settings: Settings) -> bool:
    """Whether a worker would use a GPU; the networks in the package need none unless asked to."""
    network = settings.network
    if network.device != "auto" or network.backend == "openvino":
        return network.device == "gpu"
    return network.backend == "keras" or settings.model not in _MEMORY


def _available_memory() -> int | None:
    """Return the bytes that are free or can be freed, `None` where the system does not say."""
    found = []
    with contextlib.suppress(OSError):
        text = Path("/proc/meminfo").read_text()
        found += [int(kib) * 1024 for kib in re.findall(r"^MemAvailable:\s+(\d+) kB", text, re.M)]
    with contextlib.suppress(OSError, ValueError):  # no limit is "max"
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        found.append(limit - int((group / "memory.current").read_text()))
    return min(found, default=None)
