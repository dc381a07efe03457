"""What a model's name stands for now, so that results of a model that has changed are not taken for its own."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from exempla.errors import MissingModelError
from exempla.files import file_sha256
from exempla.models import embedded
from exempla.study import EMBEDDED


def local_folder(name: str) -> Path | None:
    """The model folder that a name means, or None if it is a hub's name.

    Raises:
        MissingModelError: the name is a path, and no model is there.
    """
    folder = Path(name).expanduser()
    if not name.startswith((".", "/", "~")) and not folder.exists():
        return None
    if not (folder / "config.json").is_file():
        raise MissingModelError(f"{name}: is no model folder (it has no config.json)")
    return folder


@cache
def identity(name: str) -> str:
    """The name, with the SHA-256 of the weights and the tokenizer if they are files here.

    A hub's model is known by its name alone: if its owner may change it, download a revision and give the folder.
    """
    if name == EMBEDDED:
        return f"{name} {embedded.GGUF_SHA256}"
    folder = local_folder(name)
    if folder is None:
        return name
    patterns = ("*.safetensors", "*.bin", "config.json", "tokenizer*", "chat_template*")
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return " ".join([name, *(f"{path.name}={file_sha256(path)}" for path in files)])


def has_chat_template(name: str) -> bool:
    """Whether a model comes with a chat template; a hub's model, whose files are not here, counts as one that does.

    Raises:
        MissingModelError: the name is a path, and no model is there.
    """
    folder = None if name == EMBEDDED else local_folder(name)
    if folder is None or (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and bool(json.loads(settings.read_text(encoding="utf-8")).get("chat_template"))


def full_name(name: str) -> str:
    """A model's name in Inspect's form: the embedded one and local folders are served by our own provider."""
    if name == EMBEDDED or (not name.startswith("exempla/") and local_folder(name) is not None):
        return f"exempla/{name}"
    return name
