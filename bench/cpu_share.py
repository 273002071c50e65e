"""Hold processes to a share of a core, as the limits of a container do.

On a machine whose cores are fewer than the parts of an installation, what a second worker adds is hidden by
what all parts wait for: the cores. With a fixed share each, workers are as fast as on machines of their own
of that size, and the rest of the machine is left to the other parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil

_PERIOD_MICROSECONDS = 100_000
# Where the controller of version 1 stands, and the root of version 2.
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


def hold(name: str, cores: float, members: Iterable[psutil.Process]) -> None:
    """Hold processes, and whatever they start from now on, to so much of a core together.

    Args:
        name: what the group is called.
        cores: share of one core, e.g. 0.4.
        members: the processes.

    Raises:
        OSError: this user may not make control groups, or the CPU controller is not there.
    """
    group, quota = _group(name), int(cores * _PERIOD_MICROSECONDS)
    group.mkdir(exist_ok=True)
    if _V1.is_dir():
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    else:
        (group / "cpu.max").write_text(f"{quota} {_PERIOD_MICROSECONDS}")
    for member in members:
        (group / "cgroup.procs").write_text(str(member.pid))


def release(name: str) -> None:
    """Remove a group whose processes have ended."""
    if _group(name).is_dir():
        _group(name).rmdir()


def _group(name: str) -> Path:
    return (_V1 if _V1.is_dir() else _V2) / f"airlock-bench-{name}"
