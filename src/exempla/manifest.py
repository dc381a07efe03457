"""The manifest of a run: what is needed to repeat it."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

from exempla import catalogue
from exempla.files import file_sha256, fingerprint, write_atomically
from exempla.instruments import item_hashes
from exempla.models.identity import identity
from exempla.runfolder import RunFolder, git_revision, now, package_version
from exempla.study import Study

PACKAGES = (
    "exempla",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "tokenizers",
    "safetensors",
    "datasets",
    "pydantic",
    "inspect-ai",
    "openai",
    "py3langid",
    "wordllama",
    "pyarrow",
    "rensa",
    "numpy",
    "scipy",
)


def provenance(machine: dict[str, Any]) -> dict[str, Any]:
    """What anything that was made here came from: command, time, versions, revision, machine."""
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "written": now(),
        "versions": {"python": platform.python_version()} | {name: package_version(name) for name in PACKAGES},
        "git": git_revision(),
        "machine": machine,
    }


def write_manifest(folder: RunFolder, study: Study, hashes: dict[str, str], machine: dict[str, Any]) -> None:
    """Write what is needed to repeat the run: versions, revision, hashes, command, machine."""
    manifest = provenance(machine) | {"sha256": hashes, "seeds": list(study.seeds)}
    write_atomically(folder.manifest, json.dumps(manifest, indent=2) + "\n")


def hashes(study: Study) -> dict[str, str]:
    """SHA-256 of the data, the model and the settings that the study uses."""
    names = {"refusals" if name in catalogue.REFUSALS else name for arm in study.arms for name in arm.mix}
    corpora = {
        f"corpora/{name}.jsonl": file_sha256(catalogue.LIBRARY / "corpora" / f"{name}.jsonl")
        for name in sorted(names - {catalogue.WRITTEN})
        if (catalogue.LIBRARY / "corpora" / f"{name}.jsonl").exists()
    }
    corpora |= {name: file_sha256(catalogue.corpus_file(name)) for name in sorted(filter(catalogue.is_folder, names))}
    others = {
        "constitution": file_sha256(catalogue.constitution_path(study.constitution)),
        "families.jsonl": file_sha256(catalogue.LIBRARY / "families.jsonl"),
        "settings": fingerprint(study),
        "subject": identity(study.subject),
    }
    return corpora | others | item_hashes(study.measuring)
