"""`exempla doctor`: is this machine ready, and if not, what is to be done."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

from exempla import __version__
from exempla.machine import describe_machine
from exempla.models import embedded
from exempla.runfolder import package_version

NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "rensa", "pydantic")
FREE_GIB = 3.0
"""Disk a quickstart run needs: four checkpoints of 0.27 GB, the states saved during a training, and some room."""


class Finding(NamedTuple):
    """One thing looked at."""

    name: str
    good: bool
    text: str


def examine() -> list[Finding]:
    """Look at everything a run depends on."""
    machine = describe_machine()
    found = [
        Finding("exempla", True, __version__),
        Finding("machine", True, f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB"),
    ]
    for package in NEEDED:
        version = package_version(package)
        found.append(Finding(package, version != "absent", version))
    return found + _computing() + _cache()


def _computing() -> list[Finding]:
    import torch

    from exempla.models.subject import device_in_words  # loads torch, which takes seconds

    return [
        Finding("threads", True, f"{torch.get_num_threads()} (set OMP_NUM_THREADS to change it)"),
        Finding("device and number format", True, device_in_words()),
    ]


def _cache() -> list[Finding]:
    folder = embedded.cache_folder()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    writable = os.access(existing, os.W_OK)
    free = shutil.disk_usage(existing).free / 2**30
    problem = embedded.checksum_problem()
    unwritable = f"{folder} is not writable; set {embedded.CACHE_VARIABLE}"
    absent = problem == "not fetched yet"
    return [
        Finding("cache", writable, str(folder) if writable else unwritable),
        Finding("disk", free > FREE_GIB, f"{free:.1f} GiB free there (a run wants {FREE_GIB:.0f})"),
        Finding(
            "embedded model",
            not problem or absent,
            "checksum right" if not problem else f"{problem}; the next run fetches it" if absent
            else f"{problem}; delete {embedded.model_folder()}",
        ),
    ]  # fmt: skip
