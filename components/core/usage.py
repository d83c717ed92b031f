"""What a worker process has used so far, its live children (sandboxes) included."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """Resources used since the process began.

    Attributes:
        cpu_seconds: processor time of this process, of its live children and of those it has waited for.
        peak_bytes: sum of the largest resident sizes that this process and its live children ever had;
            0 where the system does not tell (anything but Linux).
    """

    cpu_seconds: float
    peak_bytes: int


def usage() -> Usage:
    """The usage of this process and its children."""
    times = os.times()
    cpu = times.user + times.system + times.children_user + times.children_system
    peak = _peak(os.getpid())
    for child in _children(os.getpid()):
        cpu += _cpu(child)
        peak += _peak(child)
    return Usage(cpu, peak)


def _children(process: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in (_PROC / str(process) / "task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                found += [child, *_children(child)]
    return found


def _cpu(process: int) -> float:
    with contextlib.suppress(OSError):
        # the command's name is in brackets and may hold anything; the numbers follow it
        fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS_PER_SECOND
    return 0.0


def _peak(process: int) -> int:
    with contextlib.suppress(OSError):
        for line in (_PROC / str(process) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
