"""What the machine is, for the manifest and for `exempla doctor`, and what it says when it has no more memory."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from typing import Any

from exempla.errors import UserError


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory and system. Looks at no accelerator, because that would load torch."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:  # noqa: PTH123
            for line in stream:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Turn an accelerator's lack of memory into one line."""
    try:
        yield
    except RuntimeError as error:
        if "out of memory" not in str(error).lower():
            raise
        raise UserError(
            "the accelerator is out of memory; lower blocks_per_update or block, train with method='lora', or take a "
            "smaller subject, and run the same command again"
        ) from error
