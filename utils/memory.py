"""The memory of the machine."""

import os
from pathlib import Path

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # of containers


def host_memory() -> float:
    """Bytes of memory that this machine has, or that its container may use; infinite where that is not known."""
    found = [float("inf")]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in LIMITS:
        try:
            found.append(float(path.read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return min(found)
