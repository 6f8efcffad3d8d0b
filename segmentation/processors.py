"""How many processors this process may use: fewer than the machine has, in a container or a job."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def num_processors() -> int:
    """Return how many processors this process may keep busy, at least 1.

    The least of: those of the machine, those that the process may run on (`taskset`, a container's
    `cpuset`), what its control groups allow (`docker run --cpus`, Kubernetes' limits), and what
    Slurm gave the task.
    """
    allowed = [len(usable_processors())]
    for quota in (_quota(_own_group()), _slurm()):
        if quota is not None:
            allowed.append(quota)
    return max(1, min(allowed))


def usable_processors() -> list[int]:
    """Return the numbers of the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def stay_on(processors: Sequence[int]) -> None:
    """Let this process, and what it starts from now on, run on these processors only.

    Where the system cannot do that, nothing happens.
    """
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, processors)


def _own_group() -> str:
    """Return the path of the process's control group below that of all, "" where there is none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            hierarchy, controllers, path = line.split(":", 2)
            if hierarchy == "0" or "cpu" in controllers.split(","):
                return path.strip("/")
    return ""


def _quota(own: str) -> int | None:
    """Return how many processors a control group and those above it allow, `None` for all."""
    shares = []
    for group in (Path(own), *Path(own).parents):
        for read in (_of_second_version, _of_first_version):
            with contextlib.suppress(OSError, ValueError):  # the group has none of this version
                shares.append(read(group))
    return min((max(1, round(share)) for share in shares if share is not None), default=None)


def _of_second_version(group: Path) -> float | None:
    quota, period = (_GROUPS / group / "cpu.max").read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _of_first_version(group: Path) -> float | None:
    folder = _GROUPS / "cpu" / group
    quota = int((folder / "cpu.cfs_quota_us").read_text())
    period = int((folder / "cpu.cfs_period_us").read_text())
    return None if quota < 0 else quota / period


def _slurm() -> int | None:
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return int(given) if given.isdecimal() else None
